"""Keys and values that indicators name, in the registry of the running Windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scout.live.windows._registry import HKLM, HKU, RunningRegistry
from scout.sweeping.wanted import WantedKey, described


def keys(asked: Mapping[str, Sequence[WantedKey]]) -> Iterator[dict[str, Any]]:
    """Yield the keys and values that exist, for 64-bit and for 32-bit programs, of the machine and of the users who are logged on."""
    views = RunningRegistry(), RunningRegistry(wow64=True)
    users = views[0].subkeys(HKU, "")
    for path, wanted in asked.items():
        yield from unique_places(_at(view, root, place, wanted) for view in views for root, place in _places(path, users))
    for denied in dict.fromkeys(name for view in views for name in view.denied):
        yield {"not_searched": denied, "why": "access denied"}


def unique_places(found: Iterator[Iterator[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Yield each rule once for each key: both views show most keys."""
    seen = set()
    for lines in found:
        for line in lines:
            if (line["path"], line["rule"]) not in seen:
                seen.add((line["path"], line["rule"]))
                yield line


def _places(path: str, users: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield HKLM, path
    for user in users:
        yield HKU, f"{user}\\{path}"
        if path.lower().startswith("software\\classes\\"):
            yield HKU, f"{user}_Classes\\{path[17:]}"


def _at(view: RunningRegistry, root: str, path: str, wanted: Sequence[WantedKey]) -> Iterator[dict[str, Any]]:
    if not view.exists(root, path):
        return
    named = f"{root}\\{path}"
    values: dict[str, tuple[str, Any]] = {}
    if any(said.value for said in wanted):
        values = {name.lower(): (name, data) for name, (data, _) in view.values(root, path).items()}
    for said in wanted:
        if not said.value:
            yield {"path": named, "place": "registry", **described(said.indicator, named), "around": f"key {named}"}
        elif said.value in values:
            name, data = values[said.value]
            text = data if isinstance(data, str) else repr(data)
            yield {"path": named, "place": "registry", **described(said.indicator, f"{named}\\{name}"), "around": f"value: {text[:300]}"}
