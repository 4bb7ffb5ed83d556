"""The database: there, new enough, whole, and really refusing what it has to refuse."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.apps import apps
from django.db import IntegrityError, NotSupportedError, connection, transaction

from clinic import health
from clinic.clock import now
from clinic.models import Heartbeat
from clinic.tasks import STEP_BACK

from .findings import Findings, ok, problem, warning

OURS = ("clinic", "practitioners", "bookings")
RESTORE = "Restore the table from a backup, or make the constraint again from the model."
# A resource that cannot exist: what is tried with it meets nobody's booking.
NOBODY = -1
TRIED_AT = datetime(2000, 1, 3, 9, tzinfo=UTC)


def server() -> Findings:
    """It answers, and is new enough for Django and for our constraints."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except NotSupportedError as error:
        yield problem(f"The database is too old: {error}", "Upgrade the database server.")
        return
    except Exception as error:
        yield problem(
            f"The database does not answer ({type(error).__name__}).",
            "Is the server running, and does DATABASE_URL name it, with the right password? "
            "For SQLite: can VAR_DIR be written?",
        )
        return
    version = ".".join(map(str, connection.get_database_version()))
    yield ok(f"{connection.display_name} {version} answers.")


def extensions() -> Findings:
    """PostgreSQL needs btree_gist for the constraint against double booking."""
    if connection.vendor != "postgresql":
        yield ok("None needed.")
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'btree_gist'")
        row = cursor.fetchone()
    if row:
        yield ok(f"btree_gist {row[0]} is there.")
    else:
        yield problem(
            "The extension btree_gist is missing.",
            "python manage.py migrate makes it. Where it may not, as the database's owner: "
            "CREATE EXTENSION btree_gist",
        )


def migrations() -> Findings:
    """The database has had every migration of the code."""
    result = health.check_migrations()
    if result == "ok":
        yield ok("All are applied.")
    else:
        yield problem(
            f"Migrations: {result}.", "python manage.py migrate; then run the doctor again."
        )


def constraints() -> Findings:
    """Every constraint of the models stands in the database, whoever has been at its tables."""
    missing = [
        name
        for app in OURS
        for model in apps.get_app_config(app).get_models()
        for name in _missing(model)
    ]
    if missing:
        yield problem(f"Missing in the database: {', '.join(sorted(missing))}.", RESTORE)
    else:
        yield ok("Every rule of the models stands in the database.")


def _missing(model: Any) -> list[str]:
    table = model._meta.db_table
    with connection.cursor() as cursor:
        present = set(connection.introspection.get_constraints(cursor, table))
        if connection.vendor == "sqlite":
            # The rule against overlap is a pair of triggers there.
            cursor.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table]
            )
            triggers = {name for (name,) in cursor.fetchall()}
            present |= {n.removesuffix("_ins") for n in triggers if n[:-4] + "_upd" in triggers}
    return [c.name for c in model._meta.constraints if c.name not in present]


def double_booking() -> Findings:
    """Try to book a resource twice, in a transaction that is rolled back."""
    reservation = apps.get_model("bookings", "Reservation")
    hour = timedelta(hours=1)

    def book(start: datetime) -> bool:
        try:
            with transaction.atomic():
                reservation.objects.create(
                    resource_id=NOBODY,
                    appointment_id=NOBODY,
                    starts_at=start,
                    ends_at=start + hour,
                )
        except IntegrityError:
            return False
        return True

    with transaction.atomic():
        # One after the other is fine; half an hour into the second is not.
        tried = [book(TRIED_AT + hour * n) for n in (0, 1, 1.5)]
        transaction.set_rollback(True)
    if tried == [True, True, False]:
        yield ok("The database refuses to book one thing twice (tried, and rolled back).")
    elif tried[2]:
        yield problem("The database books one thing twice.", f"Take the site offline. {RESTORE}")
    else:
        yield problem(
            "The database refuses a reservation that harms nobody.",
            "Look at the constraints and triggers of bookings_reservation.",
        )


def clock() -> Findings:
    """The site's clock and the database's agree, and time has not gone back."""
    last = Heartbeat.last()
    if last and last - now() > STEP_BACK:
        yield problem(
            f"The last heartbeat is {_seconds(last - now())} ahead: a clock was set back.",
            "Let chrony or systemd-timesyncd keep the clocks of all machines.",
        )
    if connection.vendor != "postgresql":
        yield ok("The database lives by this machine's clock.")
        return
    before = now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        theirs = cursor.fetchone()[0]
    apart = abs(theirs - (before + (now() - before) / 2))
    if apart < timedelta(seconds=2):
        yield ok("The database's clock and ours agree.")
        return
    say = problem if apart > timedelta(minutes=1) else warning
    yield say(
        f"The database's clock and ours are {_seconds(apart)} apart.",
        "Let chrony or systemd-timesyncd keep the clocks of all machines.",
    )


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.0f} s"
