"""Chinese herbal medicine."""

from ..shapes import QuestionData, TherapyData, TreatmentData, prose
from .common import whole_visit

THERAPY = TherapyData(
    slug="chinese-herbal-medicine",
    name="Chinese herbal medicine",
    also_called="chinese herbs, herbal medicine, TCM",
    summary="A long talk, and a mix of herbs made up for you.",
    about=prose("""
        A herbalist listens to your story, looks at your tongue and feels your pulse, and may then
        suggest a mix of dried herbs to boil as a tea, or a powder. We use plants only: nothing
        from animals, and nothing from plants that are under threat.

        Herbs are medicines. They can have side effects, and they can get in the way of other
        medicines. So we check every prescription against what you take.
        """),
    visit=prose("""
        - An hour to talk about your health, your sleep, your food and your medicines.
        - If herbs could suit you, the herbalist writes a prescription. The price of the herbs is
          extra, and we tell you before you pay.
        - We ring you after a week to hear how it is going.
        """),
    not_for=prose("""
        Not in pregnancy or while breastfeeding, unless your midwife or GP agrees. Not with blood
        thinners or a disease of the liver or kidneys before we have talked to your GP.

        **Never stop a medicine from your doctor** because of herbs.
        """),
    course="One visit, then a short one by phone. We do not prescribe for longer than 8 weeks.",
    bring="A list of every medicine and supplement you take, with the doses.",
    strength="none",
    evidence=prose("""
        **We have found no good evidence that Chinese herbs help back pain.** The national
        guideline does not name them [@NG59]. If someone tells you otherwise, ask which trial they
        mean, and show it to us. We would like to read it.
        """),
    treatments=(
        TreatmentData(
            "herbal-consultation",
            "Consultation",
            "An hour to talk, with a prescription if herbs could suit you.",
            60,
            6000,
            whole_visit(60, "consulting-room"),
            min_age=18,
            asks_birth_date=True,
            grid=30,
        ),
    ),
    questions=(
        QuestionData("medicines", "Do you take any medicine from a doctor?"),
        QuestionData("bleeding", "Do you have a bleeding disorder, or take blood thinners?"),
        QuestionData("liver-kidney", "Do you have a disease of the liver or the kidneys?"),
        QuestionData(
            "pregnancy",
            "Are you pregnant or breastfeeding, or could you be pregnant?",
            "Some herbs can harm a baby. We would like to talk with you first. Please call us.",
        ),
        QuestionData("allergy", "Are you allergic to any plant or food?"),
    ),
)
