"""IDD therapy: the table."""

from ..shapes import ClaimData, NeedData, QuestionData, TherapyData, TreatmentData, prose
from .common import PREGNANT

_TALK = "One of our practitioners has to talk with you first. Please call us."

THERAPY = TherapyData(
    slug="idd-therapy",
    name="IDD therapy",
    also_called="spinal decompression, decompression table, traction, disc therapy, IDD table",
    summary="A computer-controlled table that pulls gently on one part of the spine.",
    about=prose("""
        You lie on a table with a belt round your hips and another round your ribs. A computer
        pulls the two gently apart, holds, and lets go again, over and over for about half an
        hour. The aim is to take some load off one disc for a while.

        It is a modern kind of **traction**. Please read what the evidence says before you decide:
        it is not on our side, and a course costs a lot of money.
        """),
    visit=prose("""
        - **First comes an assessment** (60 minutes). We examine you, look at any scans you have,
          and try the table for a few minutes. Then we say plainly whether we think it suits you.
        - **Each session** takes 40 minutes. We strap you in, the table runs for about 20 minutes,
          and we help you off. You hold a switch that stops it at once.
        - Between sessions you do your exercises. They are not optional.
        """),
    not_for=prose("""
        Not for you if you have a broken bone, a tumour or an infection in the spine, badly
        thinned bones, a swelling of the main artery in your tummy, metal or a fusion in your
        spine, or if you are pregnant or under 18. The table has a limit of 140 kg.

        New numbness between your legs, or trouble with your bladder or bowel, is an emergency. Go
        to A&E.
        """),
    course="Usually 20 sessions over 6 to 8 weeks. We look at it together after every 5.",
    bring="Soft clothes without a belt, and reports of scans. Do not eat a big meal beforehand.",
    strength="against",
    evidence=prose("""
        **The evidence is against it.** IDD is a kind of traction. A review of 32 trials found that
        traction makes little or no difference to low back pain, with or without sciatica
        [@CD003010]. The guideline of 2009 already advised against traction, because proof was
        missing [@CG88]. Today’s guideline says that traction **should not be offered** for low
        back pain or sciatica [@NG59].

        IDD tables are newer than most of the tables in those trials. We know of no good trial that
        shows that they do better. Some of our patients choose it all the same, because they can
        lie still in comfort. If that is you, spend the money with open eyes.
        """),
    treatments=(
        TreatmentData(
            "idd-assessment",
            "Assessment",
            "An examination, a look at your scans and a short try of the table.",
            60,
            9000,
            (
                NeedData("", 0, 60),
                NeedData("decompression-room", 0, 70),
                NeedData("idd-table", 30, 70),
            ),
            grid=10,
            min_age=18,
            asks_birth_date=True,
        ),
        TreatmentData(
            "idd-session",
            "Session",
            "Only after an assessment with us that found it suitable.",
            40,
            7500,
            (
                NeedData("", 0, 10),
                NeedData("", 30, 40),
                NeedData("decompression-room", 0, 50),
                NeedData("idd-table", 0, 50),
            ),
            audience="returning",
            grid=10,
            min_age=18,
            asks_birth_date=True,
            requires="idd-assessment",
        ),
    ),
    questions=(
        QuestionData(
            "fracture",
            "Have you broken a bone in your spine, or might you have?",
            "Pulling on a broken bone can do harm. " + _TALK,
        ),
        QuestionData(
            "tumour",
            "Do you have, or have you had, a tumour in your spine?",
            "It may not be safe. " + _TALK,
        ),
        QuestionData(
            "spine-infection",
            "Do you have an infection in your spine?",
            "It has to heal first. " + _TALK,
        ),
        QuestionData(
            "osteoporosis",
            "Do you have osteoporosis (thin bones)?",
            "Thin bones can break under the pull. " + _TALK,
        ),
        QuestionData(
            "aneurysm",
            "Have you been told that the main artery in your tummy is swollen (an aneurysm)?",
            "The belt presses on your tummy. " + _TALK,
        ),
        QuestionData(
            "metal-or-fusion",
            "Do you have metal in your spine, or bones of it joined by surgery (a fusion)?",
            "The pull could loosen what the surgeon did. " + _TALK,
        ),
        QuestionData(
            "cauda-equina",
            "Is there new numbness between your legs, or new trouble with your bladder or bowel?",
            "This can be an emergency. Go to A&E now, or call 999. Do not wait for us.",
        ),
        QuestionData(PREGNANT.code, PREGNANT.text, "The belt would press on your baby. " + _TALK),
        QuestionData(
            "weight",
            "Do you weigh more than 140 kg (22 stone)?",
            "The table is tested up to 140 kg. " + _TALK,
        ),
    ),
    claims=(
        ClaimData(
            "Adults with low back pain, with or without sciatica",
            "Sham traction, other treatment or none",
            "Pain, everyday movement and return to work",
            "same",
            "moderate",
            ("CD003010", "NG59"),
            "Trials of IDD tables as such: we know of none that is good enough.",
        ),
        ClaimData(
            "Adults with a slipped disc or sciatica",
            "Any other care",
            "Pain in the leg after a course on an IDD table",
            "unclear",
            "very low",
            ("CD003010",),
            "People with metal or a fusion in the spine.",
        ),
    ),
)
