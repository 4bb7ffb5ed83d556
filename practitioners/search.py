"""Who is shown in the directory, and how it is filtered. Knows nothing of booking."""

from dataclasses import dataclass
from datetime import date

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Layout
from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from clinic.text import LineField

from .models import Gender, Language, Location, Practitioner, Registration, Therapy, Treatment

# Words of a search that are looked at; each costs the database a few subqueries.
MOST_WORDS = 8


@dataclass(frozen=True)
class Filters:
    """What somebody looks for; whatever is empty or None does not narrow the search."""

    q: str = ""
    therapy: Therapy | None = None
    location: Location | None = None
    gender: str = ""
    language: Language | None = None


class SlugChoice(forms.ModelChoiceField):
    """One row, named by its slug or code in the address."""

    default_error_messages = {
        "invalid_choice": _("This is not on the list any more. Please choose again.")
    }


class DirectoryForm(forms.Form):
    """The filters over the directory; every one may be left open."""

    q = LineField(
        label=_("Name or word"),
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"type": "search"}),
        error_messages={"max_length": _("Please search for fewer words.")},
    )
    therapy = SlugChoice(
        label=_("Therapy"),
        queryset=Therapy.objects.published(),
        to_field_name="slug",
        required=False,
        empty_label=_("Any therapy"),
    )
    location = SlugChoice(
        label=_("Location"),
        queryset=Location.objects.published(),
        to_field_name="slug",
        required=False,
        empty_label=_("Any location"),
    )
    gender = forms.ChoiceField(
        label=_("Gender"),
        choices=[("", _("Anyone")), *[c for c in Gender.choices if c[0]]],
        required=False,
        error_messages={"invalid_choice": _("Please choose one from the list.")},
    )
    language = SlugChoice(
        label=_("Language"),
        queryset=Language.objects.all(),
        to_field_name="code",
        required=False,
        empty_label=_("Any language"),
    )

    helper = FormHelper()
    helper.form_tag = False
    helper.disable_csrf = True
    helper.layout = Layout(
        "q",
        "therapy",
        "location",
        "gender",
        "language",
        HTML("{% include 'practitioners/directory_button.html' only %}"),
    )

    def filters(self) -> Filters:
        """The filters that are set and valid. Reads the chosen rows: a query each."""
        self.is_valid()
        return Filters(**{name: value for name, value in self.cleaned_data.items() if value})


def in_practice(day: date, people: QuerySet[Practitioner] | None = None) -> QuerySet[Practitioner]:
    """Published practitioners who may see patients on `day`: registered and insured.

    Others are not shown to the public: to present somebody whose registration has lapsed under
    a protected title is an offence. The same rule as Practitioner.bookable_until, as a query.
    """
    required = Registration.objects.filter(practitioner=OuterRef("pk"), is_required=True)
    lapsed = required.filter(Q(status=Registration.Status.LAPSED) | Q(valid_until__lt=day))
    found = Practitioner.objects.published() if people is None else people.filter(is_published=True)
    return found.filter(Exists(required), ~Exists(lapsed), insured_until__gte=day)


def directory(day: date, wanted: Filters) -> QuerySet[Practitioner]:
    """Practitioners in practice on `day` who match all of `wanted`, and every word of its `q`.

    Where somebody works is a matter of hours, which bookings has: `location` is left to the caller.
    """
    found = in_practice(day)
    if wanted.therapy:
        found = found.filter(_gives(therapy=wanted.therapy))
    if wanted.gender:
        found = found.filter(gender=wanted.gender)
    if wanted.language:
        found = found.filter(languages=wanted.language)
    for word in wanted.q.split()[:MOST_WORDS]:
        found = found.filter(_mentions(word))
    return found


def _gives(**what: object) -> Exists:
    given = Practitioner.treatments.through.objects.filter(
        practitioner=OuterRef("pk"),
        treatment__in=Treatment.objects.filter(
            is_published=True, therapy__is_published=True, **what
        ),
    )
    return Exists(given)


def _mentions(word: str) -> Q:
    spoken = Practitioner.languages.through.objects.filter(
        practitioner=OuterRef("pk"), language__name__icontains=word
    )
    return (
        Q(name__icontains=word)
        | Q(profession__icontains=word)
        | Q(summary__icontains=word)
        | Q(_gives(therapy__name__icontains=word))
        | Q(_gives(therapy__also_called__icontains=word))
        | Q(Exists(spoken))
    )
