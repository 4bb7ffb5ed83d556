"""A drawn portrait for every practitioner: friendly, flat, and the same on every run.

Pure: the seed's digest picks skin, hair, clothes and background; nothing of the seed itself reaches
the SVG, so a hostile one is inert. The drawing needs no font, no script and no inline style.
"""

from collections.abc import Callable
from hashlib import sha256

SKINS = (
    ("#f3cdb0", "#dba582"),
    ("#e8b78f", "#cb9267"),
    ("#cf9468", "#ae7348"),
    ("#a96d46", "#895232"),
    ("#84512f", "#663c20"),
    ("#6a432d", "#4f2f1d"),
)
DARK_HAIR = ("#2b1b16", "#1f1d1d", "#3b2417", "#4a4745")
HAIRS = (*DARK_HAIR, "#5a3620", "#8a5a2f", "#9d4a29", "#c2974f", "#9a958c")
BACKGROUNDS = (
    ("#cfe3dd", "#bcd7cf"),
    ("#f7dcc0", "#f0cda8"),
    ("#e9dfc9", "#ddd0b3"),
    ("#b9d3c8", "#a5c5b8"),
    ("#f2d3c2", "#e9c0aa"),
    ("#dbe4cc", "#cad6b6"),
)
CLOTHES = ("#0f5e5c", "#c1603a", "#2a566b", "#5c7a52", "#8a4a3a", "#45536a", "#a97f31")
INK = "#2b211d"
HEAD = "M106 130c0-46 24-70 54-70s54 24 54 70c0 50-22 82-54 82s-54-32-54-82z"


def _path(d: str, fill: str) -> str:
    return f'<path d="{d}" fill="{fill}"/>'


def _line(d: str, colour: str, width: float) -> str:
    return (
        f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="{width}" '
        'stroke-linecap="round" stroke-linejoin="round"/>'
    )


# A hair style is what lies behind the head and what lies before it, drawn in one colour.
Hair = tuple[str, str]
CAP = "M104 138c-6-58 24-84 58-84s62 28 54 84c-4-22-10-36-18-46-26 10-58 10-76 0-8 10-14 24-18 46z"


def _crop(c: str) -> Hair:
    return "", _path(
        "M104 140c-8-60 20-90 58-90 36 0 62 30 54 90-2-18-8-32-16-42"
        "-34 6-62 2-80 0-8 10-14 24-16 42z",
        c,
    )


def _side_parting(c: str) -> Hair:
    return "", _path(
        "M103 142c-8-58 18-94 60-92 40 0 60 34 53 92-4-22-10-34-22-46"
        "-30 0-54-10-64-24-2 30-20 44-27 70z",
        c,
    )


def _quiff(c: str) -> Hair:
    return "", _path(
        "M103 140c-4-24-2-44 8-58 2-28 44-44 78-34 26 8 34 34 27 92-4-22"
        "-8-34-18-44-32 6-58 0-72-8-12 14-19 30-23 52z",
        c,
    )


def _curls(c: str) -> Hair:
    spots = (
        (108, 118, 21),
        (112, 88, 24),
        (136, 64, 25),
        (166, 56, 25),
        (195, 68, 24),
        (210, 94, 22),
    )
    dots = "".join(
        f'<circle cx="{x}" cy="{y}" r="{r}" fill="{c}"/>' for x, y, r in (*spots, (213, 120, 19))
    )
    return dots, _path(CAP, c)


def _halo(c: str) -> Hair:
    return f'<circle cx="160" cy="122" r="88" fill="{c}"/>', _path(CAP, c)


def _bob(c: str) -> Hair:
    back = "M92 132c-4-64 34-90 68-90s72 26 68 90c0 30 4 48 8 66-50 16-104 16-152 0 4-18 8-36 8-66z"
    return _path(back, c), _path(
        "M104 140c-4-52 12-84 56-86 46 0 60 32 56 86-4-18-10-32-20-44"
        "-30 2-56-4-72-14-4 22-14 40-20 58z",
        c,
    )


def _long(c: str) -> Hair:
    back = (
        "M90 138c-4-66 32-98 70-98s76 32 72 98c0 46 10 84 18 118-60 24"
        "-122 24-178 0 8-34 18-72 18-118z"
    )
    return _path(back, c), _path(
        "M103 142c-4-54 18-90 58-90 42 0 60 36 56 90-6-32-22-56-50-66-30 12-54 36-64 66z", c
    )


def _bun(c: str) -> Hair:
    return f'<circle cx="160" cy="40" r="28" fill="{c}"/>', _path(
        "M103 136c-6-56 22-84 57-84s64 28 57 84c-8-30-28-48-57-50-29 2-49 20-57 50z", c
    )


def _ponytail(c: str) -> Hair:
    return _path("M206 78c42 8 46 62 30 120-10 12-26 8-24-6 8-36 8-68-10-94z", c), _path(
        "M103 138c-8-60 24-88 58-88 38 0 63 30 55 86-6-24-18-40-34-48"
        "-26 2-48 6-62 2-8 12-14 28-17 48z",
        c,
    )


def _bald(c: str) -> Hair:
    return "", _path("M104 146c-6-20-4-34 2-42 2 12 4 24 2 42z", c) + _path(
        "M216 146c6-20 4-34-2-42-2 12-4 24-2 42z", c
    )


