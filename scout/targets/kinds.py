"""Kinds of evidence and the targets that serve them (`tables/coverage.yaml`), and the page of the reference that shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scout.data import load_data
from scout.targets.loader import PRIORITIES, load
from scout.targets.profiles import profiles

_TITLES = {"windows": "Windows", "linux": "Linux"}


@dataclass(frozen=True, slots=True)
class EvidenceKind:
    """One kind of evidence. `by`: ids of the targets that serve it; () where none does, and `note` says why."""

    id: str
    os: str
    what: str
    by: tuple[str, ...]
    note: str


def kinds() -> Iterator[EvidenceKind]:
    """Yield the kinds. Raises ValueError for one that names no target of its system, or is served by none and has no reason."""
    known = {target.id: target for target in load()}
    for os, rows in load_data("scout.targets.tables", "coverage.yaml").items():
        for name, value in rows.items():
            one = EvidenceKind(name, os, value["what"], tuple(value.get("by", [name])), value.get("note", ""))
            wrong = [target for target in one.by if target not in known or known[target].os != os]
            if wrong:
                raise ValueError(f"coverage.yaml: {name}: {wrong[0]} is no target of {os}")
            if set(value) - {"what", "by", "note"} or not (one.by or one.note):
                raise ValueError(f"coverage.yaml: {name} needs targets or a reason, and no other words")
            yield one


def page() -> str:
    """Return the page: profiles, each kind with its targets, and SCOUT's own additions."""
    known, listed = {target.id: target for target in load()}, list(kinds())
    served = sum(bool(one.by) for one in listed)
    lines = [
        "# What SCOUT collects",
        "",
        f"{len(known)} targets serve {served} of {len(listed)} kinds of evidence; for the others the reason is given. "
        "`scout targets ID` shows a target with its paths.",
        "",
        "## Profiles",
        "",
        "| profile | takes |",
        "|---|---|",
        *(f"| `{one.name}` | {one.what}{f' (with {chr(44).join(one.more)})' if one.more else ''} |" for one in profiles().values()),
    ]
    for os, title in _TITLES.items():
        lines += ["", f"## {title}", "", "| kind | evidence | targets | note |", "|---|---|---|---|"]
        for one in (kind for kind in listed if kind.os == os):
            by = ", ".join(f"{name} ({PRIORITIES[known[name].priority]})" for name in one.by)
            lines.append(f"| {one.id} | {one.what} | {by or 'none'} | {one.note} |".replace("|  |", "| |"))
        own = [target for target in known.values() if target.os == os and not any(target.id in (one.id, *one.by) for one in listed)]
        lines += ["", "SCOUT's own additions:", "", "| target | what | profile |", "|---|---|---|"]
        lines += [f"| {target.id} | {target.what} | {PRIORITIES[target.priority]} |" for target in sorted(own, key=lambda one: one.id)]
    return "\n".join(lines) + "\n"
