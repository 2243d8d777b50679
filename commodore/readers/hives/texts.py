r"""The records of keys and values as JSON text. What the records of one key share is made text once, and so is a value that occurs again.

A record is put together from texts of the key and of the value, between which its path stands twice: in `registry.path` and in the message.
"""

from __future__ import annotations

from base64 import b64encode
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from commodore.readers.hives.fields import LARGEST_VALUE
from commodore.readers.hives.places import Mount, key_place
from commodore.readers.hives.secrets import IN_ADDRESS, Withheld, may_withhold, without_password
from commodore.sentence import PLAIN, SIMPLE, form_above, form_last, form_within, short, shown
from scout.formats.regf.data import filetime, type_name, typed
from scout.formats.regf.recovery import UNKNOWN

OWN = ("@timestamp", "event.action", "escadre.times")
"""fields that the engine would complete, and that each record has its own of"""
VALUE_ACTION, KEY_ACTION = "registry-value-observed", "registry-key-observed"
GONE = "it is gone: its cell is in use again, or outside the hive"
_BETWEEN = '","message":"'
_WITHHELD = ',"escadre.registry.withheld":'


Members = tuple[str, ...]
"""members of a record as JSON text, in pieces"""
JsonRecord = tuple[str, Members, str]
"""locator, members, state"""


class NameText(NamedTuple):
    """What the name of a key or value gives wherever it is.

    escaped  the name as JSON text
    within   its form in the middle of a path
    last     its form at the end of a path
    secret   see `may_withhold`
    """

    escaped: str
    within: int
    last: int
    secret: bool


@lru_cache(maxsize=1 << 13)
def name_text(name: str) -> NameText:
    """Return the texts of a name."""
    return NameText(escaped(name), form_within(name), form_last(name), may_withhold(name, end=True))


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
    own, _, form, _ = name_text(name)
    data = f',"event.action":"{VALUE_ACTION}","registry.value":"{own}",{orjson.dumps(fields).decode()[1:-1]},"registry.path":"'
    below = f"\\\\{own}" if name else ""
    return ValueText(name, form if name else 0, data, f"{below}{_BETWEEN}", f"{below} {escaped(words)}")


def _data(kind: int, raw: bytes) -> tuple[dict[str, Any], str]:
    """Return the fields of a value's data, and the words of its message."""
    kind_name = type_name(kind)
    made: dict[str, Any] = {"registry.data.type": kind_name}
    if len(raw) > LARGEST_VALUE:
        raw = raw[:LARGEST_VALUE]
        made["escadre.cut"] = ["registry.data.strings", "registry.data.bytes"]
    texts, whole = typed(kind, raw)
    if b"@\0" in raw and (shorter := [without_password(text) for text in texts]) != texts:
        texts, whole, made["escadre.registry.withheld"] = shorter, True, IN_ADDRESS
    if not whole:
        made["registry.data.bytes"] = b64encode(raw).decode("ascii")
    if texts:
        made["registry.data.strings"] = texts
        return made, f"is {shown(short(texts[0] if len(texts) == 1 else ', '.join(texts)))}"
    return made, f"has data of type {kind_name}" if raw else f"has no data, type {kind_name}"


class HiveText:
    """What the records of one hive share.

    fields       those that all have
    control_set  number of the current one, 0 where it is unknown; None: records say nothing on control sets and unified paths
    known        path below the root → texts of that key, for the keys below it
    decided      backslashes of a path that has all on which the place of a key below it depends
    """

    def __init__(self, at: Mount, control_set: int | None = None) -> None:
        given = {"registry.hive": at.path, "user.name": at.user, "user.id": at.sid, "escadre.registry.profile": at.profile}
        given["escadre.registry.copy"] = at.copy
        self.fields: dict[str, Any] = {name: value for name, value in given.items() if value}
        self.path, self.top = at.path, escaped(at.path)
        self._at, self._control_set = at, control_set
        self.known: dict[str, KeyText] = {}
        self.decided = _DECIDED_BY_CLASSES if at.classes else _DECIDED

    def place(self, path: str) -> str:
        """Return the members on the place of the key at `path`. The unified path, if there is one, is the last of them."""
        if self._control_set is None:
            return ""
        control_set, unified = key_place(self._at, path, self._control_set)
        made = f',"escadre.registry.unified":"{escaped(unified)}"' if unified else ""
        if not control_set:
            return made
        current = "true" if control_set == self._control_set else "false"
        return f',"escadre.registry.control_set":{control_set},"escadre.registry.current":{current}{made}'


