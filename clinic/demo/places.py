"""The clinic, its two locations, what stands in them, and which of it is interchangeable."""

from typing import NamedTuple

from .shapes import Hours

CLINIC = {
    "name": "Tidewell Clinic",
    "strapline": "Unhurried care in Bristol, by people who listen",
    "phone": "0117 496 0100",
    "email": "hello@example.org",
    "answers_within": "one working day",
    "cancellation_hours": 24,
}

LOCATIONS = (
    {
        "slug": "quayside",
        "name": "Tidewell Quayside",
        "street": "3 Lanternmaker’s Wharf",
        "city": "Bristol",
        "postcode": "ZZ99 1AA",
        "phone": "0117 496 0101",
        "step_free": True,
        "hearing_loop": True,
        "directions": "The green door beside the boat shed. There is no step, the door opens by "
        "itself, and two parking places are kept for blue badges. The bus stops across "
        "the road.",
    },
    {
        "slug": "hilltop",
        "name": "Tidewell Hilltop",
        "street": "41 Kitefield Rise",
        "city": "Bristol",
        "postcode": "ZZ99 2BB",
        "phone": "0117 496 0102",
        "step_free": False,
        "hearing_loop": False,
        "directions": "The tall house with the blue gate. Five steps lead to the door and the "
        "rooms are upstairs; there is no lift. If steps are hard for you, choose Quayside.",
    },
)

LOCATION_HOURS = (
    Hours("quayside", "08:00", "20:00", (0, 1, 2, 3, 4)),
    Hours("quayside", "09:00", "14:00", (5,)),
    Hours("quayside", "10:00", "15:00", sunday_after_days=7),
    Hours("hilltop", "09:00", "18:30", (0, 1, 2, 3, 4)),
)


# How long it takes from one location to another, either way.
JOURNEY_MINUTES = 30


class Thing(NamedTuple):
    """A room or a piece of equipment: where, in which pools, and how often it stands there."""

    kind: str
    location: str
    name: str
    pools: tuple[str, ...]
    count: int = 1  # type: ignore[assignment]  # a named tuple's own count() is not missed
    # Its own hours, where they differ from the location's.
    hours: tuple[Hours, ...] = ()
    # The name of the room that it cannot leave.
    lives_in: str = ""


# The studio is open when the class is: its hours are the timetable.
CLASS_HOURS = (
    Hours("quayside", "18:00", "19:00", (0, 2)),
    Hours("quayside", "12:00", "13:00", (1, 3)),
    Hours("quayside", "10:00", "11:00", (5,)),
)

THINGS = (
    Thing("room", "quayside", "Treatment room", ("treatment-room",), 4),
    Thing("room", "quayside", "Consulting room", ("consulting-room", "talking-room"), 2),
    Thing("room", "quayside", "Video room", ("talking-room",)),
    Thing("room", "quayside", "Table room", ("decompression-room",)),
    Thing("room", "quayside", "Laser-safe room", ("laser-room",)),
    Thing("room", "quayside", "Studio", ("studio",), 1, CLASS_HOURS),
    Thing("equipment", "quayside", "IDD table Q", ("idd-table",)),
    Thing("equipment", "quayside", "Laser unit", ("laser-unit",), lives_in="Laser-safe room"),
    Thing("equipment", "quayside", "Stone heater", ("stone-heater",)),
    Thing("equipment", "quayside", "Mat", ("mat",), 8),
    Thing("room", "hilltop", "Treatment room", ("treatment-room",), 3),
    Thing("room", "hilltop", "Consulting room", ("consulting-room", "talking-room"), 1),
    Thing("room", "hilltop", "Video room", ("talking-room",)),
    Thing("room", "hilltop", "Table room", ("decompression-room",)),
    Thing("equipment", "hilltop", "IDD table H", ("idd-table",)),
)

POOLS = {
    "treatment-room": "Treatment room",
    "consulting-room": "Consulting room",
    "talking-room": "Consulting room or video room",
    "decompression-room": "Table room",
    "idd-table": "IDD table",
    "laser-room": "Laser-safe room",
    "laser-unit": "Laser unit",
    "stone-heater": "Stone heater",
    "studio": "Studio",
    "mat": "Mat",
}
