"""Laser therapy."""

from ..shapes import ClaimData, NeedData, QuestionData, TherapyData, TreatmentData, prose
from .common import PREGNANT

THERAPY = TherapyData(
    slug="laser-therapy",
    name="Laser therapy",
    also_called="class IV laser, class 4 laser, low level laser, cold laser, light therapy, lazer",
    summary="Strong, invisible light that warms a sore spot for a few minutes.",
    about=prose("""
        A class IV laser sends strong light, most of it invisible, into a small area of the body.
        You feel warmth. It does not cut or burn when it is used as it should be.

        A laser this strong can harm eyes. We use it in one room only, with a lock on the door
        that tells the machine when it opens, and everybody in the room wears dark glasses.
        """),
    visit=prose("""
        - We ask about your skin, your eyes and your medicines.
        - We both put on dark glasses.
        - The laser is moved slowly over the sore place for about ten minutes. Say at once if it
          gets hot.
        - You can go straight back to what you were doing.
        """),
    not_for=prose("""
        Never over the eyes, over a cancer, or over the tummy in pregnancy. Not if your medicine
        makes your skin burn easily in the sun. Tell us about tattoos: dark ink heats up.
        """),
    course="We suggest no more than 6 visits. If nothing has changed after 3, we stop.",
    bring="Clothes that let us reach the sore place. A list of your medicines.",
    strength="none",
    evidence=prose("""
        **We know of no good evidence that it helps low back pain.** The guideline of 2009 named
        low-level laser among the treatments it did **not** recommend, because proof was missing
        [@CG88]. Our laser is stronger than those. That makes it warmer; nobody has shown that it
        makes it work better for backs. Today’s guideline does not include laser among the
        treatments it recommends [@NG59].

        Some people like the warmth. A heat pack at home is warm too, and costs a few pounds.
        """),
    treatments=(
        TreatmentData(
            "laser-session",
            "Session",
            "Twenty minutes, about ten of them with the laser on.",
            20,
            4000,
            (
                NeedData("", 0, 20),
                NeedData("laser-room", 0, 25),
                NeedData("laser-unit", 0, 20),
            ),
            grid=10,
        ),
    ),
    questions=(
        QuestionData("eye-disease", "Do you have a disease of the eye?"),
        QuestionData(
            "cancer-site",
            "Do you have, or have you had, cancer in the place that hurts?",
            "We never use the laser over a place with cancer. Please call us.",
        ),
        PREGNANT,
        QuestionData(
            "light-medicine", "Do you take medicine that makes your skin burn easily in the sun?"
        ),
        QuestionData("epilepsy", "Do you have epilepsy or seizures?"),
    ),
    claims=(
        ClaimData(
            "Adults with low back pain",
            "Any other care",
            "Pain after a course of low-level laser",
            "unclear",
            "very low",
            ("CG88", "NG59"),
            "Class IV lasers, which are stronger and were not looked at on their own.",
        ),
    ),
)
