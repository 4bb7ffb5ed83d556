"""The diary in the admin: one module a noun. States are moved by the verbs alone."""

from . import (  # noqa: F401  each registers its pages
    absences,
    appointments,
    directory,
    messages,
    patients,
    resources,
    screening,
)
