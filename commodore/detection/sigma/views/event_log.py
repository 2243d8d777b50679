"""An event log record: rules name the event's data, its user data and the fields of the header."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from commodore.detection.sigma.record_view import RecordView, as_text
from commodore.detection.sigma.sources import LogFamily

_NOTHING: dict[str, Any] = {}
_SETTING = re.compile(r"^[ \t]*(\w+)=(.*?)[ \t\r]*$", re.MULTILINE)
"""a line of the text in which Windows PowerShell names its host and engine"""


class EventLogView(RecordView):
    """A name is looked for among the event's data, then its user data, then the header; the event id is always the header's."""

    __slots__ = ("_parts", "_squeezed", "data", "user")

    def __init__(self, record: dict[str, Any], family: LogFamily) -> None:
        super().__init__(record, family)
        self.data: dict[str, Any] = record.get("winlog.event_data") or _NOTHING
        self.user: dict[str, Any] = record.get("winlog.user_data") or _NOTHING
        self._squeezed: dict[str, Any] | None = None
        self._parts: dict[str, Any] | None = None

    def find(self, key: str) -> Any:
        """Return the value of a field of the event."""
        family = self.family
        if key in family.code_fields:  # an event about another event (1108) has that event's id among its data
            return self.record.get(family.code)
        value = self.data.get(key)
        if value is None:
            value = self.user.get(key)
        if value is not None:
            return value
        if name := family.fields.get(key):
            return self.record.get(name)
        if key == "Data":
            return self._unnamed()
        value = self._spaced(key)
        return self._within(key) if value is None else value

    def _spaced(self, key: str) -> Any:
        """Names with blanks in the event (`Threat Name`, Defender) are written without them in rules."""
        if self._squeezed is None:
            self._squeezed = {k.replace(" ", ""): v for k, v in (*self.user.items(), *self.data.items()) if " " in k}
        return self._squeezed.get(key)

    def _unnamed(self) -> list[Any] | None:
        """Data elements without a name are param1, param2, … in the record; rules call all of them `Data`."""
        return [v for k, v in self.data.items() if k.startswith("param") and k[5:].isdigit()] or None

    def _within(self, key: str) -> Any:
        """Values that a rule may name otherwise than the event does: names in other letters, the digests in `Hashes` of Sysmon, settings
        in a text of Windows PowerShell.
        """
        if self._parts is None:
            sums = self.data.get("Hashes")
            found = [pair.partition("=") for pair in str(sums).split(",")] if sums else []
            self._parts = {name.strip().lower(): value.strip() for name, sign, value in found if sign}
            for text in self._unnamed() or ():
                if "=" in str(text):
                    self._parts |= {name.lower(): value for name, value in _SETTING.findall(str(text))}
            self._parts |= {name.lower(): value for name, value in (*self.user.items(), *self.data.items())}
        return self._parts.get(key.lower())

    def values_of_keywords(self) -> Iterable[Any]:
        """Return the values of the data, the user data and the header."""
        return [*self.data.values(), *self.user.values(), *(self.record.get(name) for name in self.family.keywords)]

    @classmethod
    def searched(cls, record: dict[str, Any], family: LogFamily, keywords: bool) -> str:
        """Return the values of data and user data, with `keywords` also those of the header."""
        values = list((record.get("winlog.event_data") or _NOTHING).values())
        values += (record.get("winlog.user_data") or _NOTHING).values()
        for name in family.keywords if keywords else ():
            value = record.get(name)
            if value is not None:
                values.append(value if value.__class__ is str else as_text(value))
        try:
            return "\n".join(values).lower()
        except TypeError:  # a value that is no text
            return "\n".join(v if v.__class__ is str else as_text(v) for v in values if v is not None).lower()


VIEW = EventLogView
