"""The records of a complete hive, key by key. What all values of a key share is made once."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from commodore.fence import raised
from commodore.readers.hives import second
from commodore.readers.hives.fields import LARGEST_VALUE
from commodore.readers.hives.places import Mount, key_place
from commodore.readers.hives.secrets import is_password, withheld_class, withheld_orphan, withheld_values
from commodore.record import Problem, RecordBatch
from commodore.sentence import PLAIN, form_above, form_last, form_within, short, shown
from scout.formats.regf import Hive, Key
from scout.formats.regf.data import filetime, type_name, typed
from scout.formats.regf.keys import LAYERED
from scout.formats.regf.recovery import UNKNOWN, Recovered
from scout.formats.regf.rows import PlainValue, plain_values

FIELDS = (
    "escadre.registry.class",
    "escadre.registry.control_set",
    "escadre.registry.current",
    "escadre.registry.layer",
    "escadre.registry.owner",
    "escadre.registry.profile",
    "escadre.registry.reader",
    "escadre.registry.unified",
    "escadre.registry.withheld",
    "user.name",
    "user.id",
)
GONE = "it is gone: its cell is in use again, or outside the hive"
_Fields = dict[str, Any]


class HiveRecords:
    """Makes records of the keys and values of one hive.

    answers  number of values that the second reader gave, because ours refused their cells
    cuts     number of values of more than `LARGEST_VALUE` bytes, which were cut
    unlisted number of records of allocated cells that no list names
    live     one byte for each 8 bytes of the hive bins data: 1 where a key or value begins of which a record was made
    """

    def __init__(self, hive: Hive, at: Mount, control_set: int) -> None:
        self._hive, self._at, self._control_set = hive, at, control_set
        self._logged, self._layered = bool(hive.replayed), hive.minor >= LAYERED
        self.live = bytearray(len(hive.data) // 8 + 1)
        self._second = second.SecondHiveReader(hive.data)
        self.answers = self.cuts = self.unlisted = 0
        given = {"registry.hive": at.path, "user.name": at.user, "user.id": at.sid, "escadre.registry.profile": at.profile}
        self._constant = {name: value for name, value in given.items() if value}
        self._owners: dict[int, str] = {}
        self._top = form_above(at.path)
        self._forms: dict[str, int] = {}
        """path of a key → form of that path in messages, for the keys below it"""

    def of_key(self, key: Key) -> list[RecordBatch | Problem]:
        """Return the records of the values of a key, or that of the key where it has none. A value at which this fails is a problem."""
        live, place = self.live, hex(key.offset)
        live[key.offset >> 3] = 1
        shared, when = self._shared(key, key.path)
        values = plain_values(key)
        theirs = self._of_second(key, values) if len(values) < key.value_count else []
        if not values and not theirs:
            return [_of_key_alone(shared, place, when, "replayed" if self._logged and key.replayed else "allocated")]
        withheld = withheld_values(key.path) or is_password
        above, layer, layered = shared.pop("registry.path"), shared.pop("escadre.registry.layer", ""), self._layered
        row_of, texts = _short_row if withheld is is_password else _row, _PathTexts(above, self._form(key.path))
        made: list[tuple[str, str, str]] = []
        problems: list[Problem] = []
        for offset, name, kind, raw, replayed in values:
            live[offset >> 3] = 1
            try:
                row = row_of(name, kind, raw, withheld) if len(raw) <= _SHORT else _row(name, kind, raw, withheld)
                own = texts.of(name, row, when)
                if layered and (how := "tombstone" if (value := key.value_at(offset)) and value.hides else layer):
                    own += f',"escadre.registry.layer":"{how}"'
                made.append((f"{place}/{hex(offset)}", own, "replayed" if replayed else "allocated"))
            except MemoryError:
                raise
            except Exception as e:  # evidence is hostile: any value may raise anything
                problems.append(raised(e, f"{place}/{hex(offset)}"))
            if len(raw) > LARGEST_VALUE:
                self.cuts += 1
        if not theirs:
            return [RecordBatch(shared, made), *problems]
        return [RecordBatch(shared, made), *(second_batch(shared | {"registry.path": above}, place, theirs, withheld, when)), *problems]

    def _form(self, path: str) -> int:
        """Return the form of the path to a key, made from that of the key above."""
        if not path:
            return self._top
        parent, _, name = path.rpartition("\\")
        form = self._forms.get(parent) if parent else self._top
        if form is None:
            if len(self._forms) >= _MOST_FORMS:
                self._forms.clear()
            form = self._forms[parent] = form_above(f"{self._at.path}\\{parent}")
        return min(form, form_within(name))

    def _of_second(self, key: Key, read: list[PlainValue]) -> list[tuple[int, str, int, bytes]]:
        """Return what the second reader gives for the values of a key whose cells ours refused."""
        met = {offset for offset, *_ in read}
        asked = [self._second.value(offset) for offset in dict.fromkeys(key.value_offsets()) if offset not in met]
        found = [value for value in asked if value is not None]
        for offset, *_ in found:
            self.live[offset >> 3] = 1
        self.answers += len(found)
        return found

    def of_recovered(self, found: Recovered) -> list[RecordBatch]:
        """Return the records of what the tree does not have."""
        state = "deleted" if found.deleted else "carved"
        remark = ", deleted" if found.deleted else ", in no list of the tree"
        shared, when, place = dict(self._constant), ".", UNKNOWN
        if found.key is not None and found.path is not None:
            shared, when = self._shared(found.key, found.path, owner=not found.deleted)
            place = f"{found.key.offset:#x}"
        else:
            shared["registry.path"] = f"{self._at.path}\\{UNKNOWN}"
        when = remark + when
        if not found.values:
            self.unlisted += found.own and not found.deleted
            return [_of_key_alone(shared, place, when, state)] if found.own else []
        by_path = (withheld_values(found.path) if found.path else None) or is_password

        def withheld(name: str, kind: int) -> str:
            return by_path(name, kind) or ("" if found.path and not found.path.startswith(UNKNOWN) else withheld_orphan(name, kind))

        texts, made = _PathTexts(shared.pop("registry.path")), []
        for value in found.values:
            row = _row(value.name, value.kind, value.raw, withheld)
            made.append((f"{place}/{value.offset:#x}", texts.of(value.name, row, when), state))
        self.unlisted += 0 if found.deleted else len(made)
        return [RecordBatch(shared, made)]

    def _shared(self, key: Key, path: str, *, owner: bool = True) -> tuple[_Fields, str]:
        """Return the fields that all records of a key have, and the end of their messages."""
        at = self._at
        made: _Fields = {**self._constant, "registry.key": path, "registry.path": f"{at.path}\\{path}" if path else at.path}
        when = "."
        if written := filetime(key.written):
            made["@timestamp"] = made["escadre.registry.last_written"] = written
            made["escadre.times"] = [written]
            when = "; the time is the last write of its key."
        if owner:
            if (sid := self._owners.get(key.security)) is None:
                sid = self._owners[key.security] = key.owner
            if sid:
                made["escadre.registry.owner"] = sid
        if owner and key.has_class and (name := key.class_name):
            reason = withheld_class(path)
            made["escadre.registry.withheld" if reason else "escadre.registry.class"] = reason or name
        if self._layered and (layer := key.layer):
            made["escadre.registry.layer"] = layer
        control_set, unified = key_place(at, path, self._control_set)
        if control_set:
            made["escadre.registry.control_set"] = control_set
            made["escadre.registry.current"] = control_set == self._control_set
        if unified:
            made["escadre.registry.unified"] = unified
        return made, when


def _of_key_alone(shared: _Fields, place: str, when: str, state: str) -> RecordBatch:
    message = _escaped(f"{shown(shared['registry.path'])} is a key without values{when}")
    return RecordBatch(shared | {"event.action": "registry-key-observed"}, [(place, f'"message":"{message}"', state)])


def of_second(at: Mount, key: second.SecondKey) -> list[RecordBatch]:
    """Return the records of a key of a hive that only the second reader opens."""
    given = {"registry.hive": at.path, "user.name": at.user, "user.id": at.sid, "escadre.registry.profile": at.profile}
    shared: _Fields = {name: value for name, value in given.items() if value}
    shared |= {"registry.key": key.path, "registry.path": f"{at.path}\\{key.path}" if key.path else at.path}
    shared["escadre.registry.reader"] = second.NAME
    when = "."
    if key.last_written:
        shared["@timestamp"] = shared["escadre.registry.last_written"] = key.last_written
        when = "; the time is the last write of its key."
    place = f"{key.offset:#x}"
    if not key.values:
        return [_of_key_alone(shared, place, when, "allocated")]
    return second_batch(shared, place, key.values, withheld_values(key.path) or is_password, when)


def second_batch(
    shared: _Fields, place: str, values: Iterable[tuple[int, str, int, bytes]], withheld: Callable[[str, int], str], when: str
) -> list[RecordBatch]:
    """Return the records of values that the second reader gave."""
    shared = shared | {"escadre.registry.reader": second.NAME}
    texts, made = _PathTexts(shared.pop("registry.path")), []
    for offset, name, kind, raw in values:
        made.append((f"{place}/{offset:#x}", texts.of(name, _row(name, kind, raw, withheld), when), "allocated"))
    return [RecordBatch(shared, made)]


class _Row(NamedTuple):
    """What a record has of a value, wherever its key is, as JSON text without quotes around it.

    name  its name
    last  the form of the name at the end of a path
    data  the fields of its data, with a comma behind each
    held  the words of the message behind the path
    """

    name: str
    last: int
    data: str
    held: str


def _row(name: str, kind: int, raw: bytes | None, withheld: Callable[[str, int], str]) -> _Row:
    """Return the texts of a value. `withheld`: see `withheld_values`; `raw`: None where its data is gone."""
    reason = withheld(name, kind)
    if raw is None or reason:
        kind_name, reason = type_name(kind), reason or GONE
        data: _Fields = {"registry.data.type": kind_name, "escadre.registry.withheld": reason}
        held = f"has data of type {kind_name} that is not recorded: {reason}"
    else:
        data, held = _data(kind, raw)
    return _Row(_escaped(name), form_last(name), f"{orjson.dumps(data).decode()[1:-1]},", _escaped(held))


def _data(kind: int, raw: bytes) -> tuple[_Fields, str]:
    """Return the fields of a value's data, and the words of its message."""
    kind_name = type_name(kind)
    made: _Fields = {"registry.data.type": kind_name}
    if len(raw) > LARGEST_VALUE:
        raw = raw[:LARGEST_VALUE]
        made["escadre.cut"] = ["registry.data.strings", "registry.data.bytes"]
    texts, whole = typed(kind, raw)
    if not whole:
        made["registry.data.bytes"] = b64encode(raw).decode("ascii")
    if texts:
        made["registry.data.strings"] = texts
        return made, f"is {shown(short(texts[0] if len(texts) == 1 else ', '.join(texts)))}"
    return made, f"has data of type {kind_name}" if raw else f"has no data, type {kind_name}"


