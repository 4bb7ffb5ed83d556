"""Real connections compete for the same time; each race has a control that must go wrong."""
