"""One element of an XML file, with everything in it: the innermost one with this text or attribute. Every other byte stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hunter.mechanisms._parts import Surgery
from hunter.objects._text import Cut, chosen, wide
from hunter.objects._xml import elements


class _XmlElement(Surgery):
    def data(self, fields: Mapping[str, Any]) -> bytes | None:
        """Return the text or attribute that the finding shows."""
        return str(fields["data"]).encode("utf-8", "surrogateescape") if fields.get("data") else None


def _find(data: bytes, element: bytes, number: int | None) -> tuple[list[Cut], int]:
    encoding, step, begin = (wide(data), 2, 2) if wide(data) else ("latin-1", 1, 0)
    text = data[begin : begin + (len(data) - begin) // step * step].decode(encoding, "surrogatepass")
    if step == 2 and not text.isascii() and max(text) > "\uffff":
        raise ValueError("it has characters of two units, which HUNTER does not count")
    wanted = (element if step == 1 else element.decode("utf-8", "replace").encode("utf-16-le")).decode(
        "latin-1" if step == 1 else "utf-16-le"
    )
    holding = [each for each in elements(text) if any(each_text.strip() == wanted for each_text in each.texts)]
    equal = [each for each in holding if not any(o is not each and each.begin <= o.begin and o.end <= each.end for o in holding)]
    rows = [text.count("\n", 0, each.begin) for each in equal]
    picked = [equal[i] for i in chosen(list(range(len(equal))), rows, number, "element")]
    return [tuple(begin + step * at for at in _whole(text, each.begin, each.end)) for each in picked], len(equal)  # type: ignore[misc]


def _whole(text: str, begin: int, end: int) -> Cut:
    """Return the place with its line where nothing else is in the line."""
    first, last = text.rfind("\n", 0, begin) + 1, text.find("\n", end) + 1 or len(text)
    alone = not text[first:begin].strip() and not text[end:last].strip()
    return (first, last) if alone else (begin, end)


MECHANISM = _XmlElement("xml-element", _find)
