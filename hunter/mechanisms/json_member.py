"""One member, or one element of a list, of a JSON file. It is named `member=value`, or by its value alone; every other byte stays.

A list stays, even without an element.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hunter.mechanisms._parts import Surgery
from hunter.objects._json import JsonScalar, scalars
from hunter.objects._text import Cut, chosen


class _JsonMember(Surgery):
    def data(self, fields: Mapping[str, Any]) -> bytes | None:
        """Return what the finding shows."""
        return str(fields["data"]).encode("utf-8", "surrogateescape") if fields.get("data") else None


def _find(data: bytes, element: bytes, number: int | None) -> tuple[list[Cut], int]:
    wanted = element.decode("utf-8", "surrogateescape")
    equal = [each for each in scalars(data) if _means(wanted, each)]
    rows = [data.count(b"\n", 0, each.at) for each in equal]
    return [equal[i].cut for i in chosen(list(range(len(equal))), rows, number, "member")], len(equal)


def _means(wanted: str, each: JsonScalar) -> bool:
    name, equals, value = wanted.partition("=")
    return each.text in (wanted, wanted.removesuffix("=")) or (
        bool(equals) and (each.name.casefold(), each.text) == (name.casefold(), value.replace("\\\\", "\\"))
    )


MECHANISM = _JsonMember("json-member", _find)
