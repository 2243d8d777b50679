"""What a judge may ask about the host beyond the record: facts that other datasets have. Each is read when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

from commodore.persistence.started import NO_FILES, StartedFiles

FACT_DATASETS = frozenset({"com_classes", "scheduled_tasks"})
"""Datasets that `HostFacts` reads"""
Records = Callable[[str], Iterable[Mapping[str, Any]]]
_MOST = 200_000
"""records of one dataset that are kept"""


class HostFacts:
    """Facts of one host, from its records. `records`: name of a dataset → its records."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @cached_property
    def _classes(self) -> dict[str, list[tuple[str, str, str]]]:
        found: dict[str, list[tuple[str, str, str]]] = {}
        for record in islice(self._records("com_classes"), _MOST):
            name, line = str(record.get("escadre.com.class") or "").lower(), record.get("process.command_line")
            if name and line:
                place = str(record.get("registry.hive") or ""), str(record.get("registry.key") or "")
                found.setdefault(name, []).append((*place, str(line)))
        return found

    def servers(self, clsid: str) -> list[str]:
        """Return the libraries and programs of a COM class, of the machine and of its users."""
        return [line for _, _, line in self.server_keys(clsid)]

    def server_keys(self, clsid: str) -> list[tuple[str, str, str]]:
        r"""Return (hive, key, command line) of the servers of a COM class, such as `HKLM\SOFTWARE`, `Classes\CLSID\{…}\InprocServer32`."""
        return self._classes.get(clsid.lower(), [])

    @property
    def knows_classes(self) -> bool:
        """Return whether COM classes are among the evidence at all."""
        return bool(self._classes)

    @cached_property
    def tasks(self) -> dict[str, list[str]]:
        """Path of a task in lower case → the commands that its file starts."""
        found: dict[str, list[str]] = {}
        for record in islice(self._records("scheduled_tasks"), _MOST):
            commands = record.get("escadre.task.commands")
            name = str(record.get("escadre.task.path") or "").lower().strip("\\")
            found[name] = [str(line) for line in commands if line] if isinstance(commands, list) else []
        return found


@dataclass(frozen=True, slots=True)
class JudgingContext:
    """The host beyond the record."""

    facts: HostFacts = field(default_factory=lambda: HostFacts(lambda _: ()))
    files: StartedFiles = NO_FILES
    guilty_units: frozenset[str] = frozenset()
    """names of systemd units of the host with a suspicious command"""
    guilty_services: frozenset[tuple[str, str]] = frozenset()
    """(control set, name) in lower case of services of Windows with a suspicious program or library"""


NOTHING_KNOWN = JudgingContext()
