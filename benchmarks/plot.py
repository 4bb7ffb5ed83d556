"""The figures of a run as SVG, on logarithmic scales: one panel beside, three of growth."""

import math
from collections.abc import Iterable
from html import escape
from typing import Any

WIDTH, HEIGHT = 960, 770
PANEL_W, PANEL_H, LEFT, TOP, GAP_X, GAP_Y = 380, 240, 70, 122, 100, 110
# Colour and dash of an engine; django-appointment is grey.
LOOKS = [("#0b6e75", ""), ("#b4530a", "6 4"), ("#6b3fa0", "2 3")]
GREY = "#8a939b"
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2a30 }
.title { font-size: 20px; font-weight: 600 } .head { font-size: 15px; font-weight: 600 }
.faint { fill: #59666e; font-size: 12px } .grid { stroke: #d9dfe3 } .axis { stroke: #59666e }
"""


def number(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1_000_000:g} M"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def duration(ms: float) -> str:
    return f"{ms / 1000:,.3g} s" if ms >= 1000 else f"{ms:.3g} ms"


class Scale:
    """From values to pixels, by their logarithm, between whole powers of ten if `whole`."""

    def __init__(self, values: Iterable[float], start: float, end: float, *, whole: bool) -> None:
        found = [math.log10(v) for v in values]
        low, high = min(found), max(found)
        self.low, self.high = (math.floor(low), math.ceil(high)) if whole else (low, high)
        self.high = max(self.high, self.low + 1e-9)
        self.start, self.end = start, end

    def __call__(self, value: float) -> float:
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return round(self.start + part * (self.end - self.start), 1)

    @property
    def powers(self) -> list[float]:
        return [10.0**n for n in range(math.ceil(self.low), math.floor(self.high) + 1)]


def text(x: float, y: float, words: str, css: str = "", anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" class="{css}" text-anchor="{anchor}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" class="{css}"/>'


def bars(found: list[dict[str, Any]], x: float, y: float, w: float, h: float) -> list[str]:
    """Both projects on the same questions, a bar each, with how many times faster ours is."""
    rows = [(n, f["engine"], f["beside"][n]) for n in range(len(found[0]["beside"])) for f in found]
    times = [row[side]["ms"] for _n, _e, row in rows for side in ("ours", "theirs")]
    scale = Scale([min(times) / 2, *times], x, x + w, whole=True)
    out = [text(x, y - 22, "Beside django-appointment (grey)", "head")]
    for power in scale.powers:
        at = scale(power)
        out += [
            line(at, y, at, y + h, "grid"),
            text(at, y + h + 18, duration(power), "faint", "middle"),
        ]
    step = h / len(found[0]["beside"])
    thick = (step - 26) / (2 * len(found))
    for n, row in enumerate(found[0]["beside"]):
        top = y + n * step + 4
        out.append(text(x + 4, top + 11, row["title"], "faint"))
        for k, figures in enumerate(found):
            mine = figures["beside"][n]
            ratio = mine["theirs"]["ms"] / mine["ours"]["ms"]
            for side, colour, words in (
                ("ours", LOOKS[k][0], f"{duration(mine['ours']['ms'])}, {ratio:,.0f} × faster"),
                ("theirs", GREY, ""),
            ):
                at = top + 17 + (2 * k + (side == "theirs")) * thick
                length = scale(mine[side]["ms"]) - x
                out.append(
                    f'<rect x="{x}" y="{at:.1f}" width="{length:.1f}" height="{thick - 1:.1f}"'
                    f' fill="{colour}"/>'
                )
                if words:
                    out.append(text(x + length + 6, round(at + thick - 2, 1), words, "faint"))
    return out


def lines(
    title: str, unit: str, series: list[tuple[str, str, str, list[tuple[float, float]]]],
    x: float, y: float, w: float, h: float,
) -> list[str]:  # fmt: skip
    """Milliseconds against a size; a series is (name, colour, dash, points)."""
    points = [p for *_rest, found in series for p in found]
    across = Scale((p[0] for p in points), x, x + w, whole=False)
    up = Scale((p[1] for p in points), y + h, y, whole=True)
    out = [text(x, y - 22, title, "head")]
    for power in up.powers:
        at = up(power)
        out += [
            line(x, at, x + w, at, "grid"),
            text(x - 6, at + 4, duration(power), "faint", "end"),
        ]
    # The largest size is named for certain, others where there is room for them.
    free_until = math.inf
    for size in sorted({p[0] for p in points}, reverse=True):
        at = across(size)
        out.append(line(at, y + h, at, y + h + 5, "axis"))
        if at + 34 < free_until:
            out.append(text(at, y + h + 19, number(size), "faint", "middle"))
            free_until = at
    out += [line(x, y + h, x + w, y + h, "axis"), text(x + w, y + h + 38, unit, "faint", "end")]
    for name, colour, dash, found in series:
        path = " ".join(f"{across(a)},{up(b)}" for a, b in found)
        out.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"'
            f' stroke-dasharray="{dash}"/>'
        )
        out += [f'<circle cx="{across(a)}" cy="{up(b)}" r="3" fill="{colour}"/>' for a, b in found]
        if name:
            a, b = found[0]
            out.append(text(across(a) + 4, up(b) - 7, name, "faint"))
    return out


def plot(found: list[dict[str, Any]], versions: str) -> str:
    def series(key: str, size: str, asked: dict[str, str]) -> list[Any]:
        return [
            (
                words if k == 0 else "", *LOOKS[k],
                [(row[size], row[name]["ms"]) for row in f[key]],
            )
            for k, f in enumerate(found)
            for name, words in asked.items()
        ]  # fmt: skip

    right, below = LEFT + PANEL_W + GAP_X, TOP + PANEL_H + GAP_Y
    box = (PANEL_W, PANEL_H)
    everybody = {"everybody": ""}
    asked = {"month": "one, a month", "everybody": "50, 60 days"}
    body = [
        text(LEFT, 36, "Finding free time", "title"),
        text(LEFT, 58, f"Medians; logarithmic scales; {versions}", "faint"),
        *bars(found, LEFT, TOP, *box),
        *lines(
            "More stored in the past", "stored reservations",
            series("stored", "reservations", asked), right, TOP, *box,
        ),
        *lines(
            "More practitioners, 60 days", "practitioners",
            series("people", "people", everybody), LEFT, below, *box,
        ),
        *lines(
            "More days, 50 practitioners", "days",
            series("days", "days", everybody), right, below, *box,
        ),
    ]  # fmt: skip
    at = WIDTH - 300
    for k, figures in enumerate(found):
        colour, dash = LOOKS[k]
        body += [
            f'<line x1="{at}" y1="32" x2="{at + 26}" y2="32" stroke="{colour}"'
            f' stroke-width="3" stroke-dasharray="{dash}"/>',
            text(at + 32, 36, figures["engine"]),
        ]
        at += 150
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' width="{WIDTH}" height="{HEIGHT}" role="img">'
        "<title>Time to find free time, beside django-appointment and as the clinic grows</title>"
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )
