"""Artefacts of lists that SCOUT made on the live host: each object becomes one record. `listing_artefact` makes declaration and parser.

    ARTEFACT, parse, expected = listing_artefact(
        "shares/1",
        renamed={"name": "escadre.component.name", "path": "file.path"},
        shown=("type", "comment"),          # become `escadre.settings`: `type=disk`
        name="live_shares", …               # the rest of the declaration
    )

An object with an `error` and nothing else (a part of the list that the host refused) is a problem, not a record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.containers.json_lines import JsonLinesView, Schema, locator
from commodore.host import Host
from commodore.schema import registry

_REFUSED = {"kind", "namespace", "error"}
Adds = Callable[[dict[str, Any], Host], dict[str, Any]]
"""What an artefact adds to the fields of one object."""


def listing_artefact(
    schema: str,
    *,
    renamed: Mapping[str, str],
    shown: Sequence[str] = (),
    adds: Adds | None = None,
    added: Sequence[str] = (),
    **declared: Any,
) -> tuple[Artefact, Any, Any]:
    """Return (ARTEFACT, parse, expected) for a list of this schema: `services/1`.

    renamed   key of the object → field; a value of another type than the field's is left out
    shown     keys that `escadre.settings` has as `key=value`, in this order
    adds      returns further fields, whose names are in `added`
    """
    name, _, version = schema.partition("/")
    fields = (*dict.fromkeys((*renamed.values(), *added, *(("escadre.settings",) if shown else ()))),)
    declared.setdefault("kind", "state")
    declared.setdefault("type", ("info",))
    artefact = Artefact(holds=Schema(name, int(version)), fields=fields, **declared)

    def expected(listing: JsonLinesView) -> int:
        """Count the lines after the first that are not blank."""
        return listing.expected()

    def parse(listing: JsonLinesView, host: Host) -> Iterator[Record | Problem]:
        def read(numbered: tuple[int, dict[str, Any]]) -> Iterator[Record | Problem]:
            one = numbered[1]
            if "error" in one and one.keys() <= _REFUSED:
                part = one.get("kind") or one.get("namespace") or "a part of the list"
                yield Problem(f"the host did not give {part}: {one['error']}", locator(numbered), 1)
                return
            if one.get("cut") is True:
                yield Problem("the list was cut here: there is more than SCOUT takes", locator(numbered), 1)
                return
            out = {field: value for key, field in renamed.items() if (value := _fitting(field, one.get(key))) is not None}
            settings = [f"{key}={_words(one[key])}" for key in shown if one.get(key) not in (None, "", [])]
            if settings:
                out["escadre.settings"] = settings
            yield Record(locator(numbered), out | (adds(one, host) if adds else {}), "live")

        yield from listing.each(read)

    return artefact, parse, expected


def _fitting(field: str, value: Any) -> Any:
    """Return the value where it has the type of the field; text for numbers in keyword fields; None otherwise."""
    kind = registry()[field]
    if kind.many:
        many = value if isinstance(value, list) else [value]
        return [one for one in (_one(kind.type, each) for each in many) if one is not None] or None
    return _one(kind.type, value)


def _one(kind: str, value: Any) -> Any:
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    if kind == "long":
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
