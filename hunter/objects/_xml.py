"""Find the elements of an XML text with their places, so that one can go and every other byte stays. Nothing is expanded.

Source: XML 1.0. The text may be the settings of a program with errors of their own: an end tag that fits nothing is a ValueError.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.sax.saxutils import unescape

_TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<\?.*?(?:\?>|\Z)|<![^<>]*>"
    r"|<(/?)([^\s/<>]++)((?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*?)(/?)>",
    re.DOTALL,
)
"""A part of markup. No attribute contains `<`, so that a part without an end costs no more than its own length."""
_ATTRIBUTE = re.compile(r"""(?<![^\s"'])[^\s="']++\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_DEEPEST = 1000


@dataclass(slots=True)
class XmlElement:
    """One element: (begin, end) in the text, and the texts of its attributes and of itself."""

    name: str
    begin: int
    end: int = -1
    texts: list[str] = field(default_factory=list)


def elements(text: str) -> list[XmlElement]:
    """Return every element, in the order of their ends, so that an inner one comes before an outer one. ValueError for a wrong nesting."""
    found: list[XmlElement] = []
    above: list[XmlElement] = []
    at = 0
    for match in _TOKEN.finditer(text):
        if above and text[at : match.start()].strip():
            above[-1].texts.append(unescape(text[at : match.start()].strip()))
        at = match.end()
        closing, name, attributes, empty = match[1], match[2], match[3] or "", match[4]
        if name is None:
            continue
        if closing:
            if not above or above[-1].name != name:
                raise ValueError(f"it is no XML: </{name}> ends nothing")
            above[-1].end = match.end()
            found.append(above.pop())
            continue
        values = [unescape(a or b, {"&quot;": '"', "&apos;": "'"}) for a, b in _ATTRIBUTE.findall(attributes)]
        element = XmlElement(name, match.start(), match.end(), values)
        if empty:
            found.append(element)
        elif len(above) < _DEEPEST:
            above.append(element)
        else:
            raise ValueError("its parts are nested too deeply")
    if above:
        raise ValueError(f"it is no XML: <{above[-1].name}> has no end")
    return found
