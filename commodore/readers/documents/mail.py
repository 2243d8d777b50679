"""Links of messages, and those whose text shows another address than they open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

from commodore.readers.documents.model import Document
from commodore.readers.layers.indicators import host_of

_BEGIN = re.compile(r"(?i)<a\s")
_HREF = re.compile(r"""(?i)\bhref\s{0,20}=\s{0,20}(?:"([^"]{1,2000})"|'([^']{1,2000})')""")
_END = re.compile(r"(?i)</a\s*>")
_LONGEST = 4000
_TAG = re.compile(r"<[^>]{0,2000}>")
_SHOWN = re.compile(r"(?i)\b(?:https?://)?((?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,12})\b")
MOST = 500


class Link(NamedTuple):
    """A link: the address that it opens and the text that a reader sees."""

    target: str
    text: str


def links_of(markup: str) -> Iterator[Link]:
    """Yield the links of a page, at most `MOST`."""
    markup = markup[: 4 << 20]
    found = behind = 0
    for begin in _BEGIN.finditer(markup):
        if begin.start() < behind:
            continue  # within the tag before
        close = markup.find(">", begin.end(), begin.end() + _LONGEST)
        behind = close if close > 0 else begin.end() + _LONGEST
        href = _HREF.search(markup, begin.end(), close) if close > 0 else None
        if href is None:
            continue
        end = _END.search(markup, close, close + _LONGEST)
        yield Link(unescape(href[1] or href[2]).strip(), unescape(_TAG.sub(" ", markup[close + 1 : end.start()])).strip() if end else "")
        found += 1
        if found >= MOST:
            return


def note_links(links: Iterator[Link], document: Document) -> None:
    """Add links to a document."""
    for link in links:
        document.link(link.target)
        shown, host = (
            _SHOWN.fullmatch(link.text.split("/")[0] if "://" not in link.text else link.text.partition("/")[0]),
            host_of(link.target),
        )
        shown = shown or _SHOWN.match(link.text) if link.text.lower().startswith(("http://", "https://", "www.")) else shown
        if shown and host and _site(shown[1]) != _site(host):
            document.trait("other-address-shown", f"{link.text} opens {link.target}")


def _site(host: str) -> str:
    return ".".join(host.lower().split(".")[-2:])
