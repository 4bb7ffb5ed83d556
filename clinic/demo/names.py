"""Invented names for the many people who only fill the diary."""

_FIRST = (
    "Ada Bram Cleo Dov Edda Farid Greta Hugo Ilse Jonah Kezia Lorcan Maud Nuno Odile Perran "
    "Quentin Rukmini Silas Tamsin Ulla Vikram Wilf Xanthe Yusuf Zelda Anouk Bashir Cerys Dilys "
    "Esme Fintan Gaia Harjit Ivo Jemima"
)
_LAST = (
    "Appleyard Birchfold Candlewick Dunmarrow Elderkin Fenwright Gullane-Moss Hartsease Inkpenny "
    "Jessamy Kettlewood Larkhollow Mossgrove Netherby Osterwyn Plumtree Quickthorn Rainsford-Hale "
    "Saltmarsh Tidecott Underbough Vinterby Wychwater Yarrowdale Zeal-Abbott Ashcombe-Rao "
    "Bramblewaite Copperfold Driftmere Evenlode Foxmantle"
)
FIRST, LAST = _FIRST.split(), _LAST.split()


def ordinary(n: int) -> str:
    """The n-th name: all pairs come once before any comes again."""
    first = FIRST[n % len(FIRST)]
    last = LAST[(n * 5 + n // len(FIRST)) % len(LAST)]
    return f"{first} {last}"
