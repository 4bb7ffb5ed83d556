"""Tags for what we drew: icons of the sprite, and the picture of a therapy."""

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

# Therapies that have a drawing in static/img/therapies/; another slug gets the tide.
DRAWN = frozenset(
    {
        "acupuncture",
        "alexander-technique",
        "chinese-herbal-medicine",
        "clinical-supervision",
        "coaching",
        "exercise-class",
        "idd-therapy",
        "joint-adjustment",
        "laser-therapy",
        "massage",
    }
)


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of static/img/icons.svg, hidden from screen readers: words must stand beside it."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("img/icons.svg"),
        name,
    )


@register.simple_tag
def therapy_picture(slug: str) -> str:
    """Address of the drawing for a therapy's slug; unknown slugs get a neutral one."""
    return static(f"img/therapies/{slug if slug in DRAWN else 'other'}.svg")
