"""A key with everything below it, and a value, as a backup has them: enough to put them back as they were.

JSON, bytes in base64. The cells are raw; their references are written anew. `at` is where the cells were, so that they take the same places
again where those are still free.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from struct import pack
from typing import Any

from hunter.unsafe import UnsafeError
from scout.formats.regf.data import TYPES, decoded
from scout.formats.regf.keys import NK, NOWHERE, VK

LARGEST = 64 << 20
"""bytes of a backup of one key with everything below it, or of one value"""
DEEPEST = 64
"""levels of keys below one that is removed"""


@dataclass(frozen=True, slots=True)
class ValueRecord:
    """One value. `cell`: its `vk` cell, name included; `index`: its place in the list of its key.

    at   offsets of its cell, of the cell of its data or of the record of big data, of the list of segments, and of each segment
    """

    cell: bytes
    data: bytes
    index: int
    at: tuple[int, ...] = ()
    held_by: int = NOWHERE
    """offset of the list that has it"""

    @staticmethod
    def made(name: str, kind: int, data: bytes, index: int) -> ValueRecord:
        """Return a new value, with its name as Windows writes it."""
        plain = all(ord(c) < 0x100 for c in name)
        raw = name.encode("latin-1") if plain else name.encode("utf-16-le", "surrogatepass")
        return ValueRecord(pack("<2sHIIIHH", b"vk", len(raw), 0, 0, kind, int(plain), 0) + raw, data, index)

    @property
    def kind(self) -> int:
        """Type number."""
        return int(VK.unpack_from(self.cell)[4])

    @property
    def name(self) -> str:
        """'' for the default value."""
        return decoded(self.cell[VK.size :], compressed=bool(VK.unpack_from(self.cell)[5] & 1))

    @property
    def type(self) -> str:
        """`REG_SZ` and the like."""
        return TYPES[self.kind] if self.kind < len(TYPES) else f"0x{self.kind:08x}"

    def to_json(self) -> dict[str, Any]:
        """Return the record for a backup; `from_json` reads it back."""
        return {"cell": _text(self.cell), "data": _text(self.data), "index": self.index, "at": [self.held_by, *self.at]}

    @staticmethod
    def from_json(node: Mapping[str, Any]) -> ValueRecord:
        held_by, *at = map(int, node["at"])
        return ValueRecord(_bytes(node["cell"]), _bytes(node["data"]), int(node["index"]), tuple(at), held_by)

    def facts(self) -> tuple[str, int, bytes]:
        """Return what a reader of the registry sees."""
        return self.name, self.kind, self.data


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key. `cell`: its `nk` cell, name included; `security`: its descriptor.

    at   offsets of its cell, class name, list of values, list of subkeys, security item, the security item before that one in the ring, and
         of the list that holds it
    """

    cell: bytes
    class_name: bytes
    security: bytes
    at: tuple[int, ...]
    values: tuple[ValueRecord, ...]
    keys: tuple[KeyRecord, ...]

    @staticmethod
    def made(
        name: str, written: int, class_name: bytes, security: bytes, values: Sequence[ValueRecord], keys: Sequence[KeyRecord]
    ) -> KeyRecord:
        """Return a key that has no places in a hive, with its name as Windows writes it."""
        plain = all(ord(c) < 0x100 for c in name)
        raw = name.encode("latin-1") if plain else name.encode("utf-16-le", "surrogatepass")
        numbers = [0] * (len(NK.unpack(bytes(NK.size))) - 5)
        cell = NK.pack(b"nk", 0x20 if plain else 0, written, *numbers, len(raw), len(class_name)) + raw
        return KeyRecord(cell, class_name, security, (), tuple(values), tuple(keys))

    @property
    def name(self) -> str:
        """The name of the key."""
        return decoded(self.cell[NK.size :], compressed=bool(NK.unpack_from(self.cell)[1] & 0x20))

    @property
    def written(self) -> int:
        """Last write, 100 ns ticks since 1601 UTC."""
        return int(NK.unpack_from(self.cell)[2])

    def every(self) -> Iterator[KeyRecord]:
        """Yield the key and all below it, parents first."""
        yield self
        for key in self.keys:
            yield from key.every()

    def to_json(self) -> dict[str, Any]:
        """Return the record for a backup; `from_json` reads it back."""
        texts = {"cell": _text(self.cell), "class": _text(self.class_name), "security": _text(self.security)}
        return {**texts, "at": list(self.at), "values": [v.to_json() for v in self.values], "keys": [k.to_json() for k in self.keys]}

    @staticmethod
    def from_json(node: Mapping[str, Any]) -> KeyRecord:
        values, keys = map(ValueRecord.from_json, node["values"]), map(KeyRecord.from_json, node["keys"])
        cell, class_name, security = (_bytes(node[word]) for word in ("cell", "class", "security"))
        return KeyRecord(cell, class_name, security, tuple(map(int, node["at"])), tuple(values), tuple(keys))

    def facts(self, *, exact: bool = True) -> tuple[object, ...]:
        """Return what a reader of the registry sees, with flags and last write, without places: equal for equal keys.

        `exact`: with flags and last writes, which a hive has and a running Windows does not let everybody set.
        """
        values, keys = tuple(v.facts() for v in self.values), tuple(k.facts(exact=exact) for k in self.keys)
        stamps = (NK.unpack_from(self.cell)[1], self.written) if exact else ()
        return self.name, *stamps, self.class_name, self.security, values, keys


def packed(record: ValueRecord | KeyRecord) -> bytes:
    """Return a record as the bytes of a backup. UnsafeError where it is too large."""
    raw = json.dumps(record.to_json(), separators=(",", ":")).encode()
    if len(raw) > LARGEST:
        raise UnsafeError(f"it is larger than {LARGEST >> 20} MiB")
    return raw


def unpacked_key(raw: bytes) -> KeyRecord:
    """Return the key of a backup."""
    return KeyRecord.from_json(json.loads(raw))


def unpacked_value(raw: bytes) -> ValueRecord:
    """Return the value of a backup."""
    return ValueRecord.from_json(json.loads(raw))


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
