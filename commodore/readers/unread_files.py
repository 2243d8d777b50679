"""Files that the program of their folder leaves alone: by their name, their rights and their content, as `unread_files.yaml` says.

    why_unread(evidence, host)    "run-parts passes over this name", or ''

Rights count only where they are those of the host (`Host.rights_kept`); links are judged elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from commodore.evidence import Evidence
from commodore.host import Host
from scout.data import load_data
from scout.targets.patterns import path_text

LONGEST = 1 << 16
"""bytes of a file in which a reason is looked for"""
_PARTS = frozenset(("reader", "source", "files", "only", "never", "names", "executable", "owner", "writers", "section", "content"))


class FolderReader(NamedTuple):
    """One entry of `unread_files.yaml`, compiled. `content`: pattern of a line → reason."""

    reader: str
    files: re.Pattern[str]
    only: re.Pattern[str] | None
    never: re.Pattern[str] | None
    names: str
    executable: bool
    owner: bool
    writers: str
    section: str
    content: tuple[tuple[re.Pattern[str], str], ...]

    def reason(self, evidence: Evidence, *, rights: bool) -> str:
        """Return why the program leaves the file alone, '' where it does not. `rights`: those of the file are the host's."""
        name = evidence.source.rpartition("/")[2]
        if (self.only and not self.only.fullmatch(name)) or (self.never and self.never.fullmatch(name)):
            return f"{self.reader} passes over {self.names}"
        if rights and (words := self._rights(evidence.facts)):
            return f"{self.reader} {words}"
        return self._content(evidence) if self.content else ""

    def _rights(self, facts: Mapping[str, Any]) -> str:
        mode, uid = mode_of(facts), facts.get("uid")
        if self.owner and isinstance(uid, int) and uid != 0:
            return f"takes no file that another account than root owns (uid {uid})"
        if mode is None:
            return ""
        if self.executable and not mode & 0o111:
            return f"runs no file that nobody may execute (mode {mode:04o})"
        group = mode & 0o020 and (self.writers == "owner" or facts.get("gid") not in (0, None))
        if self.writers and (mode & 0o002 or group):
            return f"takes no file that others may write (mode {mode:04o})"
        return ""

    def _content(self, evidence: Evidence) -> str:
        with evidence.open() as stream:
            text = stream.read(LONGEST).decode("utf-8", "replace")
        if self.section:
            text = "\n".join(_section(text, self.section))
        for pattern, reason in self.content:
            if found := pattern.search(text):
                return reason.format_map({"only": (found.groupdict().get("only") or "")[:200]})
        return ""


def mode_of(facts: Mapping[str, Any]) -> int | None:
    """Return the mode of a file, None where it is not known."""
    text = str(facts.get("mode") or "")
    return int(text, 8) & 0o7777 if re.fullmatch("[0-7]{1,6}", text) else None


def why_unread(evidence: Evidence, host: Host) -> str:
    """Return why the program of its folder leaves a file of a Linux host alone; '' where it reads it, or nothing says so."""
    if not evidence.source.startswith("/"):
        return ""
    found = _reader(evidence.source[1:])
    return found.reason(evidence, rights=host.rights_kept) if found else ""


@lru_cache(maxsize=4096)
def _reader(path: str) -> FolderReader | None:
    return next((reader for reader in folder_readers() if reader.files.fullmatch(path)), None)


@cache
def folder_readers() -> tuple[FolderReader, ...]:
    """Return all entries. Raises ValueError for one that the validator refuses."""
    made = []
    for number, entry in enumerate(load_data(__package__, "unread_files.yaml"), 1):
        if unknown := set(entry) - _PARTS:
            raise ValueError(f"unread_files.yaml: entry {number}: unknown part `{min(unknown)}`")
        if missing := {"reader", "source", "files"} - set(entry):
            raise ValueError(f"unread_files.yaml: entry {number}: `{min(missing)}` is missing")
        if entry.get("writers", "") not in ("", "owner", "root"):
            raise ValueError(f"unread_files.yaml: entry {number}: `writers` is owner or root")
        made.append(
            FolderReader(
                entry["reader"],
                re.compile("|".join(path_text(pattern) for pattern in entry["files"]), re.DOTALL),
                _names(entry.get("only")),
                _names(entry.get("never")),
                entry.get("names", "this name"),
                entry.get("executable") == "yes",
                entry.get("owner") == "root",
                entry.get("writers", ""),
                entry.get("section", ""),
                tuple((re.compile(pattern, re.MULTILINE), reason) for pattern, reason in entry.get("content", {}).items()),
            )
        )
    return tuple(made)


def _names(pattern: str | None) -> re.Pattern[str] | None:
    return re.compile(pattern, re.DOTALL) if pattern else None


def _section(text: str, header: str) -> Iterator[str]:
    """Yield the lines between a header and the next one."""
    inside = False
    for line in text.splitlines():
        if line.startswith("["):
            inside = line.strip() == header
        elif inside:
            yield line
