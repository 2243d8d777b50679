"""Keys and values that the tree of a hive does not have: deleted ones in free cells and slack, and allocated ones that no list names.

A free cell keeps its content until it is used again. Cells that are freed one after the other become one, in which their headers stay:
candidates are looked for at every place where a cell can begin. A candidate counts only where all its fields are possible.
A key names its parent, and its list of values may still be there. A value does not name its key: it gets one where a list of values, or
the unused end of one, still points to it.

Sources: "Windows registry file format specification", M. Suhanov, sections "Key node", "Key value" and "Deleted cells"; T. Morgan,
"Recovering Deleted Data From the Windows Registry", DFRWS 2008.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from struct import Struct, unpack_from
from typing import NamedTuple

from scout.formats.regf.cells import HiveCells
from scout.formats.regf.data import BASE_BLOCK, decoded
from scout.formats.regf.keys import LONGEST_NAME, NK, NOWHERE, SEGMENT, VK, Key
from scout.formats.regf.survey import Survey

UNKNOWN = "?"
"""the first component of the path of a key whose parents are gone"""
MOST = 200_000
"""candidates that are looked at"""
_LONGEST_PATH, _LEVELS = 4096, 512
_CHARACTERS = 16 << 20
"""characters of all paths that are stored: of 200,000 keys, 80 of each"""
_SIGNATURES = re.compile(rb"[nv]k")
_OFFSET = Struct("<I")
_LISTS = Struct("<I4xI")  # of a key: list of values, class name
_DATA = Struct("<II")  # of a value: size and offset of its data
_FIRST, _LAST = 0x01A8E79FE1D58000, 0x0239_0000_0000_0000
"""last writes that are possible: 1990 to 2115"""


class RecoveredValue(NamedTuple):
    """A value that the tree does not have. `raw` is None where its data is gone: the cell is in use again, or outside the hive."""

    offset: int
    name: str
    kind: int
    raw: bytes | None


class Recovered(NamedTuple):
    r"""A key that the tree does not have, with the values that its list still names; or values of a key that is there, or is not known.

    path      path below the root, `?\…` where the parents of the key are gone; None for values whose key is not known
    key       the cell of the key; None where it is not known
    deleted   found in free cells or slack; else in allocated cells that no list names
    own       the key itself was recovered; else only its values, and the key is in the tree
    """

    path: str | None
    key: Key | None
    deleted: bool
    values: tuple[RecoveredValue, ...]
    own: bool = True


def recover(hive: HiveCells, survey: Survey, live: bytearray) -> Iterator[Recovered]:
    """Yield what the tree does not have, keys first. `live`: one byte for each 8 bytes of the hive bins data, 1 where a key or value of
    the tree begins.
    """
    return _Recovery(hive, survey, live).found()


class _Recovery:
    def __init__(self, hive: HiveCells, survey: Survey, live: bytearray) -> None:
        self._hive, self._survey, self._live = hive, survey, live
        self._keys: dict[int, bool] = {}
        self._values: dict[int, bool] = {}
        """offset of each candidate → whether it is deleted"""
        self._paths: dict[int, str] = {hive.root_offset: ""}
        self._characters_left = _CHARACTERS
        self._slack: list[tuple[int, int, bool]] = []
        """(cell around it, candidate, whether it is a key)"""

    def found(self) -> Iterator[Recovered]:
        self._candidates()
        if not self._keys and not self._values:
            return
        for offset, deleted in self._keys.items():
            fields = NK.unpack_from(self._hive.data, BASE_BLOCK + offset + 4)
            key = Key(self._hive, offset, fields, self._name(offset, fields), "")
            path = self._path(offset)
            yield Recovered(path, key, deleted, tuple(self._claimed(offset)))
        if self._values:
            yield from self._of_live_keys()
        for offset, deleted in sorted(self._values.items()):
            yield Recovered(None, None, deleted, (self._value(offset, deleted),), own=False)

    # --- candidates

    def _candidates(self) -> None:
        self._unlisted()
        for offset, is_key in self._signatures():
            at = BASE_BLOCK + offset + 4
            known = self._keys if is_key else self._values
            if offset in known or self._live[offset >> 3] or not (self._possible_key if is_key else self._possible_value)(at):
                continue
            state = self._state(offset)
            if state is not None:
                known[offset] = state
            if len(self._keys) + len(self._values) >= MOST:
                self._hive.note(offset, f"the search for deleted cells stopped after {MOST:,}")
                break
        self._in_slack()

    def _unlisted(self) -> None:
        """Keep the allocated keys and values that are not in the tree."""
        live = self._live
        if live.count(1) == len(self._survey.keys) + len(self._survey.values):
            return
        for offsets, found, possible in (
            (self._survey.keys, self._keys, self._possible_key),
            (self._survey.values, self._values, self._possible_value),
        ):
            for offset in offsets:
                if not live[offset >> 3] and possible(BASE_BLOCK + offset + 4) and len(found) < MOST:
                    found[offset] = False

    def _signatures(self) -> Iterator[tuple[int, bool]]:
        """Yield (offset, whether it is a key) of each place that has a signature: in free cells, in torn bins, behind the end, and, for
        what is in the slack of an allocated cell, behind a size that is that of a free cell.
        """
        data, end = self._hive.data, self._hive.end
        torn = [(BASE_BLOCK + start, BASE_BLOCK + stop) for start, stop, _ in self._survey.torn]
        for start, stop in [*self._survey.free, *torn, (BASE_BLOCK + self._survey.end, end)]:
            for found in _SIGNATURES.finditer(data, start + 4, min(stop, end)):
                at = found.start()
                if at & 7 == 4 and at + VK.size <= end:
                    yield at - 4 - BASE_BLOCK, data[at] == 0x6E
        for signature in (b"\0\0nk", b"\0\0vk"):
            at = data.find(signature, BASE_BLOCK + 32)
            while at >= 0:
                if at & 7 == 2 and at + 2 + VK.size <= end:
                    yield at - 2 - BASE_BLOCK, signature[2:] == b"nk"
                at = data.find(signature, at + 4)

    def _state(self, offset: int) -> bool | None:
        """Return whether a candidate is deleted; None where it is data, or where only its neighbours can tell."""
        if offset >= self._survey.end:
            return True  # behind what the base block counts
        start, size = self._survey.around(offset)
        if start == offset:
            return size > 0
        if start < 0:  # a torn bin
            return bool(unpack_from("<i", self._hive.data, BASE_BLOCK + offset)[0] > 0)
        if size > 0:
            return True
        (own,) = unpack_from("<i", self._hive.data, BASE_BLOCK + offset)
        if own < 8 or own & 7 or offset + own > start - size:
            return None
        self._slack.append((start, offset, self._hive.data[BASE_BLOCK + offset + 4] == 0x6E))
        return None

    def _in_slack(self) -> None:
        """Keep the candidates that begin behind what the cells around them use."""
        if not self._slack:
            return
        used = used_bytes(self._hive, self._survey, {start for start, _, _ in self._slack})
        for start, offset, is_key in self._slack:
            if start in used and offset >= start + 4 + used[start]:
                (self._keys if is_key else self._values)[offset] = True

    def _possible_key(self, at: int) -> bool:
        if at + NK.size > self._hive.end:
            return False
        _, flags, written, _, parent, subkeys, _, below, _, values, listed, *_, length, _ = NK.unpack_from(self._hive.data, at)
        return (
            0 < length <= LONGEST_NAME
            and self._plausible_name(at + NK.size, length, flags & 0x20)
            and not flags & 0xFF00
            and (_FIRST <= written <= _LAST or written == 0)
            and (parent == NOWHERE or not parent & 7)
            and at + NK.size + length <= self._hive.end
            and subkeys < 1 << 22
            and values < 1 << 22
            and (below == NOWHERE or not below & 7)
            and (listed == NOWHERE or not listed & 7)
        )

    def _possible_value(self, at: int) -> bool:
        _, length, size, place, kind, flags, _ = VK.unpack_from(self._hive.data, at)
        plain = size & 0x7FFFFFFF
        return (
            length <= 32766
            and self._plausible_name(at + VK.size, length, flags & 1)
            and flags in (0, 1)
            and at + VK.size + length <= self._hive.end
            and (kind <= 0x15 or kind >> 16 == 0xFFFF)
            and (plain <= 4 if size >> 31 else plain == 0 or (plain <= len(self._hive.data) and not place & 7))
        )

    def _plausible_name(self, at: int, length: int, compressed: int) -> bool:
        """Return whether a name is not overwritten: one of single bytes has no NUL."""
        return not compressed or b"\0" not in self._hive.data[at : at + length]

    # --- keys

    def _name(self, offset: int, fields: tuple[int, ...]) -> str:
        at = BASE_BLOCK + offset + 4 + NK.size
        return decoded(bytes(self._hive.data[at : at + fields[18]]), compressed=bool(fields[1] & 0x20))

    def _path(self, offset: int) -> str:
        """Return the path of a key by its parents, alive or not. Every key on the way up is resolved once, within a bound on the memory."""
        chain: list[tuple[int, str]] = []
        at, met, above = offset, set[int](), self._paths.get(offset)
        while above is None:
            start = BASE_BLOCK + at + 4
            whole = at not in met and len(met) < _LEVELS and not at & 7 and start + NK.size <= self._hive.end
            if not whole or self._hive.data[start : start + 2] != b"nk" or not self._possible_key(start):
                above = UNKNOWN
                break
            met.add(at)
            fields = NK.unpack_from(self._hive.data, start)
            chain.append((at, self._name(at, fields)))
            at = fields[4]
            above = self._paths.get(at, UNKNOWN if self._characters_left <= 0 else None)
        for at, name in reversed(chain):
            above = f"{above}\\{name}"[:_LONGEST_PATH] if above else name
            self._characters_left -= len(above)
            if self._characters_left > 0:
                self._paths[at] = above
        if self._characters_left <= 0:
            self._hive.note(0, f"paths of deleted keys take more than {_CHARACTERS:,} characters: of the rest only names are shown")
        return above

    def _claimed(self, offset: int) -> Iterator[RecoveredValue]:
        """Yield the candidates that the list of a recovered key names; they are no longer candidates."""
        for place in self._listed(offset, slack=False):
            if place in self._values:
                yield self._value(place, self._values.pop(place))

    def _listed(self, offset: int, *, slack: bool) -> tuple[int, ...]:
        """Return the offsets in the list of values of a key; `slack`: those behind the last that counts."""
        fields = NK.unpack_from(self._hive.data, BASE_BLOCK + offset + 4)
        count, place = fields[9], fields[10]
        start = BASE_BLOCK + place
        if place == NOWHERE or place & 7 or start + 8 > self._hive.end or fields[1] & 0x40:
            return ()
        room = (abs(unpack_from("<i", self._hive.data, start)[0]) - 4) // 4
        room = max(0, min(room, (self._hive.end - start - 4) // 4))
        if slack:
            return unpack_from(f"<{room - count}I", self._hive.data, start + 4 + 4 * count) if count < room <= 1 << 16 else ()
        return unpack_from(f"<{min(count, room)}I", self._hive.data, start + 4)

    def _of_live_keys(self) -> Iterator[Recovered]:
        """Yield deleted values to which the unused end of a list of values still points."""
        for offset in self._survey.keys:
            if offset in self._keys:
                continue
            found = [self._value(place, self._values.pop(place)) for place in self._listed(offset, slack=True) if place in self._values]
            if found:
                fields = NK.unpack_from(self._hive.data, BASE_BLOCK + offset + 4)
                key = Key(self._hive, offset, fields, self._name(offset, fields), "")
                yield Recovered(self._path(offset), key, True, tuple(found), own=False)

    # --- values

    def _value(self, offset: int, deleted: bool) -> RecoveredValue:
        at = BASE_BLOCK + offset + 4
        _, length, size, place, kind, flags, _ = VK.unpack_from(self._hive.data, at)
        name = decoded(bytes(self._hive.data[at + VK.size : at + VK.size + length]), compressed=bool(flags & 1))
        if size >> 31:
            return RecoveredValue(offset, name, kind, place.to_bytes(4, "little")[: size & 7])
        return RecoveredValue(offset, name, kind, self._data(place, size, deleted) if size else b"")

    def _data(self, place: int, size: int, deleted: bool) -> bytes | None:
        if size > SEGMENT and self._hive.data[BASE_BLOCK + place + 4 : BASE_BLOCK + place + 6] == b"db":
            return self._big(place, size, deleted)
        return self._plain(place, size, deleted)

    def _plain(self, place: int, size: int, deleted: bool) -> bytes | None:
        start = BASE_BLOCK + place + 4
        around, cell = self._survey.around(place)
        inside = around < 0 or place + 4 + size <= around + abs(cell)
        if place & 7 or start + size > self._hive.end or not inside or (deleted and cell < 0):
            return None
        return self._hive.take(start, start + size) or None

    def _big(self, place: int, size: int, deleted: bool) -> bytes | None:
        if self._plain(place, 8, deleted) is None:
            return None
        count, listed = unpack_from("<HI", self._hive.data, BASE_BLOCK + place + 6)
        listing = self._plain(listed, 4 * count, deleted) if count else None
        parts: list[bytes] = []
        for (segment,) in _OFFSET.iter_unpack(listing or b""):
            part = self._plain(segment, min(SEGMENT, size), deleted)
            if part is None:
                return None
            parts.append(part)
            size -= len(part)
            if not size:
                return b"".join(parts)
        return None


def used_bytes(hive: HiveCells, survey: Survey, cells: Iterable[int]) -> dict[int, int]:
    """Return how many bytes of these allocated cells are used, without their sizes. A cell of which that is not known is not in it."""
    wanted, used = set(cells), dict[int, int]()
    data = hive.data
    for offset in wanted:
        at = BASE_BLOCK + offset + 4
        if at + NK.size > hive.end:
            continue
        signature, count = unpack_from("<2sH", data, at)
        if signature in (b"lf", b"lh"):
            used[offset] = 4 + 8 * count
        elif signature in (b"li", b"ri"):
            used[offset] = 4 + 4 * count
        elif signature == b"sk":
            used[offset] = 20 + unpack_from("<I", data, at + 16)[0]
        elif signature == b"nk":
            used[offset] = NK.size + unpack_from("<H", data, at + 72)[0]
        elif signature == b"vk":
            used[offset] = VK.size + unpack_from("<H", data, at + 2)[0]
    if wanted <= used.keys():
        return used
    place_of = _OFFSET.unpack_from
    for value in [value for value in survey.values if place_of(data, BASE_BLOCK + value + 12)[0] in wanted]:
        size, place = _DATA.unpack_from(data, BASE_BLOCK + value + 8)
        if not size >> 31:
            used[place] = size
    lists_of = _LISTS.unpack_from
    for key in [key for key in survey.keys if not wanted.isdisjoint(lists_of(data, BASE_BLOCK + key + 44))] if wanted - used.keys() else ():
        fields = NK.unpack_from(data, BASE_BLOCK + key + 4)
        if fields[10] in wanted:
            used[fields[10]] = 4 * fields[9]
        if fields[12] in wanted:
            used[fields[12]] = fields[19]
    return used
