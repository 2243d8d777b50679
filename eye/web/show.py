"""Turn evidence into markup: always text, with labels for control and direction characters, long values cut with a note, hits marked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from markupsafe import Markup, escape

from eye.query.tree import ANY, ONE, Fuzzy, Leaf, Node, Pattern, Text, leaves_of
from eye.query.words import words

LONGEST = 4096
_NAMES = {0: "NUL", 7: "BEL", 8: "BS", 9: "TAB", 10: "LF", 13: "CR", 27: "ESC", 127: "DEL", 0x200B: "ZWSP", 0xFEFF: "BOM"}


def hidden(c: str) -> bool:
    """Return whether a character is invisible or changes others: control, format, direction, surrogate, private use, odd blanks."""
    return (c != " " and not c.isprintable()) or unicodedata.category(c) in ("Cf", "Cs", "Co") or c in "\u115f\u1160\u3164\uffa0\u2800"


def label(c: str) -> Markup:
    """Return the label of a character: `ESC` or `U+202E`."""
    return Markup('<span class="ctl">{}</span>').format(_NAMES.get(ord(c), f"U+{ord(c):04X}"))


def plain(value: Any, longest: int = 300) -> str:
    """Return evidence for an attribute (title, aria-label), with hidden characters as `<U+202E>`."""
    text = str(value)[:longest]
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"<{_NAMES.get(ord(c), f'U+{ord(c):04X}')}>" if hidden(c) else c for c in text)


def evidence(value: Any, marks: re.Pattern[str] | None = None, longest: int = LONGEST) -> Markup:
    """Return one value as markup."""
    text = value if isinstance(value, str) else "–" if value is None else str(value)
    cut = text[:longest]
    pieces: list[Markup] = []
    at = 0
    for found in marks.finditer(cut) if marks else ():
        if found.end() > found.start():
            pieces += [_visible(cut[at : found.start()]), Markup("<mark>{}</mark>").format(_visible(found.group()))]
            at = found.end()
    pieces.append(_visible(cut[at:]))
    if len(text) > longest:
        pieces.append(Markup(' <span class="aside">{} of {} characters shown</span>').format(f"{longest:,}", f"{len(text):,}"))
    shown = Markup("").join(pieces) if len(pieces) > 1 else pieces[0]
    right = not cut.isascii() and any(unicodedata.bidirectional(c) in ("R", "AL") for c in cut)
    return Markup("<bdi>{}</bdi>").format(shown) if right else shown  # or it would turn round what stands beside it


def whole(value: Any, marks: re.Pattern[str] | None = None, longest: int = LONGEST) -> Markup:
    """Return the markup of a value that is shown alone; an empty or blank one gets a label, since it would be invisible."""
    if isinstance(value, str) and not value.strip(" "):
        return Markup('<span class="ctl">{}</span>').format(f"{len(value):,} × blank" if value else "empty")
    return evidence(value, marks, longest)


def _visible(text: str) -> Markup:
    if text.isascii() and text.isprintable():
        return escape(text)
    result, run = Markup(""), ""
    for c in text:
        if hidden(c):
            result += escape(run) + label(c)
            run = ""
        else:
            run += c
    return result + escape(run)


def marks(nodes: Iterable[Node]) -> re.Pattern[str] | None:
    """Return a pattern that finds the hits of queries in texts, without excluded terms; None if there is nothing to mark."""
    found = {one for node in nodes for leaf in leaves_of(node) for one in _wanted(leaf)}
    listed = sorted(found, key=len, reverse=True)[:50]
    return re.compile("|".join(listed), re.IGNORECASE) if listed else None


def _wanted(leaf: Leaf) -> list[str]:
    """Yield regular expressions for the texts that a clause finds."""
    if isinstance(leaf, Pattern):
        literal = "".join("\0" if p in (ANY, ONE) else p for p in leaf.parts).strip("\0")
        return [r"[^\s]*?".join(re.escape(p) for p in literal.split("\0") if p)] if len(literal) > 1 else []
    if isinstance(leaf, (Text, Fuzzy)):
        found = words(leaf.text)
        if isinstance(leaf, Text) and leaf.slop:
            return [rf"(?<![^\W_]){re.escape(word)}(?![^\W_])" for word in found if len(word) > 1]
        inner = r"[\W_]+".join(map(re.escape, found))
        return [rf"(?<![^\W_]){inner}(?![^\W_])"] if len(inner) > 1 else []
    return []


def when(text: str | None, *, year: bool = True, fine: bool = True) -> Markup:
    """Return a time for a table: the date dimmed, with or without the year and milliseconds."""
    if not text:
        return Markup('<span class="dim">–</span>')
    date, _, rest = text.rstrip("Z").partition("T")
    clock, _, fraction = rest.partition(".")
    shown = clock + (f".{(fraction + '000')[:3]}" if fine else "")
    full = plain(text)
    return Markup('<time datetime="{}" title="{} UTC"><span class="d">{} </span>{}</time>').format(
        full, full, evidence(date if year else date[5:]), evidence(shown)
    )
