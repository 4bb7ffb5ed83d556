"""Version 1 of the red-flag questions. Every yes, and every not sure, stops the booking."""

INTRO = (
    "A few problems need a doctor or a hospital, not us, and they cannot wait. Please answer for "
    "the person who will be treated. If you are not sure about one, say so: we count it as a yes "
    "and show you where to get help now."
)

# code, question, tier: 999 is an ambulance, emergency is A&E now, urgent is GP or 111 today.
QUESTIONS = (
    ("chest-pain", "Do you have pain in your chest as well as in your back?", "999"),
    (
        "numb-saddle",
        "Is there new numbness or tingling around your genitals, your bottom or your inner thighs?",
        "emergency",
    ),
    (
        "wiping",
        "Does it feel different, or numb, when you wipe yourself after using the toilet?",
        "emergency",
    ),
    ("passing-urine", "Is it newly hard to pass urine?", "emergency"),
    ("full-bladder", "Can you no longer tell when your bladder is full?", "emergency"),
    ("lost-control", "Have you lost control of your bladder or your bowel?", "emergency"),
    (
        "sexual-function",
        "Has sexual feeling or function changed since your back began to hurt?",
        "emergency",
    ),
    (
        "both-legs",
        "Are both legs weak or numb, or is pain in both legs new or getting worse?",
        "emergency",
    ),
    (
        "accident",
        "Did it begin with a bad accident, such as a road crash or a fall from a height?",
        "emergency",
    ),
    (
        "fever",
        "Do you have a temperature of 38 °C or more, or are you shivering and very unwell?",
        "urgent",
    ),
    ("weight-loss", "Are you losing weight without trying to?", "urgent"),
    ("shape", "Is there a new swelling, or has your back changed its shape?", "urgent"),
    (
        "night-pain",
        "Does the pain stay the same however you rest, or is it worse at night?",
        "urgent",
    ),
)
