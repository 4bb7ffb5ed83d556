"""Alexander technique."""

from ..shapes import ClaimData, TherapyData, TreatmentData, prose
from .common import whole_visit

THERAPY = TherapyData(
    slug="alexander-technique",
    name="Alexander technique",
    also_called="alexander lessons, posture lessons",
    summary="Lessons in how you sit, stand and move, one to one.",
    about=prose("""
        It is a lesson rather than a treatment. A teacher helps you notice habits, such as pulling
        your head back when you stand up or holding your breath at a screen, and helps you leave
        them out. You stay dressed. Touch is light, and only if you agree.
        """),
    visit=prose("""
        - You do ordinary things: sit down, get up, walk, bend, lie on a table.
        - The teacher guides you with words and a light hand.
        - You go home with one small thing to notice until next time.
        """),
    not_for=prose("""
        There is hardly anyone who should not try it. If your pain is new and strong, have it
        looked at first.
        """),
    course="Learning takes time. The trial below used 6 or 24 lessons; 6 is a fair try.",
    bring="Clothes you can bend in.",
    strength="some",
    evidence=prose("""
        **One good British trial speaks for it.** People with long-term or returning back pain who
        had 24 lessons had fewer days with pain a year later than people who had usual care. Six
        lessons together with exercise did nearly as well [@Little2008]. It is one trial, though a
        large one, and it looked at backs only.
        """),
    treatments=(
        TreatmentData(
            "alexander-lesson",
            "Lesson",
            "One to one, for beginners and for people who carry on.",
            45,
            5000,
            whole_visit(45, "consulting-room"),
        ),
    ),
    claims=(
        ClaimData(
            "Adults with long-term or returning low back pain",
            "Usual care",
            "Days with pain after a year, with 24 lessons",
            "better",
            "moderate",
            ("Little2008",),
            "Pain in the neck, and back pain that is new.",
        ),
    ),
)
