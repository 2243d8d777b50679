"""The state of a page is in its URL: query, filters (also disabled ones), time, zoom, order, page, open record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from eye.query.clause import clause
from eye.query.values import isotime, nanoseconds

ROWS = 100
MAX_FILTERS = 40
LONGEST_VALUE = 2000
"""Maximum length, in characters, of a value in a filter: servers and browsers cut or refuse longer URLs."""


@dataclass(frozen=True, slots=True)
class Window:
    """A range of time in nanoseconds since 1970 UTC; the end is excluded."""

    start: int
    end: int

    def text(self) -> str:
        return f"{isotime(self.start, 0)}..{isotime(self.end, 0)}"

    def query(self) -> str:
        return f'@timestamp:["{isotime(self.start)}" TO "{isotime(self.end)}"}}'


def window(text: str | None) -> Window | None:
    """Parse `2026-10-31T18:00:00Z..2026-11-01T00:00:00Z`; None if the text has another form."""
    low, dots, high = (text or "").partition("..")
    start, end = nanoseconds(low), nanoseconds(high)
    return Window(start, end) if dots and start is not None and end is not None and start < end else None


@dataclass(frozen=True, slots=True)
class State:
    """The state of the Discover page."""

    query: str = ""
    filters: tuple[str, ...] = ()
    """Lucene clauses; a leading `~` disables one"""
    brush: Window | None = None
    zoom: Window | None = None
    descending: bool = False
    start: int = 0
    open: int | None = None
    facet: str = ""
    """A field whose values are shown before the default facets"""

    def active(self) -> tuple[str, ...]:
        """Return the enabled filters."""
        return tuple(f for f in self.filters if not f.startswith("~"))

    def url(self, **changes: Any) -> str:
        """Return the URL of this state with changes; a change of the query or filters goes back to the first page."""
        if {"query", "filters", "brush", "zoom", "descending"} & changes.keys():
            changes = {"start": 0, "open": None, **changes}
        new = replace(self, **changes)
        pairs: list[tuple[str, str]] = [("q", new.query)] if new.query else []
        pairs += [("f", f) for f in new.filters]
        pairs += [(key, w.text()) for key, w in (("t", new.brush), ("z", new.zoom)) if w]
        pairs += [("sort", "-")] if new.descending else []
        pairs += [("facet", new.facet)] if new.facet else []
        pairs += [("from", str(new.start))] if new.start else []
        pairs += [("open", str(new.open))] if new.open is not None else []
        return "/discover" + (f"?{urlencode(pairs)}" if pairs else "")

    def hidden(self) -> list[tuple[str, str]]:
        """Return the hidden fields of the query form: everything but the query, page and open record."""
        pairs = [("f", f) for f in self.filters]
        pairs += [(key, w.text()) for key, w in (("t", self.brush), ("z", self.zoom)) if w]
        return pairs + ([("sort", "-")] if self.descending else []) + ([("facet", self.facet)] if self.facet else [])

    def with_filter(self, name: str, value: str, *, out: bool = False) -> str:
        """Return the URL with one more filter; '' if the value is too long for a URL."""
        if len(value) > LONGEST_VALUE:
            return ""
        new = clause(name, value, out=out)
        kept = tuple(f for f in self.filters if f.lstrip("~") != new)
        return self.url(filters=(*kept, new))

    def without(self, n: int) -> str:
        """The address without filter `n`."""
        return self.url(filters=self.filters[:n] + self.filters[n + 1 :])

    def switched(self, n: int) -> str:
        """The address with filter `n` switched on or off."""
        old = self.filters[n]
        new = old[1:] if old.startswith("~") else "~" + old
        return self.url(filters=(*self.filters[:n], new, *self.filters[n + 1 :]))


def _number(text: str | None, highest: int) -> int | None:
    return min(int(text), highest) if text and text.isascii() and text.isdigit() and len(text) < 20 else None


def read(parameters: QueryParams) -> State:
    """Return the state of an address; parameters that are not understood are ignored."""
    filters: Iterable[str] = [f for f in parameters.getlist("f") if f.strip("~ ")][:MAX_FILTERS]
    return State(
        query=parameters.get("q", "").strip(),
        filters=tuple(dict.fromkeys(filters)),
        brush=window(parameters.get("t")),
        zoom=window(parameters.get("z")),
        descending=parameters.get("sort") == "-",
        start=_number(parameters.get("from"), 2**40) or 0,
        open=_number(parameters.get("open"), 2**63 - 1),
        facet=parameters.get("facet", "").strip()[:200],
    )