def _scarf(c: str) -> Hair:
    around_the_face = (
        "M160 38c50 0 74 38 70 98-2 40 6 68 28 100-48 50-148 50-196 0 22-32 30-60 28-100"
        "-4-60 20-98 70-98zM160 82c-31 0-44 22-44 54 0 36 17 60 44 60s44-24 44-60c0-32-13-54-44-54z"
    )
    folds = "M116 196c20 26 60 34 92 8M98 232c40 28 96 24 128-8"
    return "", (
        f'<path d="{around_the_face}" fill="{c}" fill-rule="evenodd"/>'
        f'<path d="{folds}" fill="none" stroke="#000000" stroke-opacity="0.18" stroke-width="5" '
        'stroke-linecap="round"/>'
    )


Style = Callable[[str], Hair]
SHORT: tuple[Style, ...] = (_crop, _side_parting, _quiff, _curls, _bald)
LONGER: tuple[Style, ...] = (_bob, _long, _bun, _ponytail, _halo, _curls, _scarf)
NEUTRAL: tuple[Style, ...] = (_crop, _side_parting, _quiff, _curls, _bob, _bun)


def _clothes(colour: str, kind: int, skin_shade: str) -> str:
    body = _path("M30 330c2-58 34-84 84-94 26-6 66-6 92 0 50 10 82 36 84 94z", colour)
    if kind == 0:  # a round neck
        return body + _line("M124 236c8 26 64 26 72 0", "#ffffff", 7)
    if kind == 1:  # a tunic with a V, as many clinics wear
        return (
            body
            + _path("M122 226l38 62 38-62z", skin_shade)
            + _line("M120 234l40 58 40-58", "#ffffff", 7)
        )
    collar = _path("M120 230l40 34-30 28-26-50zM200 230l-40 34 30 28 26-50z", "#ffffff")
    return body + collar + _line("M160 268v62", "#ffffff", 4)


def _beard(colour: str, kind: int) -> str:
    if kind == 0:
        return _path(
            "M107 150c2 46 22 66 53 66s51-20 53-66c-6 16-14 22-24 24-8-10-50"
            "-10-58 0-10-2-18-8-24-24z",
            colour,
        )
    return _path("M126 172c10-14 58-14 68 0-6 8-12 6-20 2-6-4-22-4-28 0-8 4-14 6-20-2z", colour)


def _face(skin_shade: str, hair: str) -> str:
    eyes = "".join(
        f'<circle cx="{x}" cy="142" r="6" fill="{INK}"/>'
        f'<circle cx="{x + 2}" cy="140" r="2" fill="#ffffff"/>'
        for x in (139, 181)
    )
    return (
        eyes
        + _line("M129 126c6-5 14-5 19-1M172 125c6-4 14-4 19 1", hair, 5)
        + _line("M160 146c-4 10-6 14 2 16", skin_shade, 5)
        + _line("M143 180c9 11 25 11 34 0", "#8a3325", 6)
    )


def _glasses() -> str:
    rim = f'fill="none" stroke="{INK}" stroke-width="4"'
    return (
        f'<circle cx="138" cy="143" r="19" {rim}/><circle cx="182" cy="143" r="19" {rim}/>'
        + _line("M157 141q3-3 6 0M119 140l-11-3M201 140l11-3", INK, 4)
    )


def portrait(seed: str, initials: str, gender: str = "") -> str:
    """A bust portrait as an SVG document of 320 by 320 units, for any size from 64 px up.

    The same arguments draw the same picture. `gender` is a value of `Gender`, so that the drawing
    does not contradict the profile; `initials` become its accessible name (letters only).
    """
    digest = sha256(seed.encode("utf-8", "surrogatepass")).digest()
    tone = digest[0] % len(SKINS)
    skin, shade = SKINS[tone]
    hair_colours = DARK_HAIR if tone > 2 else HAIRS
    colour = hair_colours[digest[1] % len(hair_colours)]
    styles = {"woman": LONGER, "man": SHORT}.get(gender, NEUTRAL)
    style = styles[digest[2] % len(styles)]
    ground, disc = BACKGROUNDS[digest[3] % len(BACKGROUNDS)]
    cloth = CLOTHES[digest[4] % len(CLOTHES)]
    behind, before = style(CLOTHES[digest[5] % len(CLOTHES)] if style is _scarf else colour)
    name = "".join(letter for letter in initials if letter.isalpha())[:3]

    parts = [
        f'<rect width="320" height="320" fill="{ground}"/>',
        f'<circle cx="160" cy="170" r="128" fill="{disc}"/>',
        behind,
        _path("M134 190h52v44c-8 22-44 22-52 0z", shade),
        _clothes(cloth, digest[6] % 3, shade),
        f'<circle cx="106" cy="146" r="13" fill="{skin}"/>',
        f'<circle cx="214" cy="146" r="13" fill="{skin}"/>',
        _path(HEAD, skin),
        _beard(colour, digest[7] % 2) if gender == "man" and digest[7] % 5 < 2 else "",
        _face(shade, colour),
        before,
        _glasses() if digest[8] % 4 == 0 else "",
    ]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 320" width="320" height="320" '
        f'role="img" aria-label="{name}">{"".join(parts)}</svg>'
    )
