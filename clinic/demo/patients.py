"""The patients of every awkward kind, and as many ordinary ones as the diary needs."""

from collections.abc import Iterator
from datetime import date, timedelta

from django.utils.text import slugify

from . import names
from .shapes import PatientData

_FAMILY = "the-ropewalks@example.org"
_TWINS = "twins.mum@example.org"
_LONG = (
    "Maximiliana Theodosia Wilhelmina Anastasia Clementine Persephone Evangeline Rosamunde "
    "Featherstonehaugh-Cholmondeley-Marjoribanks-Wriothesley of Upper and Lower Tidecott"
)

AWKWARD = (
    # Names that software trips over.
    PatientData("Null", "null@example.org", "+447700900001", 41),
    PatientData("O", "o@example.org", "+447700900002", 29),
    PatientData("Ada O", "ada.o@example.org", "+447700900003", 34),
    PatientData("Teo", "teo@example.org", "+447700900004", 52, staff_note="Has one name only."),
    PatientData("ליאת בר־נויה", "liat@example.org", "+447700900005", 38),
    PatientData("نورة الهاديّة", "noura@example.org", "+447700900006", 45),
    PatientData("Juno 🌻 Marlowe-Pike", "juno@example.org", "+447700900007", 23),
    PatientData(_LONG, "max@example.org", "+447700900008", 71),
    PatientData("Síofra O’Dwyer-D’Arcy", "siofra@example.org", "+447700900009", 36),
    PatientData("Ned O'Quill", "ned.o'quill@example.org", "+447700900010", 47),
    PatientData("田辺 はなみ", "hanami@example.org", "+447700900011", 33),
    PatientData("अनुजा क्षितिज", "anuja@example.org", "+447700900012", 40),
    PatientData("Þóra Ægirsdóttir", "thora@example.org", "+447700900013", 55),
    PatientData("<b>Bea</b> Boldly & Sons", "bea@example.org", "+447700900014", 49),
    PatientData('Mo "Moss" Greenaway', "mo@example.org", "+447700900015", 60),
    PatientData("bell hartwood", "bell@example.org", "+447700900016", 58),
    PatientData("SHOUTY MCDRIFT", "shouty@example.org", "+447700900017", 44),
    PatientData("N/A", "n.a@example.org", "+447700900018", 30),
    PatientData("Select O’Union", "select@example.org", "+447700900019", 27),
    PatientData("True Undefined", "true@example.org", "+447700900020", 32),
    # Ways to be reached.
    PatientData("Edwin Saltcote", phone="+441174960301", age=83, by_phone=True),
    PatientData(
        "Wynne Harbottle",
        phone="+441174960302",
        age=90,
        by_phone=True,
        staff_note="Hard of hearing on the phone: speak slowly, say the day twice.",
    ),
    PatientData("Clement Farrowby", "clement@example.org", age=66),
    PatientData("Posy Underhay", f"{'p' * 64}@example.org", "+447700900021", 26),
    PatientData("Ivor Plus", "ivor+clinic+visits@example.org", "+447700900022", 39),
    PatientData("Rafe Bouncewell", "mailbox-full@example.org", "+447700900023", 50),
    PatientData("Solveig Ferne", "solveig@example.org", "+33199001234", 42),
    # One address, four people.
    PatientData("Hattie Ropewalk", _FAMILY, "+447700900024", 43),
    PatientData("Gus Ropewalk", _FAMILY, "+447700900024", 45),
    PatientData("Minnie Ropewalk", _FAMILY, "+447700900024", 17),
    PatientData(
        "Otis Ropewalk",
        _FAMILY,
        "+447700900024",
        13,
        staff_note="Under 16: a parent books and comes along (Hattie or Gus Ropewalk).",
        by_phone=True,
        never_comes=True,
    ),
    # Twins: one birthday, one address, two people.
    PatientData("Castor Lindqvale", _TWINS, "+447700900025", 19),
    PatientData("Pollux Lindqvale", _TWINS, "+447700900025", 19),
    # Dates of birth.
    PatientData("Leap Februarius", "leap@example.org", "+447700900026", born=date(1988, 2, 29)),
    PatientData("Agnes Centennial", "agnes@example.org", "+441174960303", 101),
    PatientData("Sunny Justsixteen", "sunny@example.org", "+447700900027", 16),
    # Access needs.
    PatientData(
        "Dilwyn Fairhands",
        "dilwyn@example.org",
        age=37,
        access_needs="I use British Sign Language. Please book an interpreter, or Ash.",
    ),
    PatientData(
        "Perpetua Wheelwright",
        "perpetua@example.org",
        "+447700900028",
        61,
        access_needs="I use a wheelchair: step-free rooms, and a couch that goes down low.",
    ),
    PatientData(
        "Cornelius Loope",
        "cornelius@example.org",
        "+447700900029",
        74,
        access_needs="Hearing loop, please.",
    ),
    PatientData(
        "Bettina Largeprint",
        "bettina@example.org",
        "+447700900030",
        69,
        access_needs="Large print, and a call on the day before.",
    ),
    # Answers that need a look.
    PatientData(
        "Magnus Thinblood",
        "magnus@example.org",
        "+447700900031",
        72,
        yes=("bleeding", "medicines"),
        staff_note="Takes blood thinners.",
    ),
    PatientData(
        "Rosalind Fusewright",
        "rosalind@example.org",
        "+447700900032",
        57,
        yes=("metal-or-fusion", "operation"),
        staff_note="Spinal fusion: never the table.",
    ),
    PatientData(
        "Marisol Duesoon",
        "marisol@example.org",
        "+447700900033",
        31,
        yes=("pregnancy",),
    ),
    PatientData("Faye Maybee", "faye@example.org", "+447700900034", 28, unsure=("pregnancy",)),
    PatientData(
        "Jasper Needleby",
        "jasper@example.org",
        "+447700900035",
        24,
        yes=("needle-fear",),
        wants_chaperone=True,
    ),
    PatientData(
        "Honor Brittle",
        "honor@example.org",
        "+447700900036",
        78,
        yes=("osteoporosis",),
        unsure=("operation",),
    ),
    PatientData("Barnaby Pacer", "barnaby@example.org", "+447700900037", 81, yes=("pacemaker",)),
    PatientData("Lux Photon", "lux@example.org", "+447700900038", 46, yes=("eye-disease",)),
    # Who may be one person twice.
    PatientData("Marjorie Hartnoll", "marjorie@example.org", "+441174960304", 63),
    PatientData("Marj Hartnoll", "marj.hartnoll@example.org", "+441174960304", 63),
    PatientData("Callum Brackenridge", "callum@example.org", "+447700900039", 35),
    PatientData(
        "callum brackenridge", "callum.b@example.org", "+447700900040", 35, never_comes=True
    ),
)

