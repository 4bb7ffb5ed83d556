"""What can be where, when, and for whom. Reservations stay inside: only verbs write them."""

from . import reservations as _registered  # noqa: F401  Django has to see the model
from .access import EmailProof, FeedToken, IdempotencyKey
from .appointments import LIVE, Answer, Appointment, AppointmentEvent, State
from .notifications import Kind, MailPace, MessageTemplate, Notification, ReminderRule
from .outcomes import Audit, CalledOff, Reached
from .patients import Patient, PatientMatch
from .resources import Absence, BankHoliday, Journey, Need, Opening, Pool, Resource
from .screening import SafetyQuestion, ScreeningForm, ScreeningQuestion, ScreeningRecord
from .undo import Undo

__all__ = [
    "LIVE",
    "Absence",
    "Answer",
    "Appointment",
    "AppointmentEvent",
    "Audit",
    "BankHoliday",
    "CalledOff",
    "EmailProof",
    "FeedToken",
    "IdempotencyKey",
    "Journey",
    "Kind",
    "MailPace",
    "MessageTemplate",
    "Need",
    "Notification",
    "Opening",
    "Patient",
    "PatientMatch",
    "Pool",
    "Reached",
    "ReminderRule",
    "Resource",
    "SafetyQuestion",
    "ScreeningForm",
    "ScreeningQuestion",
    "ScreeningRecord",
    "State",
    "Undo",
]
