"""From one Windows event, as the event log reader gives it, to fields: header, times, data, and what its provider means by it.

`event` is the reader's JSON: `{"Event": {"#attributes": …, "System": …, "EventData": …}}`, where an element with attributes is an object
with `#attributes` and `#text`. Most of the header is the same for all events of a kind, so it is made once per kind and copied. What
depends only on the names of the data is found once per list of names. Sources: [MS-EVEN6] section 2.2; Microsoft, Event Schema (System,
EventData, UserData); winmeta.xml (levels, audit bits of the keywords mask).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from commodore.schema.winlog import Copies, Meaning, meaning
from commodore.sentence import listed, one_line, quoted, sentence

LEVELS = {0: "information", 1: "critical", 2: "error", 3: "warning", 4: "information", 5: "verbose"}
_FAILURE, _SUCCESS = "0x8010", "0x8020"
"""audit bits at the top of the keywords mask"""
_NEVER = "1601-01-01T00:00:00"
_KINDS = 2048
_SHOWN, _WORDS = 4, 80
"""values and characters of each that the generic sentence shows"""
_LOGGED = sentence("[{winlog.provider_name!q}|A provider without a name] logged event {event.code}[ in {winlog.channel!q}].")
_CONTROL = re.compile(r"[\x00-\x1f]")
_COUNTS = ("winlog.version", "winlog.level", "winlog.task", "winlog.opcode", "escadre.event.qualifiers")
_NOTHING: dict[str, Any] = {}
_KNOWN = frozenset({"#attributes", "System", "EventData", "UserData", "RenderingInfo"})
_TEXT_ONLY = {"#attributes", "#text"}
_DEEPEST = 16
_SHAPES = 64
"""lists of names that are kept for each kind of event"""
_ELEMENTS = (
    *("Provider", "EventID", "Version", "Level", "Task", "Opcode", "Keywords", "TimeCreated", "EventRecordID", "Correlation", "Execution"),
    *("Channel", "Computer", "Security"),
)
_HEADER = itemgetter(*_ELEMENTS)
_PADDING = tuple(".0000000Z" if n < 20 else "0" * (27 - n) + "Z" for n in range(28))
"""length of a time without its zone → what makes it seven digits of a second and UTC"""


class _Shape(NamedTuple):
    """What follows from the names of an event's data alone. plain: each is the name of one value."""

    plain: bool
    copies: Copies


class _Kind(NamedTuple):
    """The values that all events with the same header values share, and the shapes of their data by names."""

    fields: dict[str, Any]
    meaning: Meaning | None
    logged: str
    shapes: dict[tuple[str, ...], _Shape]

    def shape(self, names: tuple[str, ...]) -> _Shape:
        """Return the shape of data with these names."""
        found = self.shapes.get(names)
        if found is None:
            plain = bool(names) and not any(name == "Data" or name.startswith(("Data_", "#")) for name in names)
            found = _Shape(plain, self.meaning.copies_of(names) if self.meaning is not None else ())
            if len(self.shapes) < _SHAPES:
                self.shapes[names] = found
        return found


class RepeatedEvent(dict[str, Any]):
    """An event in which a name occurs several times; each such name has a `Repeated`."""


class Repeated(list[Any]):
    """All values of one name, in order."""


def loaded(text: str) -> dict[str, Any]:
    """Return the event of a JSON text of the reader, with all values of a name that occurs several times (`<Data Name="Arg">` twice).

    JSON keeps the last of them; the text that it would write again is shorter then. The reader leaves control characters in names as they
    are, which JSON does not allow: they are escaped. Raises ValueError for a text that is no JSON object.
    """
    try:
        event: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError:
        text = _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
        event = orjson.loads(text)
    if len(orjson.dumps(event)) == (len(text) if text.isascii() else len(text.encode())):
        return event
    return RepeatedEvent(json.loads(text, object_pairs_hook=_collected))


