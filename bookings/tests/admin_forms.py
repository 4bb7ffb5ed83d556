"""What a browser would post back from an admin page, as it stands."""

from html.parser import HTMLParser

from django.http import HttpResponse


class _Form(HTMLParser):
    """Collects the successful controls of the change form."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = False
        self.found: dict[str, object] = {}
        self.select = self.area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = dict(attrs)
        if tag == "form" and (a.get("id") or "").endswith("_form"):
            self.inside = True
        name = a.get("name") or ""
        if not self.inside or "__prefix__" in name:
            return
        if tag == "input" and name:
            kind = a.get("type", "text")
            if kind in ("checkbox", "radio"):
                if "checked" in a:
                    self.found.setdefault(name, []).append(a.get("value") or "on")
            elif kind not in ("submit", "button"):
                self.found[name] = a.get("value") or ""
        elif tag == "select" and name:
            self.select = name
            self.found[name] = []
        elif tag == "option" and self.select and "selected" in a:
            self.found[self.select].append(a.get("value") or "")
        elif tag == "textarea" and name:
            self.area = name
            self.found[name] = ""

    def handle_data(self, data: str) -> None:
        if self.area:
            self.found[self.area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        if tag == "select":
            self.select = ""
        if tag == "textarea":
            self.found[self.area] = self.found.get(self.area, "").removeprefix("\n")
            self.area = ""


def fields_of(page: HttpResponse) -> dict[str, object]:
    """Names and values of the change form on `page`, with its inlines."""
    parser = _Form()
    parser.feed(page.content.decode())
    return parser.found
