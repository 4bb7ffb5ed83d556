"""The published works that the therapy pages cite, by key."""

from typing import NamedTuple


class Work(NamedTuple):
    key: str
    authors: str
    year: int
    title: str
    journal: str = ""
    volume: str = ""
    pages: str = ""


WORKS = (
    Work(
        "Brinkhaus2006",
        "Brinkhaus B, Witt CM, Jena S, Linde K, Streng A, Wagenpfeil S, Irnich D, Walther HU, "
        "Melchart D, Willich SN",
        2006,
        "Acupuncture in patients with chronic low back pain: a randomized controlled trial",
        "Arch Intern Med",
        "166(4)",
        "450-7",
    ),
    Work(
        "Pomeranz1987",
        "Pomeranz B",
        1987,
        "Needling and the body’s own painkillers (a chapter in a textbook of acupuncture)",
        "Springer",
    ),
    Work(
        "Zhao2008",
        "Zhao ZQ",
        2008,
        "Neural mechanism underlying acupuncture analgesia",
        "Prog Neurobiol",
        "85(4)",
        "355-75",
    ),
    Work(
        "Kim2008",
        "Kim HW and others",
        2008,
        "Acupuncture and inflammation (a study in animals)",
        "Brain Res Bull",
        "75(5)",
        "698-705",
    ),
    Work(
        "Kavoussi2007",
        "Kavoussi B, Ross BE",
        2007,
        "Acupuncture and inflammation (a review of ideas)",
        "Integr Cancer Ther",
        "6(3)",
        "251-7",
    ),
    Work(
        "Zijlstra2003",
        "Zijlstra FJ and others",
        2003,
        "Acupuncture and inflammation (a review of ideas)",
        "Mediators Inflamm",
        "12(2)",
        "59-69",
    ),
    Work(
        "Komori2009",
        "Komori M and others",
        2009,
        "Acupuncture and blood flow in small vessels",
        "Anesth Analg",
        "108(2)",
        "635-40",
    ),
    Work(
        "Thomas2006",
        "Thomas KJ and others",
        2006,
        "Acupuncture beside usual care for persistent low back pain: a randomised trial",
        "BMJ",
        "333",
        "623",
    ),
    Work(
        "Ammendolia2008",
        "Ammendolia C and others",
        2008,
        "Needle acupuncture for long-term low back pain",
        "Spine J",
        "8(1)",
        "160-72",
    ),
    Work(
        "Yuan2008",
        "Yuan J and others",
        2008,
        "Acupuncture for low back pain: a systematic review",
        "Spine",
        "33(23)",
        "E887-900",
    ),
    Work("Koestler2002", "Koestler AJ, Myers A", 2002, "How long-term pain changes the nerves"),
    Work("Stephenson2011", "Stephenson", 2011, "Side effects of long-term pain medicine"),
    Work(
        "CD013814",
        "Mu J and others",
        2020,
        "Acupuncture for chronic nonspecific low back pain",
        "Cochrane Database Syst Rev",
        "2020(12)",
        "CD013814",
    ),
    Work(
        "CD003010",
        "Wegner I and others",
        2013,
        "Traction for low-back pain with or without sciatica",
        "Cochrane Database Syst Rev",
        "2013(8)",
        "CD003010",
    ),
    Work(
        "Hayden2021",
        "Hayden JA, Ellis J, Ogilvie R, Malmivaara A, van Tulder MW",
        2021,
        "Exercise therapy for chronic low back pain",
        "Cochrane Database Syst Rev",
        "2021(9)",
        "CD009790",
    ),
    Work(
        "Little2008",
        "Little P and others",
        2008,
        "Randomised controlled trial of Alexander technique lessons, exercise, and massage "
        "for chronic and recurrent back pain",
        "BMJ",
        "337",
        "a884",
    ),
    Work(
        "CG88",
        "National Institute for Health and Clinical Excellence",
        2009,
        "Low back pain: early management (guideline 88, replaced in 2016)",
        "NICE",
    ),
    Work(
        "NG59",
        "National Institute for Health and Care Excellence",
        2016,
        "Low back pain and sciatica in over 16s (guideline 59)",
        "NICE",
    ),
    Work(
        "NG193",
        "National Institute for Health and Care Excellence",
        2021,
        "Chronic pain in over 16s (guideline 193)",
        "NICE",
    ),
)
