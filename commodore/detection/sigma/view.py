"""One event log record as rules see it."""

from __future__ import annotations

from typing import Any

from commodore.detection.sigma.sources import EVENT_ID, table

_SYSTEM = table().system
_RENDERED = table().rendered
_HEADER = ("winlog.provider_name", "winlog.channel", "winlog.computer_name", "event.code", "winlog.level", "winlog.user.identifier")


class View(dict[str, "str | None"]):
    """Field → value in lower case, or None where the record has none; folded when first asked for.

    A name is looked for among the event's data, then its user data, then the fields of the header; the event id is always the header's.
    """

    __slots__ = ("_squeezed", "_text", "data", "record", "user")

    def __init__(self, record: dict[str, Any], data: dict[str, Any], user: dict[str, Any]) -> None:
        self.record, self.data, self.user = record, data, user
        self._text: str | None = None
        self._squeezed: dict[str, Any] | None = None

    def __missing__(self, key: str) -> str | None:
        value = self.exact(key)
        self[key] = folded = value.lower() if value is not None else None
        return folded

    def exact(self, key: str) -> str | None:
        """The value as it stands in the event."""
        if key in EVENT_ID:  # an event about another event (1108) has that one's id among its data
            return self.record.get("event.code")
        value = self.data.get(key)
        if value is None:
            value = self.user.get(key)
            if value is None:
                if key[:1] == "=":
                    field, values = _RENDERED[key]
                    raw = self.exact(field)
                    return None if raw is None else values.get(raw.lower(), raw)
                name = _SYSTEM.get(key)
                value = self.record.get(name) if name else self._unnamed() if key == "Data" else self._spaced(key)
        return value if value is None or type(value) is str else _rendered(value)

    def _spaced(self, key: str) -> Any:
        """Names with blanks in the event (`Threat Name`, Defender) are written without them in rules."""
        if self._squeezed is None:
            self._squeezed = {k.replace(" ", ""): v for k, v in (*self.user.items(), *self.data.items()) if " " in k}
        return self._squeezed.get(key)

    def _unnamed(self) -> str | None:
        """Data elements without a name stand as param1, param2, … in the record; rules know them all as `Data`."""
        found = [v for k, v in self.data.items() if k.startswith("param") and k[5:].isdigit()]
        return "\n".join(map(_rendered, found)) if found else None

    @property
    def text(self) -> str:
        """All values in lower case, one a line: where keywords are looked for."""
        if self._text is None:
            self._text = self.exact_text.lower()
        return self._text

    @property
    def exact_text(self) -> str:
        """All values as they stand."""
        values = [*self.data.values(), *self.user.values(), *(self.record.get(k) for k in _HEADER), self.record.get("message")]
        return "\n".join(v if type(v) is str else _rendered(v) for v in values if v is not None)

    def shown(self, key: str) -> str:
        """The name of the field in the event."""
        return _RENDERED[key][0] if key[:1] == "=" else key


def _rendered(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "\n".join(_rendered(v) for v in value)
    return str(value)