class KeyText:
    """Writes the records of one key.

    head    members that all have
    path    its path in the registry
    end     of their messages, with the quote behind it
    form    of its path as the beginning of a longer one
    plain   the path is followed by names as it is: no quotes in a message, no member that depends on the value
    secret  whether `withheld_values` may have an answer for it
    """

    __slots__ = (
        "_decided",
        "_hive",
        "_key",
        "_last",
        "_layer",
        "_own",
        "_place",
        "_withheld",
        "end",
        "form",
        "head",
        "path",
        "plain",
        "secret",
    )

    path: str
    form: int
    secret: bool
    _own: str
    _place: str
    _decided: bool

    def __init__(
        self, hive: HiveText, key: str | None, members: tuple[str, str], more: str = "", *, withheld: str = "", layer: str = ""
    ) -> None:
        """Make the texts of the key at a path below the root; None: it is unknown.

        members   see `timed`
        more      further members, with a comma before each
        withheld  why the class name of the key is left out, '' where it is not
        layer     see `Key.layer`
        """
        written, self.end = members
        self._hive, self._key, self._withheld, self._layer = hive, key, withheld, layer
        parent, _, name = (key or "").rpartition("\\")
        if not name or (above := hive.known.get(parent)) is None:
            self._alone(hive, key, name)
        else:
            own, within, last, ends = name_text(name)
            self._own, self.path = f"{above._own}\\\\{own}" if parent else own, f"{above.path}\\\\{own}"
            form = above.form
            self.form = form if form < within else within
            self._last = form if form < last else last
            self.secret = above.secret or ends
            self._decided = above._decided
            if self._decided:
                self._place = f'{above._place[:-1]}\\\\{own}"' if above._place.endswith('"') else above._place
            else:
                self._set_place(hive, key or "")
        self.head = f"{written}{more}" if key is None else f'"registry.key":"{self._own}",{written}{more}{self._place}'
        self.plain = self.form == PLAIN and not withheld and not layer
        if key is not None:
            if len(hive.known) >= _KNOWN:
                hive.known.clear()
            hive.known[key] = self

    def _alone(self, hive: HiveText, key: str | None, name: str) -> None:
        """Make the texts without those of the key above."""
        own = self._own = escaped(UNKNOWN if key is None else key)
        self.path = f"{hive.top}\\\\{own}" if own else hive.top
        self.form, self._last = form_above(self._whole), _ODD
        self.secret = key is None or may_withhold(key)
        self._decided, self._place = False, ""
        if key is not None:
            self._set_place(hive, key)
            self._decided = self._decided and bool(name)

    def _set_place(self, hive: HiveText, key: str) -> None:
        self._place, self._decided = hive.place(key), key.count("\\") >= hive.decided

    @property
    def _whole(self) -> str:
        """Its path in the registry as it is."""
        key = UNKNOWN if self._key is None else self._key
        return f"{self._hive.path}\\{key}" if key else self._hive.path

    @property
    def _seen(self) -> str:
        """Its path as a message shows it."""
        if self._last == PLAIN:
            return self.path
        return f'\\"{self.path}\\"' if self._last == SIMPLE else escaped(shown(self._whole))

    def alone(self) -> Members:
        """Return the members of the record of a key without values."""
        path = f',"event.action":"{KEY_ACTION}","registry.path":"{self.path}","message":"{self._seen} is a key without values'
        return self.head, path, self.end, self._rare("", self._layer)

    def of(self, value: ValueText, *, hides: bool = False) -> Members:
        """Return the members of the record of a value. `hides`: see `Value`."""
        name, form, data, path, held = value
        form = min(form, self.form)
        if not name:
            seen = f"{self._seen}{held}"
        elif form == PLAIN:
            seen = f"{self.path}{held}"
        else:
            end = len(path) - len(_BETWEEN)
            quoted = f'\\"{self.path}{path[:end]}\\"' if form == SIMPLE else escaped(shown(f"{self._whole}\\{name}"))
            seen = f"{quoted}{held[end:]}"
        rare = self._rare(data, "tombstone" if hides else self._layer)
        return self.head, data, self.path, path, seen, self.end, rare

    def _rare(self, data: str, layer: str) -> str:
        """Return members that few keys have. `data`: members of a value, whose own reason for what is left out comes first."""
        made = f',"escadre.registry.layer":"{layer}"' if layer else ""
        return made if not self._withheld or _WITHHELD in data else f'{made}{_WITHHELD}"{escaped(self._withheld)}"'


_ODD = 0
"""form of a path that is put together each time"""
_DECIDED, _DECIDED_BY_CLASSES = 2, 4
r"""`Software\Classes\Wow6432Node`, and for the hive of a user's classes `VirtualStore\MACHINE\SOFTWARE\Classes\Wow6432Node`"""
_KNOWN = 1 << 12
"""keys whose texts are kept: after the last of them, those above are made anew"""


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
