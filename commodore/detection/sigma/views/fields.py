"""A record whose fields rules name directly, or by the names that the log source gives them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from commodore.detection.sigma.record_view import RecordView, as_text
from commodore.detection.sigma.sources import LogFamily


class FieldsView(RecordView):
    """Rules test the fields of the record; keywords are looked for in the keyword fields of the log source."""

    __slots__ = ()

    def find(self, key: str) -> Any:
        """Return the value of a record field."""
        return self.record.get(self.family.fields.get(key, key))

    def values_of_keywords(self) -> Iterable[Any]:
        """Return the values of the keyword fields."""
        return [self.record.get(name) for name in self.family.keywords]

    @classmethod
    def searched(cls, record: dict[str, Any], family: LogFamily, keywords: bool) -> str:  # noqa: ARG003
        """Return all values of the record."""
        return "\n".join(as_text(value) for value in record.values() if value is not None).lower()


VIEW = FieldsView