# (newer, older, what they have in common), for staff to decide.
MATCHES = (
    ("Marj Hartnoll", "Marjorie Hartnoll", "phone, date of birth"),
    ("callum brackenridge", "Callum Brackenridge", "name, date of birth"),
    ("Pollux Lindqvale", "Castor Lindqvale", "mail, phone, date of birth"),
    ("Minnie Ropewalk", "Hattie Ropewalk", "mail, phone"),
)

ORDINARY_A_SCALE = 270


def everybody(scale: int) -> list[PatientData]:
    """The awkward ones once, and `scale` times the ordinary ones. The same on every call."""
    return [*AWKWARD, *_ordinary(ORDINARY_A_SCALE * scale)]


def _ordinary(count: int) -> Iterator[PatientData]:
    for n in range(count):
        name = names.ordinary(n)
        yield PatientData(
            name,
            f"{slugify(name)}.{n}@example.org",
            f"+447700900{100 + n % 900}",
            18 + (n * 37) % 68,
            by_phone=n % 9 == 0,
        )


def birthday(data: PatientData, today: date) -> date | None:
    """The date of birth of somebody who is so old today; one family shares the day."""
    if data.age is None:
        return data.born
    days = sum(map(ord, data.name.casefold().split()[-1])) * 7 % today.timetuple().tm_yday
    return date(today.year - data.age, 1, 1) + timedelta(days=days)