def _collected(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in pairs:
        if key not in out:
            out[key] = value
        elif isinstance(out[key], Repeated):
            out[key].append(value)
        else:
            out[key] = Repeated((out[key], value))
    return out


def normalise(event: dict[str, Any], record_id: int, written: str) -> dict[str, Any]:
    """Return the fields of one event, whose values it changes. `written`: the time in the record's header, as the reader gives it."""
    body = event.get("Event") or _NOTHING
    system = body.get("System") or _NOTHING
    try:
        elements = _HEADER(system)
    except KeyError:
        elements = tuple(map(system.get, _ELEMENTS))
    provider, code, version, level, task, opcode, keywords, created, own, correlation, execution, channel, computer, security = elements
    named = _attributes(provider)
    name, source, qualifiers = named.get("Name"), named.get("EventSourceName"), None
    if code.__class__ is dict:
        code, qualifiers = code.get("#text"), _attributes(code).get("Qualifiers")
    header = (name or source, named.get("Guid"), code, channel, computer, keywords, version, level, task, opcode, qualifiers, source)
    try:
        kind = _kind(*header)
    except TypeError:  # an element with elements inside, which no provider writes
        kind = _kind(*(str(v) if isinstance(v, (dict, list)) else v for v in map(_plain, header)))
    fields = kind.fields.copy()
    number = fields["winlog.record_id"] = str(record_id)
    if own != record_id:
        _original_number(fields, number, own)
    _times(fields, _attributes(created).get("SystemTime"), written)
    if execution is not None:
        _execution(fields, _attributes(execution))
    if correlation is not None:
        _correlation(fields, _attributes(correlation))
    if security is not None and (user := _attributes(security).get("UserID")):
        fields["winlog.user.identifier"] = _text(user)
    data = body.get("EventData")
    if data.__class__ is dict and len(body) == 3 and "#attributes" in body and event.__class__ is dict:
        shape = kind.shape(tuple(data))
        if shape.plain and _as_text(data):
            fields["winlog.event_data"] = data
            if kind.meaning is not None:
                kind.meaning.apply(fields, data, shape.copies)
            else:
                fields["message"] = _generic(kind.logged, data)
            return fields
    _any_form(fields, kind, body, repeated=event.__class__ is RepeatedEvent)
    return fields


def _as_text(data: dict[str, Any]) -> bool:
    """Make all values text, in place. Returns False, with a part of them done, if there is one with values inside."""
    for name, value in data.items():
        if value.__class__ is not str:
            if value.__class__ is dict or value.__class__ is list:
                return False
            data[name] = _text(value)
        elif len(value) == 36:
            data[name] = _text(value)
    return True


def _any_form(fields: dict[str, Any], kind: _Kind, body: dict[str, Any], *, repeated: bool) -> None:
    """Add the data of an event of any form: without names, with names that occur several times, nested, or outside of EventData."""
    values = _event_data(body)
    if values:
        fields["winlog.event_data"] = values
    user = _user_data(body)
    if user:
        fields["winlog.user_data"] = user
        values = values or user
    if repeated:
        _say_repeated(fields, kind, values)
    elif kind.meaning is not None:
        kind.meaning.apply(fields, values)
    else:
        fields["message"] = _generic(kind.logged, values)


def _attributes(element: Any) -> dict[str, Any]:
    """Return the attributes of an element."""
    found = element.get("#attributes") if element.__class__ is dict else None
    return found if found.__class__ is dict else _NOTHING


def _original_number(fields: dict[str, Any], number: str, said: Any) -> None:
    """Add the number that the event names itself, where it differs from the record's: exporting a log numbers its records anew."""
    original = _text(_plain(said))
    if original and original != number:
        fields["escadre.event.record_id"] = original


def _say_repeated(fields: dict[str, Any], kind: _Kind, values: dict[str, Any]) -> None:
    """Write fields and message of an event with repeated names: a field has the first value, the message shows all."""
    if kind.meaning is None:
        fields["message"] = _generic(kind.logged, {k: ", ".join(v) if isinstance(v, list) else v for k, v in values.items()})
        return
    kind.meaning.apply(fields, {k: v[0] if isinstance(v, list) else v for k, v in values.items()})
    if kind.meaning.message is not None:
        fields["message"] = kind.meaning.message({**fields, **values} if kind.meaning.of_record else values)


@lru_cache(maxsize=_KINDS, typed=True)
def _kind(name: Any, guid: Any, event: Any, channel: Any, computer: Any, keywords: Any, *others: Any) -> _Kind:
    provider, code, place = _text(name), _text(event) if event is not None else "None", _text(channel)
    fields: dict[str, Any] = {"event.code": code}
    if provider:
        fields["winlog.provider_name"] = fields["event.provider"] = provider
    if guid is not None:
        fields["winlog.provider_guid"] = _text(guid)
    words = {"winlog.channel": place, "winlog.computer_name": _text(computer), "winlog.keywords": _text(keywords)}
    fields |= {target: word for target, word in words.items() if word}
    *numbers, source = others
    if source is not None and _text(source) != provider:
        fields["escadre.event.source"] = _text(source)
    counts = zip(_COUNTS, map(_number, numbers), strict=True)
    fields |= {target: count for target, count in counts if count is not None}
    if "winlog.level" in fields:
        fields["log.level"] = LEVELS.get(fields["winlog.level"], "information")
    mask = fields.get("winlog.keywords", "")
    if mask.startswith(_SUCCESS):
        fields["event.outcome"] = "success"
    elif mask.startswith(_FAILURE):
        fields["event.outcome"] = "failure"
    described = meaning(provider, code)
    if described is not None:
        fields |= described.constant
    return _Kind(fields, described, _LOGGED(fields).removesuffix("."), {})


def _generic(logged: str, values: dict[str, Any]) -> str:
    """Return the message of an event that no file in `schema/winlog/events` describes: who logged what, with its first values."""
    shown = []
    for key, value in values.items():
        if value:
            shown.append(quoted(one_line(f"{key}={value[:_WORDS]}")))
            if len(shown) == _SHOWN:
                break
    return f"{logged} with {listed(shown)}." if shown else f"{logged}."


def _times(fields: dict[str, Any], said: Any, written: str) -> None:
    """Set the time that the event names, and the time in the record's header where that differs by more than a microsecond."""
    header = _padded(written)
    if said.__class__ is not str or not said or said.startswith(_NEVER):
        fields["@timestamp"] = None if header.startswith(_NEVER) else header
        return
    if said[:26] == header[:26] or (said := _padded(said))[:26] == header[:26]:
        fields["@timestamp"] = header
        return
    fields["@timestamp"] = said
    if not header.startswith(_NEVER):
        fields["event.created"] = header


def _padded(time: str) -> str:
    """`2015-06-23T06:00:47.75Z UTC` with seven digits, 100 ns."""
    if time[27:28] == "Z":  # most have them
        return time[:28]
    end = time.find("Z", 0, 27)
    base = time[: end if end >= 0 else 27]
    return base + _PADDING[len(base)]


def _execution(fields: dict[str, Any], execution: dict[str, Any]) -> None:
    """Add the process and thread that logged the event."""
    pid, thread = execution.get("ProcessID"), execution.get("ThreadID")
    if pid.__class__ is int or (pid := _number(pid)) is not None:
        fields["winlog.process.pid"] = pid
    if thread.__class__ is int or (thread := _number(thread)) is not None:
        fields["winlog.process.thread.id"] = thread


def _correlation(fields: dict[str, Any], correlation: dict[str, Any]) -> None:
    if activity := correlation.get("ActivityID"):
        fields["winlog.activity_id"] = _text(activity)
    if related := correlation.get("RelatedActivityID"):
        fields["winlog.related_activity_id"] = _text(related)


def _event_data(body: dict[str, Any]) -> dict[str, Any]:
    """Return the values by name: text, or a list of texts for a name that occurs several times."""
    raw = body.get("EventData")
    if raw.__class__ is dict and raw.keys() == _TEXT_ONLY:
        raw = raw["#text"]
    if not raw:
        return {}
    if raw.__class__ is not dict:
        return {"param1": _text(raw)}
    out: dict[str, Any] = {}
    for key, value in _apart(raw):
        kind = value.__class__
        if kind is Repeated and key != "Data":
            out[key] = [_text(_plain(one)) for one in value]
        elif key[:4] == "Data" or kind is dict or kind is list or kind is Repeated:
            _unnamed(out, key, value)
        else:
            out[key] = _text(value)
    return out


def _unnamed(out: dict[str, Any], key: str, value: Any) -> None:
    """Data without names become param1, param2, …; nested elements get dotted names."""
    if isinstance(value, dict) and "#text" in value:
        value = value["#text"]
    if key == "Data" or key.startswith("Data_"):
        for item in value if isinstance(value, list) else [value]:
            out[f"param{sum(k.startswith('param') for k in out) + 1}"] = _text(item)
    else:
        _flatten(out, key, value)


def _user_data(body: dict[str, Any]) -> dict[str, Any]:
    """UserData below its one element, flat; elements other than the known ones (rendering, bookmarks) keep their name."""
    out: dict[str, Any] = {}
    inside = body.get("UserData") or {}
    for key, value in _apart(inside) if isinstance(inside, dict) else (("text", inside),):
        _flatten(out, "" if isinstance(value, dict) and not key.endswith("_attributes") else key, value)
    for key, value in _apart({key: value for key, value in body.items() if key not in _KNOWN}):
        _flatten(out, key, value)
    return out


def _apart(elements: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the elements by name, the attributes of each before it as `<name>_attributes`."""
    for key, value in elements.items():
        if key == "#attributes":
            continue
        if value.__class__ is dict and "#attributes" in value:
            yield f"{key}_attributes", value["#attributes"]
            value = {name: inner for name, inner in value.items() if name != "#attributes"}
            if not value:
                continue
            if value.keys() == {"#text"}:
                value = value["#text"]
        yield key, value


def _flatten(out: dict[str, Any], path: str, value: Any, depth: int = 0) -> None:
    """Add the values of an element and its attributes, with dotted names."""
    if value.__class__ is dict and depth < _DEEPEST:
        for key, inner in value.items():
            if key == "xmlns" or key[:6] == "xmlns:":
                continue
            below = path if key == "#text" or key == "#attributes" else f"{path}.{key}" if path else key
            if inner.__class__ is str and (len(inner) != 36 or inner[8] != "-"):
                out[below or "text"] = inner
            else:
                _flatten(out, below, inner, depth + 1)
    elif value.__class__ in (list, Repeated) and depth < _DEEPEST:
        for i, inner in enumerate(value):
            _flatten(out, f"{path}.{i}" if i else path, inner, depth + 1)
    else:
        out[path or "text"] = _text(value)


def _text(value: Any) -> str:
    """A value as Windows shows it: GUIDs in braces, booleans in lower case."""
    if value.__class__ is str:
        bare = len(value) == 36 and value[8] == value[13] == value[18] == value[23] == "-"
        return f"{{{value}}}" if bare else value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _plain(value: Any) -> Any:
    return value.get("#text") if isinstance(value, dict) else value


def _number(value: Any) -> int | None:
    if isinstance(value, int):
        return int(value)
    try:
        return int(str(_plain(value)), 0)
    except ValueError:
        return None