class _PathTexts:
    """Writes the records of values below one path, which is made JSON once. `form`: that of the path in messages, where it is known."""

    __slots__ = ("_above", "_below", "_form", "_path")

    def __init__(self, above: str, form: int | None = None) -> None:
        self._path, self._form = above, form_above(above) if form is None else form
        self._above = _escaped(above)
        self._below = f"{self._above}\\\\"

    def of(self, name: str, row: _Row, when: str) -> str:
        """Return the members of the record of a value. `when`: the end of its message."""
        own, last, data, held = row
        if not name:
            path, seen = self._above, _escaped(shown(self._path))
        else:
            path = seen = self._below + own
            if not (self._form and last):
                seen = _escaped(shown(f"{self._path}\\{name}"))
            elif self._form != PLAIN or last != PLAIN:
                seen = f'\\"{path}\\"'
        return f'"registry.value":"{own}","registry.path":"{path}",{data}"message":"{seen} {held}{when}"'


def _escaped(text: str) -> str:
    """Return a text as JSON has it between the quotes."""
    try:
        return orjson.dumps(text).decode()[1:-1]
    except TypeError:  # lone surrogates
        return orjson.dumps(text.encode("utf-8", "backslashreplace").decode()).decode()[1:-1]


_MOST_FORMS = 1 << 14
_SHORT = 128
"""bytes of data that is likely to occur again"""
_short_row = lru_cache(maxsize=1 << 14)(_row)
"""Of 73,456 values of a SYSTEM hive, 9,223 have data of their own."""
