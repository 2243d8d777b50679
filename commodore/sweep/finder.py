"""Find all indicators of a run in bytes, whatever the bytes are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from commodore.sweep.addresses import Addresses, SixAddresses
from commodore.sweep.found import Found
from commodore.sweep.hashes import Hashes
from commodore.sweep.texts import Texts
from commodore.sweep.windows import Joined, Searched
from scout.formats.indicator_expression import expression
from scout.formats.indicators import Indicator

MOST = 100
"""places of one indicator in one unit that are listed; the others are counted"""
_AROUND = 64
"""characters before and behind a text that its expression may look at"""
_HASHES, _ADDRESSES = ("md5", "sha1", "sha256"), ("ip", "cidr")
_GROUPS = {"hash": _HASHES, "address": _ADDRESSES}


FoundInUnit = tuple[list[Found], Counter[int]]
"""the places by offset, and how many more places of an indicator there are"""


class _Collected:
    """The places within one unit of `size` bytes, each once, the first of each indicator."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._found: dict[tuple[int, int], Found] = {}
        self._listed: Counter[int] = Counter()
        self._more: Counter[int] = Counter()

    def add(self, one: Found) -> None:
        if not 0 < one.end <= self._size or (one.start, one.number) in self._found:
            return
        if self._listed[one.number] >= MOST:
            self._more[one.number] += 1
            return
        self._listed[one.number] += 1
        self._found[one.start, one.number] = one

    def result(self) -> FoundInUnit:
        return sorted(self._found.values(), key=lambda one: (one.start, one.number)), self._more


class Finder:
    """All indicators of a run, ready to be found in bytes."""

    def __init__(self, indicators: Sequence[Indicator]) -> None:
        self._indicators = indicators
        of_kind = {kind: [n for n, x in enumerate(indicators) if x.type in kinds] for kind, kinds in _GROUPS.items()}
        numbers = [n for n, x in enumerate(indicators) if x.type not in (*_HASHES, *_ADDRESSES)]
        longest = max((len(indicators[n].value) for n in numbers), default=64)
        four = [(n, indicators[n].value) for n in of_kind["address"] if ":" not in indicators[n].value]
        six = [(n, indicators[n].value) for n in of_kind["address"] if ":" in indicators[n].value]
        self.before = 2 * (2 * longest + _AROUND)
        """bytes in front of a unit that are looked at: the longest indicator in UTF-16, with its separators doubled"""
        self._texts = Texts((n, _spellings(indicators[n].type, indicators[n].value)) for n in numbers)
        hashes = of_kind["hash"]
        self._hashes = Hashes((n, indicators[n].value.encode()) for n in hashes) if hashes else None
        self._addresses: list[Addresses | SixAddresses] = [*([Addresses(four)] if four else ()), *([SixAddresses(six)] if six else ())]
        self._expression = lru_cache(maxsize=8192)(self._compiled)

    def _compiled(self, number: int, wide: bool) -> re.Pattern[str]:
        pattern = expression(self._indicators[number])
        if self._indicators[number].type == "path":
            pattern = pattern.replace(r"\\", r"(?:\\{1,2}|/)")  # as programs write it, and as JSON escapes it
        return re.compile(pattern if wide else _as_bytes(pattern))

    def find(self, unit: bytes, before: bytes = b"", after: bytes = b"") -> FoundInUnit:
        """Return what ends within the unit. `before`, `after`: its neighbours."""
        return self._found([(unit, before, after)])[0]

    def find_each(self, units: Sequence[bytes]) -> list[FoundInUnit]:
        """Return what is in each of several small units. They are searched together, which takes a tenth of the time."""
        return self._found([(unit, b"", b"") for unit in units])

    def _found(self, units: Sequence[tuple[bytes, bytes, bytes]]) -> list[FoundInUnit]:
        joined, collected = Joined(), [_Collected(len(unit)) for unit, _, _ in units]
        for unit, before, after in units:
            joined.add(unit, before, after)
        for one in self._verified(Searched(joined.bytes())):
            unit_number, moved = joined.origin(one.start)
            collected[unit_number].add(one._replace(start=one.start + moved, end=one.end + moved))
        return [one.result() for one in collected]

    def _verified(self, searched: Searched) -> Iterator[Found]:
        for place, number, is_wide in self._texts.places(searched):
            yield from self._text(searched, place, number, is_wide)
        if self._hashes is not None:
            for place, number, is_wide in self._hashes.places(searched):
                yield from self._text(searched, place, number, is_wide)
        for addresses in self._addresses:
            for start, number, is_wide, length in addresses.places(searched):
                yield from self._address(searched, start, number, length, is_wide=is_wide)

    def _text(self, searched: Searched, place: int, number: int, is_wide: bool) -> Iterator[Found]:
        """Yield the indicator where its expression matches around a place."""
        step = 1 + is_wide
        reach = (2 * len(self._indicators[number].value) + _AROUND) * step
        low = max(place - reach, place % step)
        text = _characters(searched.raw, low, place + reach, wide=is_wide)
        at = (place - low) // step
        for match in self._expression(number, is_wide).finditer(text.lower()):
            if match.start() <= at < match.end():
                start, end = low + match.start() * step, low + match.end() * step
                yield Found(number, start, end, is_wide, _shown(text[match.start() : match.end()], wide=is_wide))

    def _address(self, searched: Searched, start: int, number: int, length: int, *, is_wide: bool) -> Iterator[Found]:
        """Yield an address whose neighbours are not part of a longer one."""
        step = 1 + is_wide
        low = max(start - 8 * step, start % step)
        text = _characters(searched.raw, low, start + (length + 8) * step, wide=is_wide)
        at = (start - low) // step
        token = text[at : at + length]
        if _NOT_BEFORE.search(text[:at]) or _NOT_BEHIND.match(text[at + length :]):
            return
        yield Found(number, start, start + length * step, is_wide, token)


_NOT_BEFORE = re.compile(r"(?:[0-9A-Za-z]|(?<![0-9])[.]|[0-9][.])\Z")
_NOT_BEHIND = re.compile(r"[0-9A-Za-z]|\.[0-9]")


def _characters(raw: bytes, low: int, high: int, *, wide: bool) -> str:
    """Return bytes as characters, one per byte, or per UTF-16 unit whose low byte comes first."""
    if not wide:
        return raw[low:high].decode("latin-1")
    high -= (high - low) % 2
    units = memoryview(raw[low:high]).cast("H") if (min(high, len(raw)) - low) % 2 == 0 else memoryview(raw[low : len(raw) - 1]).cast("H")
    return "".join(map(chr, units))


def _shown(text: str, *, wide: bool) -> str:
    return text if wide else text.encode("latin-1").decode("utf-8", "backslashreplace")


def _as_bytes(pattern: str) -> str:
    """Return the pattern for text that has a character per byte: what is beyond ASCII is several characters there."""
    return pattern if pattern.isascii() else pattern.encode("utf-8", "surrogatepass").decode("latin-1").lower()


def _spellings(kind: str, value: str) -> tuple[bytes, ...]:
    """Return the ways in which an indicator is written, in lower case."""
    text = value.encode("utf-8", "surrogatepass").decode("latin-1").lower().encode("latin-1")
    if not value.isascii():
        return text, bytes(ord(character) & 0xFF for character in value)  # the low bytes of UTF-16
    if kind != "path" or b"\\" not in text:
        return (text,)
    return text, text.replace(b"\\", b"/"), text.replace(b"\\", b"\\\\")
