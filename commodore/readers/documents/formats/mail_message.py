"""E-mail as text (`.eml`, `.mbox`): headers, links, attachments. Source: RFC 5322, RFC 2045, RFC 4155; by `email` of Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC
from email import policy
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.utils import getaddresses, parsedate_to_datetime
from itertools import chain, islice, pairwise

from commodore.readers.documents.mail import links_of, note_links
from commodore.readers.documents.model import PARTS, Document

NAME = "e-mail"
MAGIC: tuple[tuple[int, bytes], ...] = ()
ENDINGS = ("eml", "emlx", "mht", "mhtml", "mbox")
_LARGEST = 32 << 20
_VALUE = 500
_LONGEST, _DECODED = 16_384, 2_048
"""characters of a header that are kept, and that are decoded: what `email` does with one grows with the square of its length"""
_END = re.compile(rb"\r?\n\r?\n|\r\r")
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:|[ \t]|From ")
"""how a line of headers begins: a name, the rest of the line above, or the first line of a mailbox"""
_COUNT = re.compile(rb"\A[0-9]{1,12}[ \t]*\r?\n")
"""the first line of `.emlx`: bytes of the message"""
_KNOWN = ("From", "Subject", "Date", "Received", "MIME-Version")
_NEXT = re.compile(rb"\n\nFrom |\r\n\r\nFrom ")
_MOST_HEADERS = 1 << 20
"""bytes at the beginning in which headers end"""


class _ShortHeaders(policy.Compat32):
    """The policy of `email` that takes messages as they are, with headers of a bounded length."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name[:_VALUE], value[:_LONGEST]


def read(data: bytes, document: Document) -> None:
    """Read headers and parts. Leaves text without a header of a message alone, and says so."""
    if len(data) > _LARGEST:
        document.bounds[f"the first {_LARGEST:,} of {len(data):,} bytes were read"] = None
    clean, odd = _headed(data[:_LARGEST])
    message = BytesParser(policy=_ShortHeaders()).parsebytes(clean)
    if not any(message[name] for name in _KNOWN):
        if document.depth == 1:
            document.troubles["the file is named as a message and has no header of one"] = None
        return
    document.format = "e-mail"
    if odd:
        lines = "1 line among the headers is no header and was" if odd == 1 else f"{odd:,} lines among the headers are no headers and were"
        document.troubles[f"{lines} left out"] = None
    _headers(message, document)
    further = (BytesParser(policy=_ShortHeaders()).parsebytes(_headed(one)[0]) for one in _mailbox(clean, document))
    parts = chain.from_iterable(one.walk() for one in chain((message,), further))
    for number, part in enumerate(parts):
        if number >= PARTS:
            document.bounds[f"more than {PARTS} parts: the rest was not read"] = None
            return
        if not part.is_multipart():
            _part(part, document)


def _mailbox(data: bytes, document: Document) -> Iterator[bytes]:
    """Yield the messages of a mailbox behind the first one."""
    if not data.startswith(b"From "):
        return
    starts = [found.end() - 5 for found in islice(_NEXT.finditer(data), PARTS)]
    if starts:
        document.bounds["the file is a mailbox: sender, subject and date are those of its first message"] = None
    for start, end in pairwise((*starts, len(data))):
        yield data[start:end]


def _headed(data: bytes) -> tuple[bytes, int]:
    """Return a message without the lines among its headers that are none, and their number: at the first, the parser takes all behind it
    for the text of the message, and would see no attachment.
    """
    data = _COUNT.sub(b"", data, count=1)
    found = _END.search(data, 0, _MOST_HEADERS)
    end = found.start() if found else min(len(data), _MOST_HEADERS)
    lines = data[:end].splitlines(keepends=True)
    kept = [line for line in lines if _FIELD.match(line)]
    return b"".join(kept) + data[end:], len(lines) - len(kept)


def _header(message: Message, name: str) -> str:
    value = message[name]
    return "" if value is None else _decoded(str(value))


def _decoded(text: str) -> str:
    """Return the text of a header with its encoded words decoded; as it is where they are damaged."""
    try:
        return str(make_header(decode_header(text[:_DECODED])))
    except (LookupError, UnicodeError, ValueError):
        return text[:_DECODED]


def _headers(message: Message, document: Document) -> None:
    plain = {"email.subject": "Subject", "email.message_id": "Message-ID", "email.x_mailer": "X-Mailer"}
    document.facts |= {field: text[:_VALUE] for field, name in plain.items() if (text := _header(message, name))}
    for field, name in (("email.from.address", "From"), ("email.to.address", "To"), ("email.reply_to.address", "Reply-To")):
        values = [str(value)[:_DECODED] for value in message.get_all(name, [])][:20]
        if found := [address[:_VALUE] for _, address in getaddresses(values) if address][:100]:
            document.facts[field] = found
    try:
        when = parsedate_to_datetime(str(message["Date"]))
        document.facts["email.origination_timestamp"] = when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (TypeError, ValueError, OverflowError):
        pass  # a message without a date that can be read has none


def _part(part: Message, document: Document) -> None:
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    name, kind = part.get_filename() or "", part.get_content_type()
    if name or part.get_content_disposition() == "attachment":
        document.embed(_decoded(name) if name else "attachment", content)
    elif kind == "text/html" and document.take(len(content)):
        page = content.decode("utf-8", "replace")
        note_links(links_of(page), document)
        document.search("page", content)
        if "<script" in page.lower():
            document.text("page", page[: 1 << 20])
    elif kind == "text/plain" and document.take(len(content)):
        document.text("body", content[: 1 << 20].decode("utf-8", "replace"))
