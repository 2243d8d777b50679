"""One member, or one element of an array, of a property list of macOS. It is named `member=value`, or by its value alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import Surgery
from hunter.objects._plist import BINARY, PlistScalar, cut_of, in_binary, in_text, without_binary
from hunter.objects._text import Cut, chosen
from hunter.plan.model import RemovalTarget


class _PlistMember(Surgery):
    def data(self, fields: Mapping[str, Any]) -> bytes | None:
        """Return what the finding shows."""
        return str(fields["data"]).encode("utf-8", "surrogateescape") if fields.get("data") else None

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        found = super().inspect(view, target)
        if not (found.gone or found.problems) and not found.cuts:
            data = view.files.read(target.ref.name)
            found.data = without_binary(data, _picked(data, target.line or b"", target.number)[0][0])
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        return super().apply(found, target) if found.data is None else [Edit("cut", target.ref, data=found.data)]


def _picked(data: bytes, element: bytes, number: int | None) -> tuple[list[PlistScalar], int]:
    if data.startswith(BINARY):
        every, wanted = in_binary(data), element.decode("utf-8", "surrogateescape")
        rows = list(range(len(every)))
    else:
        text, wanted = data.decode("latin-1"), element.decode("latin-1")
        every = in_text(text)
        rows = [text.count("\n", 0, each.where[0]) for each in every]
    name, equals, value = wanted.partition("=")
    equal = [n for n, each in enumerate(every) if each.text == wanted or (equals and (each.name, each.text) == (name, value))]
    return [every[n] for n in chosen(equal, [rows[n] for n in equal], number, "member")], len(equal)


def _find(data: bytes, element: bytes, number: int | None) -> tuple[list[Cut], int]:
    """Return no cut for a binary list, which is written anew."""
    picked, copies = _picked(data, element, number)
    return [] if data.startswith(BINARY) else [cut_of(data.decode("latin-1"), each) for each in picked], copies


MECHANISM = _PlistMember("plist-member", _find)
