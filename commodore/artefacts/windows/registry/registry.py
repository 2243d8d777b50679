"""The registry: every key and value of every hive."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.containers.registry import RegistryView, WholeHive
from commodore.host import Host
from commodore.readers.hives import fields
from commodore.readers.hives.places import key_place
from commodore.readers.hives.secrets import is_password, withheld_class, withheld_values
from commodore.sentence import one_line, quoted, short
from scout.formats.regf import Key
from scout.formats.regf.data import type_name, typed
from scout.formats.regf.rows import PlainValue, plain_values

ARTEFACT = Artefact(
    name="registry",
    title="Registry",
    about="Every value of every hive, and every key without values. The time is the last write of the key, which all its values share: a value "
    "has no time of its own. Password hashes, LSA secrets, cached logons and passwords are left out; `escadre.registry.withheld` gives the reason.",
    holds=WholeHive(),
    targets=("WR01", "WR03", "WR04", "WR06"),
    needs=("profiles", "users", "control_set"),
    fields=(
        *fields.REGISTRY_FIELDS,
        "escadre.registry.class",
        "escadre.registry.control_set",
        "escadre.registry.current",
        "escadre.registry.owner",
        "escadre.registry.profile",
        "escadre.registry.unified",
        "escadre.registry.withheld",
        "user.name",
        "user.id",
    ),
    times=fields.TIMES,
    kind="state",
    category=("registry", "configuration"),
    type=("info",),
    action="registry-value-observed",
    message="{registry.path!q} [is {registry.data.strings!q}|is withheld: {escadre.registry.withheld}|has data of type {registry.data.type}|"
    "is a key without values][; its key was last written at {@timestamp}].",
    sources=fields.SOURCES,
)


def parse(hive: RegistryView, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001
    """Yield one record per value, and one per key without values."""
    table = _Table(hive)
    for key in hive.hive.walk():
        yield from table.records(key)


class _Table:
    """The records of one hive, key by key. What all values of a key share is made once."""

    def __init__(self, hive: RegistryView) -> None:
        self._hive = hive
        self._logged = bool(hive.hive.replayed)
        at = hive.at
        given = {"registry.hive": at.path, "user.name": at.user, "user.id": at.sid, "escadre.registry.profile": at.profile}
        self._constant = {name: value for name, value in given.items() if value}
        self._owners: dict[int, str] = {}

    def records(self, key: Key) -> list[Record]:
        shared, values = self._shared(key), plain_values(key)
        state = "replayed" if self._logged and key.replayed else "allocated"
        place = f"{key.offset:#x}"
        if not values:
            shared["event.action"] = "registry-key-observed"
            shared["message"] = f"{quoted(one_line(shared['registry.path']))} is a key without values{self._when(shared)}"
            return [Record(place, shared, state)]
        withheld = withheld_values(key.path) or is_password
        above, when = shared["registry.path"], self._when(shared)
        made = []
        for value in values:
            offset, name, kind, raw, replayed = value
            path = f"{above}\\{name}" if name else above
            record = {**shared, "registry.value": name, "registry.path": path, "registry.data.type": type_name(kind)}
            if reason := withheld(name, kind):
                record["escadre.registry.withheld"] = reason
                shown = f"is withheld: {reason}"
            else:
                shown = self._data(record, value)
            record["message"] = f"{quoted(one_line(path))} {shown}{when}"
            made.append(Record(f"{place}/{offset:#x}", record, "replayed" if replayed else "allocated"))
        return made

    def _data(self, record: dict[str, Any], value: PlainValue) -> str:
        texts, whole = typed(value.kind, value.raw)
        if not whole:
            record["registry.data.bytes"] = b64encode(value.raw).decode("ascii")
        if not texts:
            return f"has data of type {record['registry.data.type']}"
        record["registry.data.strings"] = texts
        return f"is {quoted(one_line(short(texts[0])))}" if len(texts) == 1 else f"is {quoted(one_line(short(' '.join(texts))))}"

    @staticmethod
    def _when(shared: dict[str, Any]) -> str:
        when = shared.get("@timestamp")
        return f"; its key was last written at {when}." if when else "."

    def _shared(self, key: Key) -> dict[str, Any]:
        """Return the fields that all records of a key have."""
        made = self._constant | {"registry.key": key.path, "registry.path": fields.registry_path(self._hive.at, key)}
        if written := key.last_written:
            made["@timestamp"] = made["escadre.registry.last_written"] = written
            made["escadre.times"] = [written]
        if owner := self._owner(key):
            made["escadre.registry.owner"] = owner
        if name := key.class_name:
            made["escadre.registry.class" if not withheld_class(key.path) else "escadre.registry.withheld"] = (
                withheld_class(key.path) or name
            )
        control_set, unified = key_place(self._hive.at, key.path, self._hive.control_set)
        if control_set:
            made["escadre.registry.control_set"] = control_set
            made["escadre.registry.current"] = control_set == self._hive.control_set
        if unified:
            made["escadre.registry.unified"] = unified
        return made

    def _owner(self, key: Key) -> str:
        at = key.security
        if at not in self._owners:
            self._owners[at] = key.owner
        return self._owners[at]
