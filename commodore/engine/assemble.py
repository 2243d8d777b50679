"""Make the final record from what a parser yields: defaults, provenance, id and message.

One assembler serves one artefact on one member; constant fields are prepared once.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

from commodore.artefact import Artefact, Record, RecordBatch
from commodore.engine.computers import same
from commodore.schema import registry
from commodore.sentence import sentence

_INT64 = 1 << 63
_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_STRICT_INTEGER


def identity(collection: str, member: int, dataset: str) -> blake2b:
    """Return the hash state that all ids of a dataset on a member start from.

    An id is BLAKE2b-128 of collection, member, dataset, locator and role.
    """
    return blake2b(f"{collection}\0{member}\0{dataset}\0".encode("utf-8", "surrogatepass"), digest_size=16)


class Assembler:
    """Make final records of `artefact` on one member."""

    def __init__(
        self,
        artefact: Artefact,
        *,
        collection: str,
        member: int,
        source: str,
        host_name: str,
        host_inferred: bool = False,
        host_field: str = "",
    ) -> None:
        self.artefact = artefact
        self._identity = identity(collection, member, artefact.name)
        self._defaults: dict[str, Any] = {
            "@timestamp": None,
            "event.kind": artefact.kind,
            "event.category": list(artefact.category),
            "event.type": list(artefact.type),
            "event.action": artefact.action,
        }
        self._constant: dict[str, Any] = {
            "event.dataset": artefact.name,
            "host.name": host_name,
            "escadre.collection": collection,
            "escadre.member": member,
            "escadre.source": source,
            "escadre.parser": f"{artefact.name}/{artefact.version}",
        }
        if host_inferred:
            self._constant["escadre.host_inferred"] = True
        self._sentence = sentence(artefact.message)
        self._host_field, self._hosts = host_field, {"": host_name}
        self._times = tuple(artefact.times) if artefact.kind == "state" else None
        self._seen: set[bytes] = set()
        self.duplicates: list[str] = []
        """locators that the parser gave twice; each later one got a number (`#2`)"""

    def record(self, record: Record) -> dict[str, Any]:
        """Return the record as it will be written."""
        locator, fields, state, role = record
        hashed = self._identity.copy()
        hashed.update(f"{locator}\0{role}".encode("utf-8", "surrogatepass"))
        key = hashed.digest()
        if key in self._seen:
            locator, key = self._renumber(locator, role)
        self._seen.add(key)
        out: dict[str, Any] = {**self._defaults, **fields, **self._constant}
        if self._host_field:
            self._set_host(out, str(fields.get(self._host_field) or ""))
        if "message" not in out:
            out["message"] = self._sentence(out)
        if self._times is not None and "escadre.times" not in out:
            out["escadre.times"] = times(out, self._times)
        out["escadre.id"] = key.hex()
        out["escadre.locator"] = locator
        out["escadre.state"] = state
        return out

    def text(self, batch: RecordBatch) -> bytes:
        """Return the lines of a batch. What its records share, and those of the member, is turned into text once."""
        shared = {name: value for name, value in self._defaults.items() if name not in batch.own} | batch.shared
        if self._times is not None and "escadre.times" not in batch.own and "escadre.times" not in shared:
            shared["escadre.times"] = times(shared, self._times)
        try:
            head = f"{orjson.dumps(shared | self._constant, option=orjson.OPT_STRICT_INTEGER).decode()[:-1]},"
        except TypeError:  # lone surrogates, as in `line`
            return b"".join([line(self.record(record)) for record in batch.each()])
        made: list[str] = []
        seen, key_of = self._seen, self._identity.copy
        for locator, own, state in batch.records:
            hashed = key_of()
            hashed.update(f"{locator}\0".encode())  # as `_key` does
            key = hashed.digest()
            if key in seen:
                locator, key = self._renumber(locator, "")
            seen.add(key)
            made.append(head)
            made += own
            made.append(f',"escadre.id":"{key.hex()}","escadre.locator":"{locator}","escadre.state":"{state}"}}\n')
        return "".join(made).encode()

    def _set_host(self, out: dict[str, Any], named: str) -> None:
        """Set the host that a record names. It is the member's host where the record names none, or another form of that name."""
        if named not in self._hosts:
            self._hosts[named] = self._hosts[""] if same(named, self._hosts[""]) else named
        if (host := self._hosts[named]) != self._hosts[""]:
            out["host.name"] = host
            out.pop("escadre.host_inferred", None)

    def _key(self, locator: str, role: str) -> bytes:
        hashed = self._identity.copy()
        hashed.update(f"{locator}\0{role}".encode("utf-8", "surrogatepass"))
        digest: bytes = hashed.digest()
        return digest

    def _renumber(self, locator: str, role: str) -> tuple[str, bytes]:
        self.duplicates.append(locator)
        n = 2
        while (key := self._key(f"{locator}#{n}", role)) in self._seen:
            n += 1
        return f"{locator}#{n}", key


def times(record: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    """Return all distinct times of a state record, sorted."""
    found: set[str] = set()
    for name in names:
        value = record.get(name)
        if isinstance(value, str):
            found.add(value)
        elif value:
            found.update(value)
    return sorted(found)


def line(record: Mapping[str, Any]) -> bytes:
    """Return the record as one JSON line. `clean` makes values safe that JSON or the registry cannot hold."""
    try:
        return orjson.dumps(record, option=_LINE)
    except TypeError:  # lone surrogates, integers above 53 bits: rare, so the copy is made only then
        return orjson.dumps(clean(record), option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)


def clean(record: Mapping[str, Any]) -> dict[str, Any]:
    r"""Return a copy that JSON can hold: lone surrogates become `\udcff` in text, integers outside 64 bits leave a `long` field for
    `escadre.overflow`, which keeps their digits (a text field keeps them itself).
    """
    fields = registry()
    out: dict[str, Any] = {}
    overflow = {}
    for name, value in record.items():
        made = _clean(value)
        if isinstance(made, int) and not -_INT64 <= made < _INT64:
            if name in fields and fields[name].type == "long":
                overflow[name] = str(made)
                continue
            made = str(made)
        out[_text(name)] = made
    return out | {"escadre.overflow": overflow} if overflow else out


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return {_text(str(k)): str(v) if isinstance(v, int) and not -_INT64 <= v < _INT64 else _clean(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
        return [str(v) if isinstance(v, int) and not -_INT64 <= v < _INT64 else _clean(v) for v in items]
    if isinstance(value, (bool, int, float)) or value is None:
        return value
    return _text(str(value))


def _text(value: str) -> str:
    return value.encode("utf-8", "backslashreplace").decode("utf-8")
