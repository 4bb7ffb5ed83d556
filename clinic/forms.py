"""The contact form."""

from typing import Any, ClassVar

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Div, Field, Layout
from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from bookings.models import ScreeningForm
from clinic import sums
from clinic.models import ContactMessage
from clinic.phones import PhoneField
from clinic.text import BlockField, LineField, MailField

SAFETY = "clinic/contact_safety.html"
# Longest message, in characters.
LONGEST = 5000
TOO_LONG = _("Please keep this to %(limit_value)d characters. You have %(show_value)d.")


class ContactForm(forms.Form):
    """A message to the clinic, with its guards: safety question, small sum, honeypot.

    `gate` is the version of the red-flag questions that stands above the form. Read `must_stop`
    before `is_valid`: who needs help now is told so, whatever else is wrong.
    """

    SAFETY: ClassVar[list[tuple[str, Any]]] = [
        ("no", _("No, none of these")),
        ("yes", _("Yes")),
        ("unsure", _("I am not sure")),
    ]
    # What is asked anew each time, or must not come back.
    NOT_KEPT = ("sum", "answer", "website", "safety", "version")

    safety = forms.ChoiceField(
        label=_("Do you have any of these now?"),
        choices=SAFETY,
        widget=forms.RadioSelect,
        error_messages={"required": _("Please answer this question first.")},
    )
    version = forms.CharField(required=False, widget=forms.HiddenInput)
    name = LineField(
        label=_("Your name"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Please tell us your name."), "max_length": TOO_LONG},
    )
    email = MailField(
        label=_("Your mail address"),
        error_messages={
            "required": _("Please give us a mail address, so that we can answer."),
            "max_length": TOO_LONG,
        },
    )
    reply_by = forms.ChoiceField(
        label=_("How shall we answer?"),
        choices=[("mail", _("By mail")), ("phone", _("By phone"))],
        initial=ContactMessage.Reply.MAIL,
        widget=forms.RadioSelect,
        error_messages={"required": _("Please choose how we shall answer.")},
    )
    phone = PhoneField(
        label=_("Your phone number (optional)"),
        required=False,
        help_text=_("We need it only to call you."),
        error_messages={"max_length": TOO_LONG},
    )
    best_time = LineField(
        label=_("Best time to reach you (optional)"),
        required=False,
        max_length=80,
        help_text=_("For example “weekdays after 4”."),
        error_messages={"max_length": TOO_LONG},
    )
    subject = LineField(
        label=_("What is it about?"),
        max_length=120,
        help_text=_("A few words. Please leave out health details here."),
        error_messages={
            "required": _("Please say in a few words what it is about."),
            "max_length": TOO_LONG,
        },
    )
    message = BlockField(
        label=_("Your message"),
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 8}),
        error_messages={"required": _("Please write your message."), "max_length": TOO_LONG},
    )
    answer = LineField(
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("This keeps robots out. Write a number or a word."),
        error_messages={"required": _("Please answer the small sum."), "max_length": TOO_LONG},
    )
    # Robots fill this in; people neither see nor hear it.
    website = forms.CharField(label=_("Leave this empty"), required=False)
    sum = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, data: QueryDict | None = None, *, gate: ScreeningForm, **kwargs: Any
    ) -> None:
        super().__init__(data, **kwargs)
        self.gate = gate
        self.fields["version"].initial = gate.version
        self.asked = sums.read(data.get("sum", "")) if data is not None else None
        self._ask(self.asked or sums.fresh())
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.disable_csrf = True
        self.helper.layout = _layout()

    @classmethod
    def again(cls, data: QueryDict, gate: ScreeningForm) -> "ContactForm":
        """The form with what was typed, unchecked, and a new sum."""
        kept = {name: value for name, value in data.items() if name not in cls.NOT_KEPT}
        return cls(initial=kept, gate=gate)

    def _ask(self, question: sums.Sum) -> None:
        self.fields["answer"].label = question.question
        self.fields["sum"].initial = question.token

    @property
    def must_stop(self) -> bool:
        """Whether the safety question was answered with yes or not sure."""
        return self.data.get("safety") in ("yes", "unsure")

    def clean_version(self) -> str:
        """Refuse a no to questions that have changed since the page was opened."""
        if self.cleaned_data["version"] != str(self.gate.version):
            self.add_error(
                "safety", _("These questions have changed. Please read them and answer again.")
            )
        return str(self.gate.version)

    def clean_answer(self) -> str:
        typed: str = self.cleaned_data["answer"]
        if self.asked is None:
            raise forms.ValidationError(
                _("The sum was too old. Please solve this new one; your text is still here.")
            )
        if not self.asked.is_solved_by(typed):
            raise forms.ValidationError(_("That was not the answer. Please try this new sum."))
        return typed

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        by_phone = data.get("reply_by") == ContactMessage.Reply.PHONE
        if by_phone and not data.get("phone") and "phone" not in self.errors:
            self.add_error("phone", _("Please give us a number, so that we can call you."))
        if data.get("website"):
            # Some browsers fill in every field they find: a person must be able to go on.
            self.add_error(
                None, _("This looked like a robot to us. Please send it once more, or call us.")
            )
        return data

    def renew(self) -> None:
        """Ask a new sum of a form that goes back with errors; a sum is answered once."""
        question = sums.fresh()
        kept = QueryDict(mutable=True)
        kept.update(self.data)
        kept["sum"] = question.token
        kept["version"] = str(self.gate.version)
        kept["answer"] = kept["website"] = ""
        self.data = kept
        self._ask(question)

    def to_message(self) -> ContactMessage:
        """The valid form as an unsaved message."""
        kept = ("name", "email", "phone", "subject", "message", "reply_by", "best_time")
        return ContactMessage(
            form_token=self.asked.form if self.asked else None,
            **{name: self.cleaned_data[name] for name in kept},
        )


def _layout() -> Layout:
    return Layout(
        HTML(
            "{% include 'clinic/contact_safety.html' with field=form.safety gate=form.gate only %}"
        ),
        "version",
        "name",
        "email",
        HTML("{% include 'partials/question.html' with field=form.reply_by only %}"),
        Div("phone", "best_time", css_class="contact-pair"),
        "subject",
        "message",
        "answer",
        Div(
            Field("website", tabindex="-1", autocomplete="off"), css_class="hp", aria_hidden="true"
        ),
        "sum",
    )
