"""What patients come with: the words of the condition pages."""

from .shapes import ConditionData, prose

_KEEP_MOVING = (
    "- **Keep moving**, a little and often. Walking and swimming are good. Bed rest is not."
)
_HEAT = "- Try warmth, or cold wrapped in a cloth. Never put ice straight on the skin."
_SLEEP = (
    "- On your side, sleep with a pillow between your knees; on your back, with one under them."
)
_STOP = "Stop an exercise that makes the pain severe, or that sends it further down your leg."

SEE_GP = prose("""
    See your GP if it has not begun to get better after a few weeks, if it stops you doing ordinary
    things, if it is severe or getting worse, or if you are worried.

    Do not wait for a GP, or for us, if you have any of the signs that need help now.
    """)

CONDITIONS = (
    ConditionData(
        "low-back-pain",
        "Low back pain (up to 6 weeks)",
        "An ache or a stiff lower back that came on in the last few weeks.",
        prose("""
            Nearly everyone has it at some time. Mostly no single cause can be found, and mostly it
            settles within a few weeks, with or without treatment. A scan seldom helps so early:
            scans of people with no pain show worn discs too.

            **You may not need us.** If it is new and not too bad, try two weeks by yourself first.
            """),
        "\n".join(
            [
                _KEEP_MOVING,
                "- Go back to work before the pain has gone, if you can.",
                _HEAT,
                _SLEEP,
                "- Ask a pharmacist about painkillers.",
                "- **Knee to chest**: lie on your back and bring one knee up with your hands. Hold "
                "it for 25 seconds, three times on each side, once a day. Opinions differ on this "
                "one: some say it helps, others leave it out, above all with a slipped disc. "
                + _STOP,
            ]
        ),
        SEE_GP,
        ("exercise-class", "massage", "joint-adjustment", "acupuncture"),
        "bad back, lumbago, pulled back, back ache",
    ),
    ConditionData(
        "long-term-back-pain",
        "Long-term low back pain",
        "Back pain that has lasted for more than six weeks, or keeps coming back.",
        prose("""
            When pain lasts, nerves can become more watchful: they send alarms though nothing new
            is wrong. That pain is as real as any other. Hurting more does not mean that you are
            harming yourself.

            What helps most people is slow, steady work: moving a little more each week, sleeping
            better, and doing things that matter to them again.
            """),
        "\n".join(
            [
                _KEEP_MOVING,
                "- Work up to 150 minutes of activity a week: about 20 minutes a day.",
                "- Do a bit less than you could on a good day, and a bit more on a bad one.",
                _HEAT,
                _SLEEP,
                "- Strength training twice a week.",
            ]
        ),
        SEE_GP,
        (
            "exercise-class",
            "alexander-technique",
            "massage",
            "joint-adjustment",
            "acupuncture",
            "coaching",
        ),
        "chronic back pain, persistent back pain",
    ),
    ConditionData(
        "sciatica",
        "Sciatica",
        "Pain from the buttock down the back of the leg, often with pins and needles.",
        prose("""
            A nerve from the lower back is squeezed or irritated. You may feel pain down to the calf
            or foot, pins and needles, numbness or weakness. Coughing and sneezing make it worse.
            Back pain **without** pain in the leg is rarely sciatica.

            Ask yourself: **is there any position that eases it, even for a moment?**

            - **Yes.** Then muscles and joints often play a part, and moving usually helps.
            - **No, none.** Then a disc, a narrowing, a slipped bone or an injury may press on the
              nerve. Massage cannot change that. See a physiotherapist or your GP first. If a
              picture is needed, it is an MRI or a CT scan: an X-ray shows bones only.

            Most sciatica gets better within weeks to a few months.
            """),
        "\n".join(
            [
                _KEEP_MOVING,
                _SLEEP,
                "- **Gentle nerve stretch**: lie on your back, hold behind one thigh and slowly "
                "straighten the knee until you feel a pull. 25 seconds, three times on each side, "
                "once a day.",
                "- **Deep buttock stretch**: on your back, put one ankle on the other knee and "
                "draw that leg towards you. 25 seconds, three times on each side, once a day.",
                "- Expect a change within two weeks; it can take six. " + _STOP,
            ]
        ),
        SEE_GP,
        ("exercise-class", "joint-adjustment", "massage", "idd-therapy"),
        "trapped nerve, pinched nerve, leg pain",
    ),
    ConditionData(
        "slipped-disc",
        "Slipped disc",
        "The soft cushion between two bones of the spine bulges and may press on a nerve.",
        prose("""
            Nothing has slipped out of place. A disc has a soft middle; the middle bulges, and
            sometimes it touches a nerve. Many people have a bulging disc and never know it. Most
            bulges shrink by themselves over some months.
            """),
        "\n".join(
            [
                _KEEP_MOVING,
                "- Bend your knees when you lift, and keep the load close to you.",
                "- Change how you sit often. Long drives need breaks.",
                "- Leave out exercises that curl your back hard, such as hugging your knees, until "
                "a practitioner has seen you.",
            ]
        ),
        SEE_GP,
        ("exercise-class", "joint-adjustment", "idd-therapy"),
        "prolapsed disc, herniated disc, bulging disc",
    ),
    ConditionData(
        "spinal-stenosis",
        "Spinal stenosis",
        "A narrow space for the nerves, so that legs ache when you walk.",
        prose("""
            The tunnel that the nerves run through gets tighter, mostly with age. Legs ache, tingle
            or feel heavy when you walk or stand, and ease when you sit or lean on a trolley.
            """),
        "\n".join(
            [
                "- Walk shorter stretches with rests, or ride a bicycle: leaning forward gives the "
                "nerves room.",
                "- Keep your legs strong: get up from a chair ten times, twice a day.",
                _HEAT,
            ]
        ),
        SEE_GP,
        ("exercise-class", "massage", "alexander-technique"),
        "narrowing of the spine, narrow spine",
    ),
    ConditionData(
        "spondylolisthesis",
        "Spondylolisthesis",
        "One bone of the spine has moved forward on the one below.",
        prose("""
            It is often found by chance and often gives no trouble. It can cause an aching back and
            tight muscles behind the thighs. It seldom moves further in adults.
            """),
        "\n".join(
            [
                "- Strong tummy and buttock muscles help. Do not arch your back in exercises.",
                _KEEP_MOVING,
                "- Tell anyone who treats your back about it **before** they begin.",
            ]
        ),
        SEE_GP,
        ("exercise-class", "massage"),
        "slipped vertebra, slipped bone",
    ),
    ConditionData(
        "muscle-spasm",
        "Muscle spasm in the back",
        "The muscles suddenly tighten, and you can hardly straighten up.",
        prose("""
            It is frightening, and it is hardly ever dangerous. Muscles clamp down to guard a sore
            spot. The worst is usually over in a few days.
            """),
        "\n".join(
            [
                "- Find a position that you can bear, breathe slowly, and change it often.",
                _HEAT,
                "- As soon as you can, walk a few steps every hour.",
            ]
        ),
        SEE_GP,
        ("massage", "acupuncture", "joint-adjustment"),
        "back went, locked back, cramp in the back",
    ),
    ConditionData(
        "neck-pain",
        "Neck pain",
        "A sore, stiff neck, sometimes with a headache or an aching arm.",
        prose("""
            Most often it comes from sleeping awkwardly, long hours at a screen, or worry. It
            usually eases within a few weeks.
            """),
        "\n".join(
            [
                "- Turn and tilt your head slowly, as far as is comfortable, several times a day.",
                "- Raise your screen so that you look straight ahead.",
                "- One pillow, not three.",
                _HEAT,
            ]
        ),
        SEE_GP
        + "\n\nAlso call 999 for a sudden, very bad headache with a stiff neck, or if your face, "
        "arm or speech suddenly changes.",
        ("massage", "joint-adjustment", "alexander-technique", "acupuncture"),
        "stiff neck, cricked neck, sore neck",
    ),
    ConditionData(
        "spondylosis",
        "Spondylosis and arthritis of the spine",
        "Wear in the joints of the back or neck, as most people have from middle age.",
        prose("""
            Joints and discs change with age, as hair does. How worn a scan looks says little about
            how much it hurts. Stiffness in the morning that eases within half an hour is typical.

            Stiffness that lasts for **hours**, in someone under 45, is different: ask your GP.
            """),
        "\n".join(
            [
                _KEEP_MOVING,
                "- Strength twice a week, and something that makes you a little out of breath.",
                _HEAT,
            ]
        ),
        SEE_GP,
        ("exercise-class", "massage", "joint-adjustment", "alexander-technique"),
        "wear and tear, osteoarthritis of the spine, degenerative disc",
    ),
    ConditionData(
        "after-back-surgery",
        "After back surgery",
        "Getting strong again when the surgeon has finished.",
        prose("""
            What you may do depends on what was done, and when. **Your surgeon’s advice comes
            first.** Bring the letter from the hospital. Some of what we offer is not for you:
            nobody with metal or a fusion in the spine should have IDD therapy.
            """),
        "\n".join(
            [
                "- Walk every day, and add a little each week.",
                "- No heavy lifting or twisting until the surgeon says so.",
                "- Watch the scar: more redness, heat or fluid needs a call to the ward or 111.",
            ]
        ),
        SEE_GP,
        ("exercise-class", "massage"),
        "discectomy, spinal fusion, failed back surgery",
    ),
)
