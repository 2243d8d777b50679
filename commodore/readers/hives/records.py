"""The records of a complete hive, key by key. What all values of a key share is made once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from commodore.fence import raised
from commodore.readers.hives import second
from commodore.readers.hives.fields import LARGEST_VALUE
from commodore.readers.hives.places import Mount
from commodore.readers.hives.secrets import Withheld, is_password, withheld_class, withheld_orphan, withheld_values
from commodore.readers.hives.texts import (
    OWN,
    SHORT,
    HiveText,
    JsonRecord,
    KeyText,
    Members,
    ValueText,
    dated,
    escaped,
    short_value_text,
    timed,
    value_text,
)
from commodore.record import Problem, RecordBatch
from commodore.sentence import PLAIN
from scout.formats.regf import Hive, Key
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
TOGETHER = 128
"""records of a batch: each has the path of its key, which may be long"""
_ROOM = 1 << 20
"""bytes of the data of a batch, from which the rest goes into the next one"""
_BY_SECOND = f',"escadre.registry.reader":"{second.NAME}"'


class HiveRecords:
    """Makes records of the keys and values of one hive.

    answers  number of values that the second reader gave, because ours refused their cells
    cuts     number of values of more than `LARGEST_VALUE` bytes, which were cut
    unlisted number of records of allocated cells that no list names
    live     one byte for each 8 bytes of the hive bins data: 1 where a key or value begins of which a record was made
    """

    def __init__(self, hive: Hive, at: Mount, control_set: int) -> None:
        self._hive = hive
        self._logged, self._layered = bool(hive.replayed), hive.minor >= LAYERED
        self.live = bytearray(len(hive.data) // 8 + 1)
        self._second = second.SecondHiveReader(hive.data)
        self.answers = self.cuts = self.unlisted = 0
        self._text = HiveText(at, control_set)
        self._owners: dict[int, str] = {}
        """offset of a security descriptor → member with its owner"""

    def of_keys(self, keys: Iterable[Key]) -> Iterator[RecordBatch | Problem]:
        """Yield the records of all values, and of each key that has none. A key or value at which this fails is a problem."""
        live, layered, logged = self.live, self._layered, self._logged
        made: list[JsonRecord] = []
        room = _ROOM
        for key in keys:
            place = hex(key.offset)
            live[key.offset >> 3] = 1
            try:
                values = plain_values(key)
                theirs = self._of_second(key, values) if len(values) < key.value_count else ()
                texts = self._texts(key, key.path)
                if not values and not theirs:
                    made.append((place, texts.alone(), "replayed" if logged and key.replayed else "allocated"))
                withheld = (withheld_values(key.path) if texts.secret else None) or is_password
            except MemoryError:
                raise
            except Exception as e:  # evidence is hostile: any key may raise anything
                yield raised(e, place)
                continue
            head, path, end = texts.head, texts.path, texts.end
            plain = PLAIN if texts.plain and not layered else -1
            text_of_short = short_value_text if withheld is is_password else value_text
            for offset, name, kind, raw, replayed in values:
                live[offset >> 3] = 1
                try:
                    if len(raw) <= SHORT:
                        text = text_of_short(name, kind, raw, withheld)
                    else:
                        text = self._long(name, kind, raw, withheld)
                        room -= len(raw)
                    if text.form == plain:  # as `texts.of` does, without the call
                        own: Members = (head, text.data, path, text.path, path, text.held, end)
                    else:
                        own = texts.of(text, hides=layered and _hides(key, offset))
                    made.append((f"{place}/{hex(offset)}", own, "replayed" if replayed else "allocated"))
                except MemoryError:
                    raise
                except Exception as e:  # as above
                    yield raised(e, f"{place}/{hex(offset)}")
                if len(made) >= TOGETHER or room < 0:
                    yield self._batch(made)
                    made, room = [], _ROOM
            if theirs:
                made += _of_second(texts, place, theirs, withheld)
            if len(made) >= TOGETHER:
                yield self._batch(made)
                made, room = [], _ROOM
        if made:
            yield self._batch(made)

    def _batch(self, records: list[JsonRecord]) -> RecordBatch:
        return RecordBatch(self._text.fields, records, OWN)

    def _long(self, name: str, kind: int, raw: bytes, withheld: Withheld) -> ValueText:
        self.cuts += len(raw) > LARGEST_VALUE
        return value_text(name, kind, raw, withheld)

    def _of_second(self, key: Key, read: list[PlainValue]) -> list[tuple[int, str, int, bytes]]:
        """Return what the second reader gives for the values of a key whose cells ours refused."""
        met = {offset for offset, *_ in read}
        asked = [self._second.value(offset) for offset in dict.fromkeys(key.value_offsets()) if offset not in met]
        found = [value for value in asked if value is not None]
        for offset, *_ in found:
            self.live[offset >> 3] = 1
        self.answers += len(found)
        return found

    def of_recovered(self, found: Recovered) -> Iterator[RecordBatch]:
        """Yield the records of what the tree does not have."""
        state = "deleted" if found.deleted else "carved"
        remark = ", deleted" if found.deleted else ", in no list of the tree"
        if found.key is not None and found.path is not None:
            texts, place = self._texts(found.key, found.path, remark, owner=not found.deleted), f"{found.key.offset:#x}"
        else:
            texts, place = KeyText(self._text, None, dated("", remark)), UNKNOWN
        if not found.values:
            self.unlisted += found.own and not found.deleted
            if found.own:
                yield self._batch([(place, texts.alone(), state)])
            return
        by_path = (withheld_values(found.path) if found.path else None) or is_password

        def withheld(name: str, kind: int) -> str:
            return by_path(name, kind) or ("" if found.path and not found.path.startswith(UNKNOWN) else withheld_orphan(name, kind))

        self.unlisted += 0 if found.deleted else len(found.values)
        for at in range(0, len(found.values), TOGETHER):
            some = found.values[at : at + TOGETHER]
            texts_of = [(value, value_text(value.name, value.kind, value.raw, withheld)) for value in some]
            yield self._batch([(f"{place}/{value.offset:#x}", texts.of(text), state) for value, text in texts_of])

    def _texts(self, key: Key, path: str, remark: str = "", *, owner: bool = True) -> KeyText:
        """Return what writes the records of a key. `remark`: words on its state; `owner`: its descriptor is still its own."""
        more = withheld = ""
        if owner:
            security = key.security
            if (sid := self._owners.get(security)) is None:
                sid = self._owners[security] = f',"escadre.registry.owner":"{name}"' if (name := key.owner) else ""
            more = sid
            if key.has_class and (name := key.class_name):
                withheld = withheld_class(path)
                more += "" if withheld else f',"escadre.registry.class":"{escaped(name)}"'
        layer = key.layer if self._layered else ""
        return KeyText(self._text, path, timed(key.written, remark), more, withheld=withheld, layer=layer)


def of_second(at: Mount, key: second.SecondKey) -> RecordBatch:
    """Return the records of a key of a hive that only the second reader opens."""
    hive, place = HiveText(at), f"{key.offset:#x}"
    texts = KeyText(hive, key.path, dated(key.last_written))
    if not key.values:
        made = [(place, (*texts.alone(), _BY_SECOND), "allocated")]
    else:
        made = list(_of_second(texts, place, key.values, withheld_values(key.path) or is_password))
    return RecordBatch(hive.fields, made, OWN)


def _of_second(texts: KeyText, place: str, values: Iterable[tuple[int, str, int, bytes]], withheld: Withheld) -> Iterator[JsonRecord]:
    """Yield the records of values that the second reader gave."""
    for offset, name, kind, raw in values:
        yield f"{place}/{offset:#x}", (*texts.of(value_text(name, kind, raw, withheld)), _BY_SECOND), "allocated"


def _hides(key: Key, offset: int) -> bool:
    value = key.value_at(offset)
    return value is not None and value.hides
