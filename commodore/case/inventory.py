"""The persistence inventory of hosts as a baseline, and the differences between two inventories.

A baseline is JSON lines: `{"escadre_baseline": 1}`, then one object per entry, sorted: `rule`, `place`, `starts`, `sha256`. It is what
starts by itself on a host that somebody looked at and found good.

    entries(case)            host → entries of its inventory
    learn(case, file)        add the entries of a case to a baseline; returns how many are new
    compare(one, two)        what appeared, went and changed between two cases, or a baseline and a case
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from commodore.case.jsonl import objects
from commodore.case.reader import CaseReader
from scout.console import WRONG_USE, Complaint

DATASET = "persistence"
VERSION = 1
_HEAD = "escadre_baseline"
_PLACE = ("path", "value", "name", "line", "scope", "drop_in")
"""fields of a target that say where an entry is; the text of a line, not its number, which moves when another line is added"""


class InventoryEntry(NamedTuple):
    """One entry. `place` and `rule` identify it; `starts` and `sha256` are its state. `severity`: '' for what is expected."""

    rule: str
    place: str
    starts: str
    sha256: str
    severity: str = ""
    message: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Return what identifies the entry in two inventories of one host."""
        return self.rule, self.place


class InventoryChange(NamedTuple):
    """One difference. `kind`: appeared, went or changed; `before` and `after` are None where there is no such entry."""

    kind: str
    host: str
    before: InventoryEntry | None
    after: InventoryEntry | None


Inventory = Mapping[tuple[str, str], InventoryEntry]


def entries(case: str | Path) -> Iterator[tuple[str, Inventory]]:
    """Yield (host, inventory) of each host of a case; hosts of one name, and one host collected twice, have their collection behind it.

    Raises Complaint for a case without inventory.
    """
    reader, found = CaseReader(case), False
    hosts: dict[str, dict[str, dict[tuple[str, str], InventoryEntry]]] = {}
    for partition in reader.partitions():
        path = partition.records(DATASET)
        found = found or path.exists()
        for record in objects(path) if path.exists() else ():
            if record.get("escadre.state") not in ("deleted", "carved"):
                entry = entry_of(record)
                of_name = hosts.setdefault(str(record.get("host.name") or ""), {})
                of_name.setdefault(partition.collection, {})[entry.key] = entry
    if not found:
        raise Complaint(f"{case} has no inventory of what starts by itself.", "Process a collection with hives, units or tasks.", WRONG_USE)
    for host, collections in sorted(hosts.items()):
        for collection, inventory in sorted(collections.items()):
            yield f"{host} ({collection})" if len(collections) > 1 else host, inventory


def learn(case: str | Path, file: str | Path) -> tuple[int, int]:
    """Add the entries of a case to a baseline, which is made where it does not exist. Return how many are new, and how many there are."""
    path = Path(file)
    known = set(read_baseline(path)) if path.exists() else set()
    before = len(known)
    for _, inventory in entries(case):
        known |= {entry._replace(severity="", message="") for entry in inventory.values()}
    lines = [orjson.dumps({_HEAD: VERSION}), *(orjson.dumps(_plain(entry)) for entry in sorted(known))]
    scratch = path.with_name(f"{path.name}.new")
    scratch.write_bytes(b"\n".join(lines) + b"\n")
    scratch.replace(path)
    return len(known) - before, len(known)


def compare(one: str | Path, two: str | Path) -> Iterator[InventoryChange]:
    """Yield the differences, by host. `one`: a case, or a baseline, of which every entry that a host does not have is left out.

    Hosts are compared by name; two cases of one host each are compared whatever the names. Raises Complaint where nothing can be compared.
    """
    later = dict(entries(two))
    if Path(one).is_file():
        good = set(read_baseline(Path(one)))
        states = {(entry.rule, entry.place): entry for entry in good}
        for host, inventory in later.items():
            for entry in inventory.values():
                if entry._replace(severity="", message="") not in good:
                    before = states.get(entry.key)
                    yield InventoryChange("changed" if before else "appeared", host, before, entry)
        return
    earlier = dict(entries(one))
    if len(earlier) == len(later) == 1:
        earlier = {next(iter(later)): next(iter(earlier.values()))}
    if not earlier.keys() & later.keys():
        raise Complaint(f"{one} and {two} have no host in common.", "Give two cases of one host, or a baseline and a case.", WRONG_USE)
    for host in sorted(earlier.keys() & later.keys()):
        yield from _changes(host, earlier[host], later[host])


def _changes(host: str, before: Inventory, after: Inventory) -> Iterator[InventoryChange]:
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old is None or new is None:
            yield InventoryChange("went" if new is None else "appeared", host, old, new)
        elif (old.starts, old.sha256) != (new.starts, new.sha256):
            yield InventoryChange("changed", host, old, new)


def entry_of(record: Mapping[str, Any]) -> InventoryEntry:
    """Return the entry of a record of the inventory."""
    target = record.get("target")
    target = target if isinstance(target, dict) else {}
    data = target.get("data")
    starts = str(record.get("process.command_line") or (", ".join(map(str, data)) if isinstance(data, list) else data or ""))
    place = " | ".join(str(target[name]) for name in _PLACE if target.get(name))
    where = place or str(record.get("registry.path") or record.get("escadre.locator") or "")
    sha256 = str(record.get("file.hash.sha256") or "")
    severity, message = str(record.get("escadre.severity") or ""), str(record.get("message") or "")
    return InventoryEntry(str(record.get("rule.id") or ""), where, starts, sha256, severity, message)


def _plain(entry: InventoryEntry) -> dict[str, str]:
    return {"rule": entry.rule, "place": entry.place, "starts": entry.starts, "sha256": entry.sha256}


_MAKE = "Make one with `commodore baseline add CASE -o FILE`."


def read_baseline(path: Path) -> Iterator[InventoryEntry]:
    """Yield the entries of a baseline. Raises Complaint for a file that is none, with the line at fault."""
    for number, line in enumerate(_lines_of(path), 1):
        if number == 1:
            if line.get(_HEAD) != VERSION:
                raise Complaint(f"{path} is no baseline of version {VERSION}.", _MAKE, WRONG_USE)
            continue
        values = [line.get(name) for name in ("rule", "place", "starts", "sha256")]
        if not all(isinstance(value, str) for value in values):
            raise Complaint(f"{path}: line {number} is no entry of a baseline.", _MAKE, WRONG_USE)
        yield InventoryEntry(*map(str, values))


def _lines_of(path: Path) -> Iterator[dict[str, Any]]:
    try:
        yield from objects(path)
    except Complaint as e:  # whose advice is about the files of a case
        raise Complaint(e.what, _MAKE, WRONG_USE) from e
