"""One record as Sigma rules see it. A view in `views/` knows where its kind of record has the fields."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from commodore.detection.sigma.sources import LogFamily


class RecordView(dict[str, "str | None"], ABC):
    """Field → value in lower case, or None where the record has none; converted when first asked for.

    `lists`: field → its values as they are, for the fields asked for so far that have several; None while there is no such field. A rule
    tests each of them, and a match of one is a match of the field.
    """

    __slots__ = ("_text", "family", "lists", "record")

    def __init__(self, record: dict[str, Any], family: LogFamily) -> None:
        self.record, self.family = record, family
        self._text: str | None = None
        self.lists: dict[str, list[str]] | None = None

    def __missing__(self, key: str) -> str | None:
        value = self.exact(key)
        self[key] = folded = value.lower() if value is not None else None
        return folded

    @abstractmethod
    def find(self, key: str) -> Any:
        """Return the value of a field, of any JSON type; None where the record does not have it."""

    @abstractmethod
    def values_of_keywords(self) -> Iterable[Any]:
        """Return the values in which keywords are looked for."""

    @classmethod
    @abstractmethod
    def searched(cls, record: dict[str, Any], family: LogFamily, keywords: bool) -> str:
        """Return in lower case all values that a rule may test, without the keyword fields of the family unless `keywords`."""

    def exact(self, key: str) -> str | None:
        """Return the value as it is in the record, as text; several values one a line."""
        if key[:1] == "=":
            field, values = self.family.rendered[key]
            raw = self.exact(field)
            if self.lists is not None and field in self.lists:
                return self._several(key, [values.get(one.lower(), one) for one in self.lists[field]])
            return None if raw is None else values.get(raw.lower(), raw)
        value = self.find(key)
        if value is None or type(value) is str:
            return value
        return self._several(key, [as_text(one) for one in value if one is not None]) if type(value) is list else as_text(value)

    def _several(self, key: str, values: list[str]) -> str:
        if self.lists is None:
            self.lists = {}
        self.lists[key] = values
        return "\n".join(values)

    def any_of(self, key: str, test: Callable[[str], bool], *, cased: bool) -> bool:
        """Return whether a value of the field passes the test, which gets it in lower case unless `cased`."""
        text = self.exact(key) if cased else self[key]
        if text is None:
            return False
        if self.lists is None or key not in self.lists:
            return test(text)
        return any(test(one if cased else one.lower()) for one in self.lists[key])

    @property
    def text(self) -> str:
        """All values that keywords are looked for in, in lower case, one a line."""
        if self._text is None:
            self._text = self.exact_text.lower()
        return self._text

    @property
    def exact_text(self) -> str:
        """All values that keywords are looked for in, as they are."""
        return "\n".join(v if type(v) is str else as_text(v) for v in self.values_of_keywords() if v is not None)

    def shown(self, key: str) -> str:
        """Return the name of the field in the record."""
        return self.family.rendered[key][0] if key[:1] == "=" else key


def as_text(value: Any) -> str:
    """Return a JSON value as rules compare it: `true`, numbers in decimal, the elements of a list one a line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "\n".join(as_text(v) for v in value if v is not None)
    return str(value)
