"""Rows 1 to 38 of the list of faults and hostile inputs in docs/reliability.md, as far as no other
test holds them already: `git grep test_row_` finds all of them, wherever they stand."""
