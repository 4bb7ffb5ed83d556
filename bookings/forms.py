"""What a patient types while booking, cleaned. Rules about booking live in the verbs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from clinic import clock
from clinic.phones import PhoneField
from clinic.text import BlockField, LineField, MailField
from practitioners.models import Gender, Location, Practitioner, Therapy, Treatment

from .models import Patient, SafetyQuestion, ScreeningForm
from .patients import Details

OLDEST_YEARS = 120
# More unanswered questions than this share one line of the error summary.
MOST_BLANK_LINES = 3
ANSWERS = [("no", _("No")), ("yes", _("Yes")), ("unsure", _("Not sure"))]
ANSWER_PREFIX = "answer-"


class StyledForm(forms.Form):
    """Widgets wear the theme's classes, and a field with an error looks like one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            for widget in getattr(field.widget, "widgets", [field.widget]):
                style = "form-select" if isinstance(widget, forms.Select) else "form-control"
                if isinstance(widget, forms.CheckboxInput):
                    style = "form-check-input"
                if not isinstance(widget, forms.RadioSelect | forms.HiddenInput):
                    widget.attrs.setdefault("class", style)

    def add_error(self, field: str | None, error: Any) -> None:
        super().add_error(field, error)
        for name in self.errors:
            if name in self.fields:
                widget = self.fields[name].widget
                for part in getattr(widget, "widgets", [widget]):
                    if "is-invalid" not in part.attrs.get("class", "is-invalid"):
                        part.attrs["class"] += " is-invalid"


@dataclass(frozen=True)
class Problem:
    """A line of the error summary, and the id of the input it leads to."""

    text: str
    target: str


def problems(form: forms.Form) -> list[Problem]:
    """What is wrong, in the page's order; many unanswered questions make one line, not twelve."""
    found: list[Problem] = []
    blank: list[Problem] = []
    for field in form:
        # A radio group has no id of its own: its first button has.
        target = field.id_for_label or f"{field.auto_id}_0"
        for error in field.errors.as_data():
            name = field.label if str(field.label).endswith("?") else f"{field.label}:"
            line = Problem(f"{name} {' '.join(error.messages)}", target)
            is_radio = isinstance(field.field.widget, forms.RadioSelect)
            (blank if is_radio and error.code == "required" else found).append(line)
    if len(blank) > MOST_BLANK_LINES:
        n = len(blank)
        text = ngettext("%(n)d question has no answer.", "%(n)d questions have no answer.", n)
        blank = [Problem(text % {"n": n}, blank[0].target)]
    return found + blank


def _radios(label: Any, choices: list[tuple[str, Any]], **kwargs: Any) -> forms.ChoiceField:
    """A question with radio buttons of which none is preselected."""
    return forms.ChoiceField(
        label=label,
        choices=choices,
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Please choose an answer."),
            "invalid_choice": _("Please choose one of the answers shown."),
        },
        **kwargs,
    )


class GateForm(forms.Form):
    """The red-flag questions of one version. Reads the questions: prefetch them."""

    def __init__(self, form: ScreeningForm, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "prefix": "gate"})
        self.version = form
        for question in form.questions.all():
            self.fields[question.code] = _radios(question.text, ANSWERS)

    def problems(self) -> list[Problem]:
        return problems(self)


