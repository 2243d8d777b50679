r"""The records of keys and values as JSON text. What the records of one key share is made text once, and so is a value that occurs again.

A record is put together from texts of the key and of the value, between which its path stands twice: in `registry.path` and in the message.
"""

from __future__ import annotations

from base64 import b64encode
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from commodore.readers.hives.fields import LARGEST_VALUE
from commodore.readers.hives.places import Mount
from commodore.readers.hives.secrets import Withheld
from commodore.sentence import PLAIN, form_above, form_last, short, shown
from scout.formats.regf.data import filetime, type_name, typed
from scout.formats.regf.recovery import UNKNOWN

OWN = ("@timestamp", "event.action", "escadre.times")
"""fields that the engine would complete, and that each record has its own of"""
VALUE_ACTION, KEY_ACTION = "registry-value-observed", "registry-key-observed"
GONE = "it is gone: its cell is in use again, or outside the hive"
_WITHHELD = ',"escadre.registry.withheld":'


Members = tuple[str, ...]
"""members of a record as JSON text, in pieces"""
JsonRecord = tuple[str, Members, str]
"""locator, members, state"""


class ValueText(NamedTuple):
    """What the record of a value has wherever its key is, as JSON text.

    name  its name
    form  the form of the name at the end of a path; 0 for a default value, whose path ends with its key
    data  members of the value, up to the path of its key
    path  its name behind that path, up to the path in the message
    held  its name behind that path, and the words on its data
    """

    name: str
    form: int
    data: str
    path: str
    held: str


def value_text(name: str, kind: int, raw: bytes | None, withheld: Withheld) -> ValueText:
    """Return the texts of a value. `raw`: None where its data is gone."""
    reason = withheld(name, kind)
    if raw is None or reason:
        kind_name, reason = type_name(kind), reason or GONE
        fields: dict[str, Any] = {"registry.data.type": kind_name, "escadre.registry.withheld": reason}
        words = f"has data of type {kind_name} that is not recorded: {reason}"
    else:
        fields, words = _data(kind, raw)
    own = escaped(name)
    data = f',"event.action":"{VALUE_ACTION}","registry.value":"{own}",{orjson.dumps(fields).decode()[1:-1]},"registry.path":"'
    below = f"\\\\{own}" if name else ""
    return ValueText(name, form_last(name) if name else 0, data, f"{below}{_BETWEEN}", f"{below} {escaped(words)}")


def _data(kind: int, raw: bytes) -> tuple[dict[str, Any], str]:
    """Return the fields of a value's data, and the words of its message."""
    kind_name = type_name(kind)
    made: dict[str, Any] = {"registry.data.type": kind_name}
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


class HiveText:
    """What the records of one hive share. `fields`: those that all have."""

    def __init__(self, at: Mount) -> None:
        given = {"registry.hive": at.path, "user.name": at.user, "user.id": at.sid, "escadre.registry.profile": at.profile}
        given["escadre.registry.copy"] = at.copy
        self.fields: dict[str, Any] = {name: value for name, value in given.items() if value}
        self.path, self.above = at.path, escaped(at.path)


class KeyText:
    """Writes the records of one key.

    head   members that all have
    above  the path of the key
    end    of their messages, with the quote behind it
    plain  the path is followed by names as it is: no quotes in a message, no member that depends on the value
    """

    __slots__ = ("_form", "_layer", "_path", "_withheld", "above", "end", "head", "plain")

    def __init__(
        self, hive: HiveText, key: str | None, members: tuple[str, str], more: str = "", *, withheld: str = "", layer: str = ""
    ) -> None:
        """Make the texts of the key at a path below the root; None: it is unknown.

        members   see `timed`
        more      further members, with a comma before each
        withheld  why the class name of the key is left out, '' where it is not
        layer     see `Key.layer`
        """
        path = UNKNOWN if key is None else key
        written, self.end = members
        own = escaped(path)
        self._path, self.above = (f"{hive.path}\\{path}", f"{hive.above}\\\\{own}") if path else (hive.path, hive.above)
        self.head = f"{written}{more}" if key is None else f'"registry.key":"{own}",{written}{more}'
        self._withheld, self._layer, self._form = withheld, layer, form_above(self._path)
        self.plain = self._form == PLAIN and not withheld and not layer

    def alone(self) -> Members:
        """Return the members of the record of a key without values."""
        path = f',"event.action":"{KEY_ACTION}","registry.path":"{self.above}","message":"'
        return self.head, path, f"{escaped(shown(self._path))} is a key without values", self.end, self._rare("", self._layer)

    def of(self, value: ValueText, *, hides: bool = False) -> Members:
        """Return the members of the record of a value. `hides`: see `Value`."""
        name, form, data, path, held = value
        form = min(form, self._form)
        if not name:
            seen = f"{escaped(shown(self._path))}{held}"
        elif form == PLAIN:
            seen = f"{self.above}{held}"
        else:
            quoted = escaped(shown(f"{self._path}\\{name}"))
            seen = f"{quoted}{held[len(path) - len(_BETWEEN) :]}"
        rare = self._rare(data, "tombstone" if hides else self._layer)
        return self.head, data, self.above, path, seen, self.end, rare

    def _rare(self, data: str, layer: str) -> str:
        """Return members that few keys have. `data`: members of a value, whose own reason for what is left out comes first."""
        made = f',"escadre.registry.layer":"{layer}"' if layer else ""
        return made if not self._withheld or _WITHHELD in data else f'{made}{_WITHHELD}"{escaped(self._withheld)}"'


_BETWEEN = '","message":"'


@lru_cache(maxsize=1 << 13)
def timed(ticks: int, remark: str = "") -> tuple[str, str]:
    """Return the members that a last write gives, and the end of messages with the quote behind it. `remark`: words on the key's state."""
    return dated(filetime(ticks), remark)


def dated(written: str, remark: str = "") -> tuple[str, str]:
    """Return the same for a time that is RFC 3339 UTC, or '' for none."""
    if not written:
        return '"@timestamp":null,"escadre.times":[]', f'{remark}."'
    members = f'"@timestamp":"{written}","escadre.registry.last_written":"{written}","escadre.times":["{written}"]'
    return members, f'{remark}; the time is the last write of its key."'


def escaped(text: str) -> str:
    """Return a text as JSON has it between the quotes."""
    try:
        return orjson.dumps(text).decode()[1:-1]
    except TypeError:  # lone surrogates
        return orjson.dumps(text.encode("utf-8", "backslashreplace").decode()).decode()[1:-1]


SHORT = 128
"""bytes of data that is likely to occur again"""
short_value_text = lru_cache(maxsize=1 << 14)(value_text)
"""Of 73,456 values of a SYSTEM hive, 9,223 have data of their own."""
