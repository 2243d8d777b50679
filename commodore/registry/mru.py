r"""Lists of what was used last: numbered values, and `MRUListEx` or `MRUList` with their order.

    read=mru(lambda at, value: {"file.path": value.text})

A record has its place in the order, 0 for what was used last. Only that one has a time: the last write of the key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from struct import iter_unpack
from typing import Any

from commodore.registry import VALUE_FIELDS, At, KeyReading, Made, Problem
from scout.formats.regf import Key, Value
from scout.formats.regf.patterns import FoundKey

MRU_FIELDS = ("escadre.mru.position",)
MRU_TIMES = {
    "@timestamp": "last write of the key, only where the entry is the first of the list: when it was used last; others have no time"
}
PROVES_NO_TIME = "When an entry that is not the first was used, or that the file is there or was opened completely."
_END = 0xFFFFFFFF


def order(key: Key) -> dict[str, int]:
    """Return value name → place, 0 for what was used last. Names of MRUListEx are numbers, those of MRUList letters."""
    places: dict[str, int] = {}
    if (value := key.value("MRUListEx")) is not None:
        raw = value.raw
        for (number,) in iter_unpack("<I", raw[: len(raw) // 4 * 4]):
            if number == _END:
                break
            places.setdefault(str(number), len(places))
    elif (value := key.value("MRUList")) is not None:
        for letter in value.text:
            places.setdefault(letter, len(places))
    return places


def entries(key: Key) -> Iterator[Value]:
    """Yield the values that may be entries: those whose name is a number or a letter."""
    return (value for value in key.values() if value.name.isdecimal() or (len(value.name) == 1 and value.name.isalpha()))


def placed(at: At, place: int | None) -> dict[str, Any]:
    """Return the place of an entry, and the time of the key where it is the first."""
    made: dict[str, Any] = {"@timestamp": at.found.key.last_written or None if place == 0 else None}
    return made if place is None else made | {"escadre.mru.position": place}


def mru(decode: Callable[[At, Value], Made], elements: Callable[[Key], Iterator[Value]] = entries) -> KeyReading:
    """Read the entries of a list. A decoder that raises ValueError costs that entry, and its text becomes the reason in the ledger."""

    def one(at: At, value: Value) -> Made:
        try:
            made = decode(at, value)
        except ValueError as error:
            return [Problem(str(error), value.name, lost=1)]
        return placed(at, at.prepared.get(value.name)) | dict(made) if isinstance(made, Mapping) else made

    return KeyReading(one, (*VALUE_FIELDS, *MRU_FIELDS), elements, None, _order)


def _order(found: FoundKey) -> dict[str, int]:
    return order(found.key)
