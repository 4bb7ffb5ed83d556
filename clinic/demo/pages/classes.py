"""The exercise class."""

from ..shapes import ClaimData, NeedData, QuestionData, TherapyData, TreatmentData, prose
from .common import PREGNANT

THERAPY = TherapyData(
    slug="exercise-class",
    name="Exercise class",
    also_called="back class, strength, posture, stretching, group class, back school, excercise",
    summary="Up to eight people, one physiotherapist, and an hour of careful moving.",
    about=prose("""
        A small group works on strength, posture and stretching. Everyone does the same exercise
        in their own version: lying, sitting, standing, or holding on to a chair. Nobody is
        pushed, and nobody is watched. You can stop at any time and join in again.
        """),
    visit=prose("""
        - Ten minutes to warm up.
        - Half an hour of strength work for the back, the tummy and the legs.
        - Stretching, and lying down at the end.
        - The instructor stays for questions.

        Muscles may ache for a day or two. Sharp pain, or pain running further down a leg, is a
        sign to stop and tell us.
        """),
    not_for=prose("""
        See your GP first if you get chest pain or feel faint when you move. If you cannot get
        down to the floor, come anyway: there is a version on a chair.
        """),
    course="Eight classes over about eight weeks is a good start. Then carry on by yourself.",
    bring="Clothes you can move in, and water. We have mats.",
    strength="good",
    evidence=prose("""
        **Of all that we offer for low back pain, this has the best evidence, and it costs the
        least.** A review of many trials found that exercise probably eases long-term low back
        pain, compared with no treatment or usual care [@Hayden2021]. The national guideline
        recommends a group exercise programme [@NG59]. The effect is real but not huge, and it
        lasts as long as you keep going. No one kind of exercise is best: choose what you like.
        """),
    treatments=(
        TreatmentData(
            "exercise-class",
            "Class",
            "One hour, up to eight people.",
            60,
            1200,
            (
                NeedData("", 0, 60, shared=True),
                NeedData("studio", 0, 60, shared=True),
                NeedData("mat", 0, 60),
            ),
            grid=60,
            is_group=True,
            notice_minutes=60,
        ),
    ),
    questions=(
        QuestionData("chest-pain", "Do you get chest pain or feel faint when you exercise?"),
        QuestionData(
            "operation", "Have you had an operation or a broken bone in the last 3 months?"
        ),
        QuestionData("floor", "Is it hard for you to get down to the floor and up again?"),
        PREGNANT,
    ),
    claims=(
        ClaimData(
            "Adults with long-term low back pain",
            "No treatment or usual care",
            "Pain after about 3 months",
            "better",
            "moderate",
            ("Hayden2021", "NG59"),
            "Pain in the first six weeks, where keeping active may be all that is needed.",
        ),
        ClaimData(
            "Adults with long-term low back pain",
            "Another kind of exercise",
            "Pain after about 3 months",
            "same",
            "low",
            ("Hayden2021",),
        ),
    ),
)
