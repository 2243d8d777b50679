"""The input of a judge: one record of something that starts by itself, read with definite types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from commodore.host import Host
from commodore.persistence.context import NOTHING_KNOWN, JudgingContext
from commodore.persistence.suspicion import Suspicion, is_interpreter, of_file


@dataclass(frozen=True, slots=True)
class AutostartEntry:
    """One record of an autostart location, and the host that it is from."""

    record: Mapping[str, Any]
    host: Host
    context: JudgingContext = NOTHING_KNOWN

    def text(self, *names: str) -> str:
        """Return the first of these fields that holds text, or ''."""
        return next((value for name in names if isinstance(value := self.record.get(name), str) and value), "")

    def texts(self, name: str) -> list[str]:
        """Return the values of a field that is a list; [] where the record does not have it."""
        value = self.record.get(name)
        return [str(item) for item in value if item is not None] if isinstance(value, list) else []

    def flag(self, name: str) -> bool | None:
        """Return a boolean field; None where the record does not have it."""
        value = self.record.get(name)
        return value if isinstance(value, bool) else None

    def setting(self, name: str) -> str | None:
        """Return the value of a setting of the object (`Name=value` in `escadre.settings`, name without case), or None."""
        start = f"{name.lower()}="
        return next((text[len(start) :] for text in self.texts("escadre.settings") if text.lower().startswith(start)), None)

    def values(self, *names: str) -> dict[str, Any]:
        """Return those of the fields that the record has, of any type."""
        return {name: self.record[name] for name in names if self.record.get(name) is not None}

    def of_file(self, path: str, os: str) -> list[Suspicion]:
        """Return the suspicions of a file that the entry starts, by its path and by what the evidence says of it.

        An interpreter is judged by its path: a changed one concerns all that it runs, and has a finding of its own.
        """
        found = of_file(path, os)
        return found if is_interpreter(path, os) else self.context.files.of(path).weighed(found)

    @property
    def strings(self) -> list[str]:
        """The texts of a registry value; of a type that is no text, the text that its data hold."""
        return self.texts("registry.data.strings") or [text for text in (self.text("process.command_line"),) if text]

    @property
    def system_root(self) -> str:
        """The Windows folder of the host, the usual one where it is not known."""
        return self.host.system_root or "C:\\Windows"

    @property
    def command_line(self) -> str:
        """The command line, the text of the registry value, or the program with its arguments: the first that the record has."""
        if line := self.text("process.command_line"):
            return line
        if strings := self.texts("registry.data.strings"):
            return strings[0]
        return " ".join(part for part in (self.text("process.executable"), *self.texts("process.args")) if part)
