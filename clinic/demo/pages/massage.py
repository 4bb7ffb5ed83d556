"""Massage."""

from ..shapes import ClaimData, NeedData, QuestionData, TherapyData, TreatmentData, prose
from .common import PREGNANT, whole_visit

THERAPY = TherapyData(
    slug="massage",
    name="Massage",
    also_called="deep tissue, sports massage, remedial massage, myofascial release, muscle energy "
    "technique, MET, hot stone, hot stones, masage",
    summary="Hands-on work on sore and tight muscles, as firm or as light as you like.",
    about=prose("""
        Your massage therapist uses hands, forearms and sometimes elbows to press, stretch and
        slide over muscles. You say how firm it should be, and you can change your mind at any time.

        We have several ways of working and choose with you on the day:

        - **Deep tissue**: slow, firm pressure.
        - **Sports and remedial**: for a muscle that you have overdone, with stretches.
        - **Myofascial release**: a light, steady pull that is held for a few minutes.
        - **Muscle energy techniques**: you push gently against our hand, then we stretch.
        - **Hot stone**: smooth, warm stones. The gentlest of them.
        """),
    visit=prose("""
        - A few minutes to talk about where it hurts and what you would like.
        - You undress as far as you are happy with, in private. A towel covers the rest of you.
        - The massage. Tell us if anything hurts or is too cold.
        - Time to get up slowly, and one or two things to do at home.

        You may be sore for a day or two.
        """),
    not_for=prose("""
        Do not have a massage if you have, or may have, a **clot in a vein**. A calf that is
        swollen, hot and sore needs a doctor the same day.

        Wait until you are well if you have a fever, an infected patch of skin or an open wound.
        Ask us first after an operation, a broken bone, or during treatment for cancer.
        """),
    course="Come when you need to. If three visits have not helped, we will say so.",
    bring="Nothing special. Shorts are handy for work on the legs.",
    strength="weak",
    evidence=prose("""
        **Massage may ease low back pain for a short time. It works best beside exercise.** The
        national guideline says that hands-on treatment can be offered, but only together with
        exercise [@NG59]. In one British trial people who had massage had a little less pain after
        three months; a year later little of that was left [@Little2008].

        Massage works on muscles. It does not change a disc or a bone.
        """),
    treatments=(
        TreatmentData(
            "massage-60",
            "Classic",
            "Half an hour for one area, such as the neck and shoulders; an hour, as most people "
            "choose; or an hour and a half for the whole body.",
            60,
            6200,
            whole_visit(60, "treatment-room", 10),
            lengths=((30, 3800), (90, 8500)),
        ),
        TreatmentData(
            "sports-massage-60",
            "Sports and remedial",
            "For muscles that you have overworked, with stretches.",
            60,
            6200,
            whole_visit(60, "treatment-room", 10),
        ),
        TreatmentData(
            "hot-stone-massage-90",
            "Hot stone",
            "Slow and warm. We heat the stones before you come.",
            90,
            8500,
            (*whole_visit(90, "treatment-room", 10), NeedData("stone-heater", -20, 90)),
            notice_minutes=180,
        ),
    ),
    questions=(
        QuestionData(
            "clot",
            "Have you been told that you have a clot in a vein, or is one calf swollen, hot and "
            "sore?",
            "Massage could move a clot, and that is dangerous. If one calf is swollen, hot and "
            "sore, call NHS 111 today. Please call us before you book.",
        ),
        QuestionData("fever", "Do you have a fever, or feel ill today?"),
        QuestionData("skin-infection", "Do you have an infection of the skin, or an open wound?"),
        QuestionData(
            "operation", "Have you had an operation or a broken bone in the last 3 months?"
        ),
        PREGNANT,
        QuestionData("cancer", "Are you having treatment for cancer?"),
        QuestionData("osteoporosis", "Do you have osteoporosis (thin bones)?"),
    ),
    claims=(
        ClaimData(
            "Adults with low back pain that keeps coming back",
            "Usual care",
            "Days with pain after 3 months",
            "better",
            "low",
            ("Little2008",),
            "The longer run: a year later little of the difference was left.",
        ),
        ClaimData(
            "Adults with low back pain, with or without sciatica",
            "Exercise without massage",
            "Pain and everyday movement, as part of a package with exercise",
            "unclear",
            "low",
            ("NG59",),
            "Massage on its own, without exercise.",
        ),
    ),
)
