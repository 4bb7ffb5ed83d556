"""Markdown as staff write it, turned into harmless HTML."""

from collections.abc import Mapping

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore

from . import citations

_TAGS = {"p", "ul", "ol", "li", "strong", "em", "h3", "h4", "a", "br", "blockquote", "hr", "sup"}
_ATTRIBUTES = {"a": {"href", "title", "aria-label"}, "sup": {"class"}, "ol": {"start"}}
_SCHEMES = {"http", "https", "mailto", "tel"}


def _lower_headings(state: StateCore) -> None:
    """A page's own headings are h1 and h2: what a text calls # or ## stands below them."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = "h3" if token.tag in ("h1", "h2") else "h4"


_markdown = MarkdownIt("commonmark", {"html": False}).use(citations.plugin)
_markdown.core.ruler.push("lower_headings", _lower_headings)


def html(text: str, numbers: Mapping[str, int] | None = None) -> SafeString:
    """Markdown as HTML; raw HTML is shown as text, and only harmless tags come through.

    `numbers` gives the works a text may cite as [@Key] their numbers; a citation of any other
    key is left out.
    """
    rendered = _markdown.render(text, {"numbers": numbers or {}})
    return mark_safe(nh3.clean(rendered, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes=_SCHEMES))
