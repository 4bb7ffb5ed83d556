"""How a stored phone number is shown to people."""

from django import template

from clinic.phones import readable

register = template.Library()


@register.filter
def phone(e164: str) -> str:
    """+441174960200 -> 0117 496 0200."""
    return readable(e164) if e164 else ""