class RowField(forms.ChoiceField):
    """One of some rows, named in the address by its slug; empty means all of them."""

    def __init__(self, everything: Any, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.everything = everything
        self.rows: dict[str, Any] = {}

    def offer(self, rows: Iterable[Any]) -> None:
        self.rows = {row.slug: row for row in rows}
        self.choices = [("", self.everything), *((k, r.name) for k, r in self.rows.items())]


class FilterForm(StyledForm):
    """With whom and where: sent by GET, so that a page's address says all of it."""

    practitioner = RowField(_("Anyone"), label=_("With whom"))
    location = RowField(_("Any location"), label=_("Where"))

    def __init__(
        self, people: Iterable[Practitioner], places: Iterable[Location], *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.offer("practitioner", people)
        self.offer("location", places)

    def offer(self, name: str, rows: Iterable[Any]) -> None:
        """What can be chosen in the field `name`."""
        field = self.fields[name]
        assert isinstance(field, RowField)  # noqa: S101
        field.offer(rows)

    def chosen(self, name: str) -> Any:
        """The row that was chosen in a valid form, or None for all."""
        field = self.fields[name]
        assert isinstance(field, RowField)  # noqa: S101
        return field.rows.get(self.cleaned_data[name])

    def query(self) -> dict[str, str]:
        """What was chosen, as an address's parameters."""
        return {name: value for name, value in self.cleaned_data.items() if value}


class ChooseForm(FilterForm):
    """The same for the list of treatments, and of which therapy."""

    therapy = RowField(_("All therapies"), label=_("Therapy"))
    field_order = ["therapy", "practitioner", "location"]

    def __init__(self, therapies: Iterable[Therapy], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("therapy", therapies)


class CalendarForm(FilterForm):
    """The calendar's: also which practitioner, where those who can be chosen differ in it.

    Reads the languages of `people`: prefetch them. Only shows; the address is read by
    views.calendar.
    """

    gender = forms.ChoiceField(label=_("Gender of the practitioner"), required=False)
    language = forms.ChoiceField(label=_("Language they speak"), required=False)

    def __init__(
        self, people: Iterable[Practitioner], places: Iterable[Location], *args: Any, **kwargs: Any
    ) -> None:
        people, places = list(people), list(places)
        super().__init__(people, places, *args, **kwargs)
        genders = {p.gender for p in people}
        spoken = {la.code: la.name for p in people for la in p.languages.all()}
        shared = [code for code in spoken if all(code in _codes(p) for p in people)]
        self._choose("gender", _("Any"), [c for c in Gender.choices if c[0] and c[0] in genders])
        self._choose("language", _("Any"), sorted(spoken.items(), key=lambda row: row[1]))
        tells = {
            "practitioner": len(people) > 1,
            "location": len(places) > 1,
            "gender": len(genders) > 1,
            "language": len(spoken) > len(shared),
        }
        for name, differs in tells.items():
            # What is set already can be seen and taken back.
            if not differs and not self.initial.get(name):
                del self.fields[name]

    def _choose(self, name: str, everything: Any, rows: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [("", everything), *rows]


def _codes(person: Practitioner) -> set[str]:
    return {language.code for language in person.languages.all()}


class DateOfBirthWidget(forms.MultiWidget):
    """Three short boxes: easier to type than any calendar. date_of_birth_field.html draws them."""

    def __init__(self) -> None:
        super().__init__(
            {
                part: forms.TextInput(attrs={"autocomplete": f"bday-{part}", "maxlength": 6})
                for part in ("day", "month", "year")
            }
        )

    def decompress(self, value: Any) -> list[Any]:
        return [value.day, value.month, value.year] if isinstance(value, date) else [None] * 3


class DateOfBirthField(forms.MultiValueField):
    """A date of birth that exists, is not in the future and not 120 years ago."""

    widget = DateOfBirthWidget

    def __init__(self, **kwargs: Any) -> None:
        error = {"required": _("Please write the day, the month and the year.")}
        part = [LineField(required=False), LineField(required=False), LineField(required=False)]
        super().__init__(part, error_messages=error, require_all_fields=False, **kwargs)

    def compress(self, parts: list[str]) -> date | None:
        if not any(parts or []):
            return None
        try:
            day, month, year = (int(p) for p in parts)
            born = date(year, month, day)
        except (ValueError, OverflowError):
            raise ValidationError(
                _("This date does not exist. Please write it like 27 3 1981."), code="invalid"
            ) from None
        today = clock.today("Europe/London")
        if born > today:
            raise ValidationError(_("A date of birth is in the past."), code="future")
        if today.year - born.year > OLDEST_YEARS:
            raise ValidationError(_("Please check the year, with four digits."), code="old")
        return born


class DetailsForm(StyledForm):
    """Who comes, and what we have to know before: nothing that we do not need."""

    name = LineField(
        label=_("Name of the patient"),
        max_length=200,
        error_messages={"required": _("Please write the name.")},
        widget=forms.TextInput(attrs={"autocomplete": "name", "dir": "auto"}),
    )
    email = MailField(
        label=_("Mail address"),
        error_messages={"required": _("Please write a mail address.")},
        help_text=_("We send the confirmation and reminders there."),
    )
    phone = PhoneField(
        label=_("Phone"),
        required=False,
        help_text=_("So that we can reach you if something changes at short notice."),
    )
    date_of_birth = DateOfBirthField(
        label=_("Date of birth"), help_text=_("For example 27 3 1981."), required=True
    )
    of_age = _radios("", [("no", _("No")), ("yes", _("Yes"))])
    access_needs = LineField(
        label=_("What do you need to get in, hear or follow?"),
        required=False,
        max_length=300,
        help_text=_("For example a step-free way in, a hearing loop, BSL, or another language."),
        widget=forms.TextInput(attrs={"dir": "auto"}),
    )
    wants_chaperone = forms.BooleanField(
        label=_("I would like a chaperone: somebody else in the room with us"), required=False
    )
    note = BlockField(
        label=_("What should the practitioner know?"),
        required=False,
        max_length=2000,
        help_text=_("In a few words. Your practitioner and our reception can read it."),
        widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"}),
    )

    def __init__(
        self,
        treatment: Treatment,
        questions: Iterable[SafetyQuestion],
        *args: Any,
        patient: Patient | None = None,
        **kwargs: Any,
    ) -> None:
        """`patient` is the record proved to be theirs: what it holds is not asked again."""
        super().__init__(*args, **kwargs)
        if patient:
            for name in ("name", "email", "phone"):
                del self.fields[name]
        if treatment.asks_birth_date and patient and patient.date_of_birth:
            del self.fields["date_of_birth"], self.fields["of_age"]
        elif treatment.asks_birth_date:
            del self.fields["of_age"]
        else:
            del self.fields["date_of_birth"]
            if treatment.min_age:
                self.fields["of_age"].label = _(
                    "Will the patient be %(age)d or over on the day of the visit?"
                ) % {"age": treatment.min_age}
            else:
                del self.fields["of_age"]
        self.questions = list(questions)
        for question in self.questions:
            self.fields[ANSWER_PREFIX + question.code] = _radios(question.text, ANSWERS)

    def retype(self, data: Any) -> None:
        """Show what was typed so far, without a word about what is missing yet."""
        for name, field in self.fields.items():
            self.initial[name] = field.widget.value_from_datadict(data, {}, name)

    def question_fields(self) -> list[forms.BoundField]:
        """The therapy's own questions, as bound fields."""
        return [self[ANSWER_PREFIX + question.code] for question in self.questions]

    def problems(self) -> list[Problem]:
        return problems(self)

    def details(self, patient: Patient | None = None) -> Details:
        """What was typed in a valid form, for `appointments.confirm`."""
        data = self.cleaned_data
        return Details(
            name=data.get("name", ""),
            email=data.get("email", ""),
            phone=data.get("phone", ""),
            date_of_birth=data.get("date_of_birth"),
            access_needs=data["access_needs"],
            wants_chaperone=data["wants_chaperone"],
            note=data["note"],
            answers={q.code: data[ANSWER_PREFIX + q.code] for q in self.questions},
            patient=patient,
        )

    @property
    def says_too_young(self) -> bool:
        return self.cleaned_data.get("of_age") == "no"


class EmailForm(StyledForm):
    email = MailField(
        label=_("Mail address"),
        error_messages={"required": _("Please write your mail address.")},
    )


class CodeForm(StyledForm):
    code = LineField(
        label=_("The code from the mail"),
        error_messages={"required": _("Please type the code.")},
        max_length=12,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
        help_text=_("Six digits."),
    )

    def clean_code(self) -> str:
        return "".join(c for c in self.cleaned_data["code"] if c.isalnum())


class WhoForm(forms.Form):
    """Which of the people who share an address; their names are shown only after proof."""

    def __init__(self, patients: Iterable[Patient], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = [(str(p.pk), p.name) for p in patients]
        self.fields["patient"] = _radios(_("Who is coming?"), people)


class CancelForm(StyledForm):
    reason = LineField(
        label=_("Would you tell us why?"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"dir": "auto"}),
    )
