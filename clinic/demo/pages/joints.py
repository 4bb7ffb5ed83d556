"""Joint adjustment: osteopathy and chiropractic."""

from ..shapes import ClaimData, QuestionData, TherapyData, TreatmentData, prose
from .common import PREGNANT, whole_visit

THERAPY = TherapyData(
    slug="joint-adjustment",
    name="Joint adjustment",
    also_called="osteopathy, osteopath, chiropractic, chiropractor, manipulation, back cracking",
    summary="Osteopaths and chiropractors move stiff joints with their hands.",
    about=prose("""
        An osteopath or a chiropractor looks at how your back, neck and hips move, and then moves
        stiff joints by hand. Some moves are slow and gentle. Some are quick, and you may hear a
        click. The click is gas in the joint, not bone.

        Both professions are regulated by law in the UK. You can look up anyone’s registration.
        """),
    visit=prose("""
        - The first visit is an hour: your story, an examination, and what we think it is.
        - We tell you if we think you should see your GP or have a scan first.
        - Treatment only if you agree. You can say no to any one move, such as a quick one.
        - You go home with one or two exercises. They matter more than what we do.
        """),
    not_for=prose("""
        Not for a broken bone, an infection or a tumour of the spine, or badly thinned bones. Not
        when both legs are getting weaker: that needs a hospital, now.

        Tell us if you take blood thinners or have had a stroke. We then leave out the quick moves.
        """),
    course="Two to six visits. We look again at the third and stop if nothing has changed.",
    bring="Shorts or leggings. Reports of scans, if you have any.",
    strength="some",
    evidence=prose("""
        **It can help a little with low back pain, as one part of a plan that includes exercise.**
        That is how the national guideline puts it: hands-on treatment is an option, but only in a
        package with exercise [@NG59]. On its own we would not expect it to make a lasting change.
        """),
    treatments=(
        TreatmentData(
            "joint-adjustment-first-visit",
            "First visit",
            "An hour: your story, an examination, a first treatment if it is right for you.",
            60,
            6500,
            whole_visit(60, "treatment-room"),
            audience="new",
        ),
        TreatmentData(
            "joint-adjustment-follow-up",
            "Follow-up",
            "For people who have had a first visit with us.",
            30,
            4500,
            whole_visit(30, "treatment-room"),
            audience="returning",
        ),
    ),
    questions=(
        QuestionData(
            "fracture",
            "Have you broken a bone in your back or neck, or might you have?",
            "A broken bone must be checked before anyone moves your back. Please call us.",
        ),
        QuestionData("osteoporosis", "Do you have osteoporosis (thin bones)?"),
        QuestionData("bleeding", "Do you have a bleeding disorder, or take blood thinners?"),
        QuestionData("stroke", "Have you had a stroke, or a tear in a blood vessel of the neck?"),
        QuestionData("cancer", "Are you having treatment for cancer?"),
        PREGNANT,
    ),
    claims=(
        ClaimData(
            "Adults with low back pain, with or without sciatica",
            "Exercise alone",
            "Pain and everyday movement, as part of a package with exercise",
            "better",
            "low",
            ("NG59",),
            "Treatment by hand without exercise, and pain in the neck.",
        ),
    ),
)
