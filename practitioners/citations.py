"""Citations in a page's text: [@Key] becomes a small numbered link to the list of references.

Pure: knows neither the database nor templates. Numbers count up in the order in which a reader
meets the works, and one work has one number on a page, however often it is cited.
"""

import re
from collections.abc import Iterable, Mapping

from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

# [@Key], or several as [@Key1; @Key2]. A key is what a slug may be.
_CITATION = re.compile(r"\[@[-\w]+(?:\s*;\s*@[-\w]+)*\]", re.ASCII)
_KEY = re.compile(r"@([-\w]+)", re.ASCII)


def cited(*texts: str) -> list[str]:
    """The keys cited in the texts, each once, in the order of their first appearance."""
    found = (
        key for text in texts for mark in _CITATION.findall(text) for key in _KEY.findall(mark)
    )
    return list(dict.fromkeys(found))


def numbers(*texts: str, then: Iterable[str] = ()) -> dict[str, int]:
    """{key: number} of the works cited in the texts, and after them of the keys in `then`."""
    keys = dict.fromkeys([*cited(*texts), *then])
    return {key: number for number, key in enumerate(keys, start=1)}


def anchor(key: str) -> str:
    """The id of a work in the list of references."""
    return f"ref-{key}"


def links(keys: Iterable[str], numbered: Mapping[str, int]) -> SafeString:
    """The keys as numbered links, in the order of their numbers; keys without one are left out."""
    found = sorted((numbered[key], key) for key in set(keys) if key in numbered)
    return format_html_join(
        "",
        '<sup class="cite"><a href="#{}" aria-label="{}">[{}]</a></sup>',
        (
            (anchor(key), _("Reference %(number)d") % {"number": number}, number)
            for number, key in found
        ),
    )


def plugin(md: MarkdownIt) -> None:
    """Teach a Markdown parser citations; rendering takes env={"numbers": {key: number}}."""

    def rule(state: StateInline, silent: bool) -> bool:
        match = _CITATION.match(state.src, state.pos)
        if not match:
            return False
        if not silent:
            token = state.push("citation", "", 0)
            token.meta = {"keys": _KEY.findall(match[0])}
        state.pos = match.end()
        return True

    def render(
        self: RendererHTML, tokens: list[Token], index: int, options: object, env: dict
    ) -> str:
        return links(tokens[index].meta["keys"], env.get("numbers", {}))

    # Before links: [@Key](...) is a citation and a bracket, not a link.
    md.inline.ruler.before("link", "citation", rule)
    md.add_render_rule("citation", render)
