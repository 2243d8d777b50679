"""A second opinion on an event record that the first reader refuses: `python-evtx`, which is slower and written by others.

The event has the form of the first reader: elements as keys, attributes in `#attributes`, text beside them in `#text`. Source of the
program: W. Ballenthin, python-evtx; of the format: [MS-EVEN6] section 2.2, BinXml.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring

from commodore.readers.calls import CallCount
from scout.formats.regf.data import filetime

CALLS = 300_000
"""calls within python-evtx for one record; an ordinary one takes some thousands, and hostile tables make it run in circles"""
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_HEX = re.compile(r"0x0*([0-9a-f]+)")
_GUID = re.compile(r"\{[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}")
_DEEPEST = 16


class MissingTemplateError(Exception):
    """The record has values alone; its elements are a template elsewhere in the chunk, which was overwritten."""


@dataclass(slots=True)
class _Form:
    """A chunk in one form, the names and templates that were found in it, and the calls that this took."""

    chunk: bytes
    header: Any = None
    calls: CallCount = field(default_factory=CallCount)


class SecondReader:
    """The second opinion on the records of one chunk.

    `forms`: the chunk with its tables of names and templates, and without them, as a hostile table can make a record unreadable. The
    names and templates that the program finds in a form serve all records of the chunk.
    """

    def __init__(self, forms: Sequence[bytes]) -> None:
        self._forms = [_Form(form) for form in forms]

    def event(self, offset: int) -> tuple[dict[str, Any], str]:
        """Return the event of the record at `offset` of the chunk, and the time in its header.

        Each form is asked in turn; raises any exception that the last one raises.
        """
        for form in self._forms[:-1]:
            try:
                return self._event(form, offset)
            except MissingTemplateError:  # a form without tables knows fewer templates
                raise
            except Exception:  # noqa: S112  (the tables of this form are hostile, too)
                continue
        return self._event(self._forms[-1], offset)

    def _event(self, form: _Form, offset: int) -> tuple[dict[str, Any], str]:
        from Evtx.Evtx import ChunkHeader, Record
        from Evtx.Nodes import BXmlTypeNode

        logging.getLogger("Evtx").disabled = logging.getLogger("Evtx.Evtx").disabled = True  # it writes about hostile bytes to the terminal
        chunk = form.chunk
        if form.calls.made > CALLS:  # what hostile tables name does not add up in memory
            form.header, form.calls = None, CallCount()
        with form.calls.counting(form.calls.made + CALLS):
            form.header = form.header or ChunkHeader(chunk, 0)
            record = Record(chunk, offset, form.header)
            try:
                for value in record.root().substitutions():
                    if isinstance(value, BXmlTypeNode):
                        value.root().substitutions()  # raises where its template is gone, before all else is rendered
                text = record.xml()
            except KeyError as e:  # the reader looks for a template by its offset
                if type(e.args[0]) is not int:
                    raise
                raise MissingTemplateError(f"the template at {e.args[0]:#x} of its chunk, which has its elements, is not there") from e
        root = fromstring(_NOT_XML.sub("_", text))
        made, written = _children(root, _DEEPEST), filetime(int.from_bytes(chunk[offset + 16 : offset + 24], "little")) or ""
        said = ((made.get("System") or {}).get("TimeCreated") or {}).get("#attributes") or {}
        if str(said.get("SystemTime", ""))[:19] == written[:19]:
            said.clear()  # python-evtx rounds to microseconds; the header has the same time with 100 ns
        return {"Event": made}, written


def _tag(name: str) -> str:
    return name.rpartition("}")[2]


def _children(element: Element, levels: int) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for child in element if levels else ():
        name, text = _tag(child.tag), _as_first(child.text or "")
        attributes = {_tag(key): _value(key, value) for key, value in child.attrib.items() if value}
        inner: Any = _children(child, levels - 1) if len(child) else text
        if name == "Data" and "Name" in attributes:
            out[str(attributes["Name"])] = text
        elif name == "Data":
            out.setdefault("Data", {"#text": []})["#text"].append(text)
        elif attributes:
            out[name] = {"#attributes": attributes} | (inner if isinstance(inner, dict) else {"#text": inner} if inner else {})
        else:
            out[name] = inner or None
    return out


def _as_first(text: str) -> str:
    """Return a value as the first reader writes it: numbers in hex without leading zeros, GUIDs in upper case."""
    if found := _HEX.fullmatch(text):
        return f"0x{found[1]}"
    return text.upper() if _GUID.fullmatch(text) else text


def _value(key: str, value: str) -> str:
    return value.replace(" ", "T", 1).replace("+00:00", "Z") if _tag(key) == "SystemTime" else _as_first(value)
