"""The demo clinic: invented people in an invented clinic, for trying the site out.

    pages/       the words and treatments of each therapy        (data)
    conditions, evidence, places, people, patients, inbox, screening, holidays   (data)
    world.py     turns that data into the directory and the diary's resources
    diary.py     decides who comes when, in memory               (no database)
    history.py   what became of each visit                       (no database)
    rows.py      writes appointments, reservations, messages in bulk
    load.py      the order of it all; `manage.py demo_data` calls it

Nobody in here exists. Phone numbers come from the ranges that Ofcom keeps for drama, mail
addresses end in example.org, and registration numbers say that they are made up.
"""
