"""Who does something to an appointment, for the audit row of each move."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Actor:
    """`kind` is patient, staff, practitioner, api or system; `user` the login, if there is one."""

    kind: str
    user: Any = None

    @classmethod
    def of(cls, user: Any, kind: str = "staff") -> "Actor":
        return cls(kind, user if user is not None and user.is_authenticated else None)

    @property
    def is_clinic(self) -> bool:
        return self.kind in ("staff", "practitioner")


PATIENT = Actor("patient")
API = Actor("api")
SYSTEM = Actor("system")
