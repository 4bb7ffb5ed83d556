"""Coaching, and clinical supervision for other practitioners."""

from ..shapes import TherapyData, TreatmentData, prose
from .common import whole_visit

THERAPY = TherapyData(
    slug="coaching",
    name="Coaching",
    also_called="life coaching, pain coaching, talking, online coaching",
    summary="Someone to think with about living well, here or by video.",
    about=prose("""
        Pain that lasts gets into everything: work, sleep, family, mood. A coach does not treat
        the pain. A coach helps you work out what matters to you now, and what the next small step
        is.

        It is not therapy for an illness of the mind. If you feel that you cannot go on, call 111
        and choose the mental health option, or call Samaritans on 116 123, at any hour.
        """),
    visit=prose("""
        - You say what you would like to be different by the end of the talk.
        - The coach asks, listens, and sometimes suggests something to try.
        - You can come to a room or meet by video. Tell us which in the note when you book.
        """),
    not_for=prose("""
        If you are in a crisis, or are being treated for an illness of the mind, talk to your GP or
        your care team first.
        """),
    course="Three to six talks. You decide each time whether to have another.",
    bring="Nothing. For video: a quiet place and a charged phone or laptop.",
    strength="none",
    evidence=prose("""
        **We make no claim that coaching eases pain.** We have found no good trial of coaching for
        back pain. The national guidelines do support talking treatments that are led by a trained
        psychologist for some people [@NG59] [@NG193]. Coaching is not one of those. Ask your GP
        about them.
        """),
    treatments=(
        TreatmentData(
            "coaching-session",
            "Session, here or by video",
            "Fifty minutes, one to one.",
            50,
            6000,
            whole_visit(50, "talking-room"),
            grid=30,
        ),
    ),
)

SUPERVISION = TherapyData(
    slug="clinical-supervision",
    name="Clinical supervision",
    also_called="supervision, mentoring for practitioners",
    summary="For other practitioners: a place to talk about your own work.",
    about=prose("""
        This is for people who treat other people. You bring a case, a worry or a decision, and
        look at it with someone who has no stake in it. Do not name your patients.
        """),
    visit=prose("""
        - You bring one or two things to talk about.
        - We agree what you take away, and you get a short note of it for your own file.
        """),
    not_for=prose("""
        It is not care for patients. If you came here for your own pain, choose a practitioner
        instead.
        """),
    course="Once a month suits most people.",
    bring="Your questions. Leave out anything that shows who a patient is.",
    strength="none",
    evidence=prose("""
        Supervision is not a treatment, so there is no evidence to give for back pain.
        """),
    treatments=(
        TreatmentData(
            "supervision-session",
            "Session, here or by video",
            "Fifty minutes, for practitioners.",
            50,
            6000,
            whole_visit(50, "talking-room"),
            grid=30,
            min_age=18,
        ),
    ),
)
