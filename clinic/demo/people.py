"""The twelve practitioners. One's registration has lapsed; one is a draft that nobody sees."""

from .shapes import Hours, PractitionerData, RegistrationData, prose

LANGUAGES = {
    "en": "English",
    "bfi": "British Sign Language",
    "cy": "Welsh",
    "ga": "Irish",
    "gu": "Gujarati",
    "ja": "Japanese",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "tw": "Twi",
    "vi": "Vietnamese",
    "yo": "Yoruba",
}
_ACUPUNCTURE = ("acupuncture-first-visit", "acupuncture-follow-up")
_MASSAGE = ("massage-60", "sports-massage-60")
_JOINTS = ("joint-adjustment-first-visit", "joint-adjustment-follow-up")
_IDD = ("idd-assessment", "idd-session")

PRACTITIONERS = (
    PractitionerData(
        "imogen-oyelaran",
        "Imogen Oyelaran",
        "Acupuncturist and herbalist",
        "Explains first, then asks, then picks up a needle.",
        prose("""
            Imogen worked in a hospital kitchen before she trained, and still asks everybody what
            they had for breakfast. She is used to people who are scared of needles, and to people
            who have tried everything.
            """),
        "woman",
        "she/her",
        ("en", "yo"),
        ("BSc Acupuncture, 2009", "Diploma in Chinese herbal medicine, 2013"),
        (*_ACUPUNCTURE, "herbal-consultation"),
        (
            RegistrationData("BAcC", "DEMO-0001", valid_days=280),
            RegistrationData("RCHM", "DEMO-0002", valid_days=150, is_required=False),
        ),
        (
            Hours("quayside", "09:00", "17:00", (0,)),
            Hours("quayside", "12:00", "20:00", (1,)),
            Hours("hilltop", "09:00", "15:00", (3,)),
        ),
        login="imogen",
    ),
    PractitionerData(
        "kenji-albright",
        "Kenji Albright",
        "Acupuncturist",
        "Quiet rooms, few needles and no hurry.",
        prose("""
            Kenji learnt a gentle style with very thin needles. He likes to work with older people
            and with anyone who has been told that it is all in their head. It is not.
            """),
        "man",
        "he/him",
        ("en", "ja"),
        ("BSc Acupuncture, 2015",),
        _ACUPUNCTURE,
        (RegistrationData("BAcC", "DEMO-0003"),),
        (
            Hours("hilltop", "10:00", "18:00", (0, 2)),
            Hours("hilltop", "09:00", "13:00", (4,)),
            Hours("quayside", "09:00", "14:00", (5,), every_weeks=2),
        ),
        first_visits_a_day=2,
    ),
    PractitionerData(
        "saoirse-fennimore",
        "Saoirse Fennimore",
        "Massage therapist",
        "Firm hands, warm stones and a good ear.",
        prose("""
            Saoirse rowed for twenty years and knows sore shoulders from the inside. She gives the
            only hot stone massage in the house, and tells you honestly when you need rest more
            than massage.
            """),
        "woman",
        "she/her",
        ("en", "ga"),
        ("Diploma in remedial massage, 2011", "Certificate in myofascial release, 2016"),
        (*_MASSAGE, "hot-stone-massage-90"),
        (RegistrationData("CNHC", "DEMO-0004"),),
        (
            Hours("quayside", "09:00", "16:00", (1, 2, 3, 4)),
            Hours("quayside", "10:00", "15:00", sunday_after_days=7),
        ),
    ),
    PractitionerData(
        "bartek-holloway",
        "Bartek Holloway",
        "Sports massage therapist",
        "For runners, lifters, gardeners and other people who overdo it.",
        prose("""
            Bartek looks after two amateur football teams at weekends. He would rather teach you a
            stretch than see you every week, and he writes it down for you.
            """),
        "man",
        "he/him",
        ("en", "pl"),
        ("Diploma in sports massage, 2014",),
        _MASSAGE,
        (RegistrationData("CNHC", "DEMO-0005", valid_days=210),),
        (
            Hours("hilltop", "09:00", "17:00", (0, 1)),
            # On Thursdays at both: who leaves the one late cannot begin at the other at once.
            Hours("hilltop", "09:00", "13:00", (3,)),
            Hours("quayside", "13:15", "20:00", (3,)),
            Hours("quayside", "09:00", "14:00", (5,)),
        ),
    ),
    PractitionerData(
        "ines-quillfeather",
        "Inês Quillfeather",
        "Physiotherapist",
        "Looks after the table, the laser and the lunchtime class.",
        prose("""
            Inês spent ten years in a hospital pain clinic. She will tell you what we know, what we
            don’t, and what it costs. She reviews the health pages on this site.
            """),
        "woman",
        "she/her",
        ("en", "pt"),
        ("BSc Physiotherapy, 2004", "MSc Pain management, 2012"),
        (*_IDD, "laser-session", "exercise-class"),
        (
            RegistrationData("HCPC", "DEMO-0006", valid_days=400),
            RegistrationData("AACP", "DEMO-0007", valid_days=90, is_required=False),
        ),
        (Hours("quayside", "08:00", "16:00", (0, 1, 2, 3)),),
    ),
    PractitionerData(
        "rohan-penhallow",
        "Rohan Penhallow",
        "Osteopath",
        "Takes an hour for your story before he touches your back.",
        prose("""
            Rohan grew up on a farm and has moved a lot of heavy things badly. He works slowly,
            says what he is about to do, and stops when you say so.
            """),
        "man",
        "he/him",
        ("en", "gu"),
        ("Master of Osteopathy, 2010",),
        (*_JOINTS, *_IDD),
        (RegistrationData("GOsC", "DEMO-0008"),),
        (
            Hours("quayside", "08:00", "13:00", (0,)),
            Hours("hilltop", "09:00", "18:00", (1, 2)),
            Hours("quayside", "10:00", "18:00", (4,)),
        ),
        login="rohan",
    ),
    PractitionerData(
        "mirela-stanbrook",
        "Mirela Stanbrook",
        "Chiropractor",
        "Evening visits for people who have been here before.",
        prose("""
            Mirela’s list is full, so she sees people who have been to the clinic already. If you
            are new, start with Rohan.
            """),
        "woman",
        "she/her",
        ("en", "ro"),
        ("Master of Chiropractic, 2008",),
        (*_JOINTS, "idd-session", "laser-session"),
        (RegistrationData("GCC", "DEMO-0009", valid_days=190),),
        (
            Hours("quayside", "12:00", "20:00", (2, 3)),
            Hours("hilltop", "09:00", "17:00", (4,), every_weeks=2),
        ),
        takes_new_patients=False,
    ),
    PractitionerData(
        "ash-thistlewood",
        "Ash Thistlewood",
        "Physiotherapist and class leader",
        "Leads the evening class, in English and in British Sign Language.",
        prose("""
            Ash is deaf in one ear, signs, and faces you when they speak. Their class is for people
            who hated sport at school.
            """),
        "non-binary",
        "they/them",
        ("en", "bfi"),
        ("BSc Physiotherapy, 2018", "Level 3 exercise instructor, 2019"),
        (*_IDD, "laser-session", "exercise-class"),
        (
            RegistrationData("HCPC", "DEMO-0010", valid_days=400),
            RegistrationData("CIMSPA", "DEMO-0011", valid_days=120, is_required=False),
        ),
        (
            Hours("quayside", "14:00", "20:00", (0, 2)),
            Hours("hilltop", "09:00", "17:00", (3,)),
            Hours("quayside", "09:00", "14:00", (5,)),
        ),
    ),
    PractitionerData(
        "gwenllian-prosser-vane",
        "Gwenllian Prosser-Vane",
        "Teacher of the Alexander technique",
        "Lessons in doing less, for people who do too much.",
        prose("""
            Gwenllian played the viola until her back stopped her. Learning to sit differently got
            her playing again, though never for eight hours a day.
            """),
        "woman",
        "she/her",
        ("en", "cy"),
        ("Three-year teacher training, 2006",),
        ("alexander-lesson",),
        (RegistrationData("STAT", "DEMO-0012", valid_days=75),),
        (
            Hours("hilltop", "09:00", "15:00", (0, 2)),
            Hours("quayside", "10:00", "16:00", (4,), every_weeks=2),
        ),
    ),
    PractitionerData(
        "leopold-amankrah",
        "Leopold Amankrah",
        "Coach and supervisor",
        "Asks short questions and waits for long answers.",
        prose("""
            Leopold was a social worker for twenty years. He coaches people who live with pain, and
            supervises practitioners who work with them. In a room or by video, as you like.
            """),
        "man",
        "he/him",
        ("en", "tw"),
        ("Diploma in counselling, 1999", "Certificate in supervision, 2011"),
        ("coaching-session", "supervision-session"),
        (RegistrationData("BACP", "DEMO-0013"),),
        (
            Hours("quayside", "13:00", "20:00", (1,)),
            Hours("quayside", "16:00", "20:00", (2,)),
            Hours("hilltop", "09:00", "17:00", (4,)),
        ),
        insured_days=44,
    ),
    PractitionerData(
        "hester-drummond-kay",
        "Hester Drummond-Kay",
        "Acupuncturist",
        "Back soon, when her papers are in order.",
        prose("""
            Hester has taken a year to write. She cannot be booked until her registration is
            current again.
            """),
        "woman",
        "she/her",
        ("en",),
        ("BSc Acupuncture, 2001",),
        _ACUPUNCTURE,
        (RegistrationData("BAcC", "DEMO-0014", status="lapsed", valid_days=-20),),
        (Hours("quayside", "09:00", "17:00", (2, 4)),),
    ),
    PractitionerData(
        "ngoc-anh-ounapuu-thorsdottir",
        "Ngọc-Ánh Õunapuu-Þórsdóttir O’Dé",
        "Massage therapist",
        "",
        "",
        "",
        "",
        ("en", "vi"),
        (),
        (),
        (RegistrationData("CNHC", "DEMO-0015", status="unchecked", valid_days=365),),
        is_published=False,
    ),
)
