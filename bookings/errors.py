"""Every way in which a booking can be refused, each with its sentence for a person."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from clinic.errors import Refused

if TYPE_CHECKING:
    from .availability import Start


class StartTaken(Refused):
    """Somebody else has it. `alternatives` are starts that were free a moment ago."""

    code = "start_taken"
    status = 409

    def __init__(self, alternatives: "list[Start] | None" = None) -> None:
        super().__init__(
            _("Sorry, this time has just been taken. Please choose another one."), field="start"
        )
        self.alternatives = alternatives or []


class StartNotOffered(Refused):
    """The start is none of this treatment's, now or for this practitioner. `code` says why."""

    SENTENCES = {
        "past": _("This time is in the past. Please choose another one."),
        "too_soon": _("This is too soon to book online. Please call us, or choose a later time."),
        "beyond_horizon": _(
            "We do not take bookings this far ahead yet. Please choose an earlier day."
        ),
        "off_grid": _(
            "Appointments do not start at this time. Please choose one of the times shown."
        ),
        "closed": _("We are not open for this at that time. Please choose another time."),
        "not_given": _(
            "This practitioner does not give this treatment there. Please choose again."
        ),
        "not_bookable": _("This treatment cannot be booked online. Please call us."),
    }

    def __init__(self, code: str) -> None:
        field = "practitioner" if code == "not_given" else "start"
        super().__init__(self.SENTENCES[code], code=code, field=field)


class PatientBusy(Refused):
    code = "patient_busy"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            _("There is already an appointment with these details at that time."), field="start"
        )


class TooManyHolds(Refused):
    """So many times are kept from one address that nobody there may keep another one yet."""

    code = "too_many_holds"
    status = 429

    def __init__(self) -> None:
        super().__init__(
            _(
                "Many times are being kept from your network just now. Please book one of them, or "
                "try again in a few minutes. You can also call us."
            )
        )


class HoldExpired(Refused):
    code = "hold_expired"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            _("We could not keep this time any longer. Please choose a time again."), field="start"
        )


class Busy(Refused):
    """It was tried often enough: others write the same rows, or somebody holds the database."""

    code = "busy"
    status = 503
    RETRY_AFTER_SECONDS = 5

    def __init__(self) -> None:
        super().__init__(
            _(
                "Many people are booking at this moment, and nothing was changed. Please try again "
                "in a few seconds."
            )
        )


class WrongState(Refused):
    """The verb does not fit the appointment's state, e.g. cancelling what is cancelled."""

    code = "wrong_state"
    status = 409


class HasMoved(WrongState):
    code = "has_moved"

    def __init__(self) -> None:
        super().__init__(
            _(
                "This appointment has been moved since you opened the page. Nothing was changed "
                "now: please look at its time again."
            )
        )


class PolicyRefused(Refused):
    code = "past_deadline"
    status = 409


class ScreeningNeeded(Refused):
    code = "screening_needed"
    status = 409

    def __init__(self) -> None:
        super().__init__(_("Please answer the safety questions first."), field="screening")


class ScreeningUnavailable(Refused):
    code = "screening_unavailable"
    status = 503

    def __init__(self) -> None:
        super().__init__(
            _(
                "We cannot ask the safety questions right now, so nothing can be booked online. "
                "Please call us."
            ),
            field="screening",
        )


class RedFlag(Refused):
    """An answer to the safety questions means: get help now, do not book."""

    code = "red_flag"

    def __init__(self) -> None:
        super().__init__(
            _(
                "Your answers mean that you should get medical help now, before anything else. "
                "Call 999 in an emergency, or NHS 111."
            ),
            field="screening",
        )


class Blocked(Refused):
    """A safety answer means that a practitioner has to speak to the patient first."""

    code = "speak_to_us_first"

    def __init__(self, reason: str, field: str) -> None:
        super().__init__(
            reason or _("Please call us, so that a practitioner can speak to you first."),
            field=field,
        )


class NeedsProof(Refused):
    """Only for patients who have been before, and have proved their mail address."""

    code = "returning_only"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            _(
                "This treatment is for patients who have been to us before. Please confirm your "
                "mail address first, or choose a first visit."
            ),
            field="treatment",
        )


class NeedsAssessment(Refused):
    code = "assessment_needed"

    def __init__(self, treatment: str) -> None:
        super().__init__(
            _("This needs a visit “%(treatment)s” first, that found it suitable for you.")
            % {"treatment": treatment},
            field="treatment",
        )


class TooYoung(Refused):
    code = "too_young"

    def __init__(self, age: int) -> None:
        super().__init__(
            _(
                "Online booking is for people of %(age)d and over. Please call us: a parent or "
                "guardian books and comes along."
            )
            % {"age": age},
            field="date_of_birth",
        )
