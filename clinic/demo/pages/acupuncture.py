"""Acupuncture."""

from ..shapes import ClaimData, NeedData, QuestionData, TherapyData, TreatmentData, prose
from .common import PREGNANT

THERAPY = TherapyData(
    slug="acupuncture",
    name="Acupuncture",
    also_called="needles, cupping, moxibustion, moxabustion, accupuncture, acupunture",
    summary="Very fine needles, and quiet time to rest while they are in.",
    about=prose("""
        Acupuncture uses needles about as thin as a hair. Your acupuncturist puts a few of them
        just under the skin, often in the arms, legs or back, and leaves them there for a while.

        If it suits you, we may add **cupping** (cups that pull gently on the skin) or
        **moxibustion** (a herb that is burnt near the skin to warm it). Both are part of the
        visit and cost nothing extra. Cups can leave round marks that fade within a week or two.

        The needles are sterile, used once and then thrown away.
        """),
    visit=prose("""
        - We talk about what hurts, how you sleep and what you have tried.
        - You lie down and we put the needles in. Most people feel a small prick or a dull ache.
        - You rest for about 25 minutes with the needles in. You have a bell. Your acupuncturist
          is close by and comes at once if you ring.
        - We take the needles out and talk about what comes next.

        Some people feel sleepy afterwards. Wait a little before you drive. A drop of blood or a
        small bruise is common; serious harm is very rare.
        """),
    not_for=prose("""
        Talk to us before you book if you have a bleeding disorder, take blood thinners, have a
        pacemaker, or are pregnant. We may need to change what we do.

        We do not put needles into skin that is broken or infected.
        """),
    course="Most people try 4 to 6 visits and then decide with us. We do not sell long courses.",
    bring="Loose clothes that roll up above the elbow and the knee. Eat something beforehand.",
    strength="weak",
    evidence=prose("""
        **For long-term low back pain, acupuncture has done better than waiting. It has not done
        clearly better than a sham treatment.** In one well-known trial, people who had
        acupuncture hurt less than people on a waiting list, but about the same as people who had
        shallow needles in the wrong places [@Brinkhaus2006]. That trial left out people with pain
        down the leg, so it tells us nothing about sciatica. A large review of many trials came to
        a similar view [@CD013814].

        Other trials found some benefit when acupuncture was added to usual care
        [@Ammendolia2008] [@Yuan2008], and less use of painkillers [@Thomas2006]. That can matter
        to people who get side effects from long use of painkillers [@Stephenson2011].

        The national guideline of 2009 allowed a short course [@CG88]. It was replaced in 2016 by
        one that **no longer recommends acupuncture for low back pain** [@NG59]. The guideline on
        long-term pain allows one course for some people aged 16 and over, with up to five hours
        of an acupuncturist’s time [@NG193].

        People have asked *how* it might work: through the body’s own painkillers [@Pomeranz1987]
        [@Zhao2008], through inflammation [@Kim2008] [@Kavoussi2007] [@Zijlstra2003], through
        blood flow [@Komori2009], or through the way nerves change when pain lasts
        [@Koestler2002]. Ideas about how it works are not proof that it does.
        """),
    treatments=(
        TreatmentData(
            "acupuncture-first-visit",
            "First visit",
            "A long talk, a look at how you move, and a first treatment.",
            75,
            7000,
            (
                NeedData("", 0, 35),
                NeedData("", 60, 75),
                NeedData("treatment-room", 0, 85),
            ),
            audience="new",
        ),
        TreatmentData(
            "acupuncture-follow-up",
            "Follow-up",
            "For people who have had a first visit with us.",
            60,
            5500,
            (
                NeedData("", 0, 20),
                NeedData("", 45, 60),
                NeedData("treatment-room", 0, 70),
            ),
            audience="returning",
        ),
    ),
    questions=(
        QuestionData("bleeding", "Do you have a bleeding disorder, or take blood thinners?"),
        PREGNANT,
        QuestionData("pacemaker", "Do you have a pacemaker or another device in your body?"),
        QuestionData("needle-fear", "Are you very afraid of needles, or do they make you faint?"),
        QuestionData("skin-infection", "Do you have an infection of the skin?"),
        QuestionData(
            "weak-immunity", "Is your immune system weak, or do you take medicine that weakens it?"
        ),
        QuestionData("epilepsy", "Do you have epilepsy or seizures?"),
    ),
    claims=(
        ClaimData(
            "Adults with long-term low back pain, without pain down the leg",
            "A waiting list",
            "Pain after 8 weeks",
            "better",
            "moderate",
            ("Brinkhaus2006",),
            "Sciatica, slipped disc with nerve signs, back surgery: they were left out.",
        ),
        ClaimData(
            "Adults with long-term low back pain, without pain down the leg",
            "Sham acupuncture (shallow needles in other places)",
            "Pain after 8 weeks",
            "same",
            "moderate",
            ("Brinkhaus2006", "CD013814"),
            "Sciatica, slipped disc with nerve signs, back surgery: they were left out.",
        ),
        ClaimData(
            "Adults with low back pain that does not go away",
            "Usual care alone",
            "Use of painkillers over two years",
            "better",
            "low",
            ("Thomas2006",),
            "What anyone should take: ask whoever prescribes your medicine.",
        ),
        ClaimData(
            "Adults with long-term low back pain",
            "Usual care alone",
            "Pain and movement, when added to usual care",
            "better",
            "low",
            ("Ammendolia2008", "Yuan2008"),
            "Whether the needles themselves made the difference.",
        ),
    ),
)
