"""Decide whether a collection would have shown a file. A file that is not in an archive is missing only where SCOUT looked for it.

SCOUT walks once for all patterns (`scout/collecting/plan.py`). Every pattern of a target without a rule has a custody line: `missing`, with
the pattern as it reads on that host, where nothing matched; else one line for each path that matched, unless the target excludes it. A
folder that was not entered has a line of its own. So a pattern that covers a path, and that has a custody line, shows that SCOUT looked
for the path. A target with a rule shows nothing: it skips files that are not suspicious, and links.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from scout.targets import CollectionTarget, load
from scout.targets.patterns import braces, expand, path_text

_HOME = "\0"
"""replaces `<U>` in `_Pattern.text`: no path contains it"""
_WILDCARD = re.compile(rf"\*\*/|[*?{_HOME}]|\[[^\]]*\]")
"""`**/` may match nothing: what is behind it need not follow a `/`"""


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One pattern of one target, for paths with `/` below the root; the home that `<U>` matches is a group."""

    target: CollectionTarget
    text: str
    excluded: tuple[str, ...]
    frames: tuple[tuple[str, str], ...]
    """how every path begins and ends that an alternative of the pattern matches; in lower case on Windows"""

    def home(self, below: str) -> str | None:
        """Return the home with which the pattern matches the path, '' for a pattern without one; None where it does not match."""
        windows = self.target.os == "windows"
        name = below.lower() if windows else below
        if not any(name.startswith(begin) and name.endswith(end) for begin, end in self.frames):
            return None  # no pattern is compiled for it
        found = _regex(self.text, windows).fullmatch(below)
        return next((group for group in found.groups() if group), "") if found else None

    def covers(self, below: str) -> bool:
        """Return whether the pattern matches the path and nothing excludes it."""
        windows = self.target.os == "windows"
        return self.home(below) is not None and not any(_regex(one, windows).fullmatch(below) for one in self.excluded)


@dataclass(slots=True)
class TargetCoverage:
    """Coverage of given native paths: `note` every line of `members/<collection>.jsonl.zst`, then ask `absent`.

    whole   the collection was completed
    """

    windows: bool
    whole: bool
    _asked: dict[str, list[tuple[_Pattern, str]]] = field(default_factory=dict)
    """path → patterns that cover it, with the home"""
    _sought: dict[tuple[str, str], dict[str, set[str]]] = field(default_factory=dict)
    """(root, target id) → pattern → homes of which a line is needed"""
    _patterns: dict[tuple[str, str], _Pattern] = field(default_factory=dict)
    _shown: set[tuple[str, str, str, str]] = field(default_factory=set)
    """(root, target id, pattern, home) that matched something"""
    _empty: set[tuple[str, str]] = field(default_factory=set)
    """(target id, pattern as it reads on the host) that matched nothing"""
    _above: dict[str, str] = field(default_factory=dict)
    """folder above an asked path → verdict of its custody line"""

    @classmethod
    def of(cls, paths: Iterable[str], *, windows: bool, system_root: str = "", whole: bool) -> TargetCoverage:
        """Prepare for `paths`: native, in lower case on Windows."""
        made = cls(windows, whole)
        patterns = _by_folder("windows" if windows else "linux", _split(system_root)[1] or "Windows")
        for path in paths:
            root, below = _split(path)
            first = below.partition("/")[0]
            near = patterns.get(first.lower() if windows else first, patterns[""])
            covering = [(p, p.home(below) or "") for p in near if p.covers(below)]
            made._asked[path] = covering
            made._above |= dict.fromkeys(_above(path), "")
            for pattern, home in covering:
                made._sought.setdefault((root, pattern.target.id), {}).setdefault(pattern.text, set()).add(home)
                made._patterns[pattern.target.id, pattern.text] = pattern
        return made

    def note(self, line: Mapping[str, Any]) -> None:
        """Take one line of `members/<collection>.jsonl.zst`. Plain input has no targets and shows nothing."""
        source, target, verdict = str(line.get("path") or ""), str(line.get("target") or ""), str(line.get("verdict") or "")
        source = source.lower() if self.windows else source
        if source in self._above and verdict != "missing":
            self._above[source] = verdict
        if verdict == "missing":
            self._empty.add((target, source))
            return
        root, below = _split(source)
        for text, homes in self._sought.get((root, target), {}).items():
            home = self._patterns[target, text].home(below) if homes else None
            if home in homes:
                homes.discard(home)
                self._shown.add((root, target, text, home))

    def linked(self, path: str) -> bool:
        """Return whether a folder above the path is a link, so that the file is elsewhere."""
        return any(self._above.get(folder) == "link" for folder in _above(path))

    def absent(self, path: str) -> str:
        """Return the id of a target that looked for this path and did not find it; '' where none is known."""
        if any(self._above.get(folder) for folder in _above(path)):
            return ""
        root = _split(path)[0]
        for pattern, home in self._asked.get(path, ()):
            name = pattern.target.id
            if (name, self._written(path, pattern, home)) in self._empty:
                return name
            if self.whole and (root, name, pattern.text, home) in self._shown:
                return name
        return ""

    def _written(self, path: str, pattern: _Pattern, home: str) -> str:
        """Return the pattern as custody writes it for the host."""
        text = "/".join(part for part in pattern.text.replace(_HOME, home).split("/") if part)
        return f"{path[:2]}\\{text}".replace("/", "\\").lower() if self.windows else f"/{text}"


def _split(path: str) -> tuple[str, str]:
    r"""Return (`c:`, `windows/x`) for `c:\windows\x`, ('', `etc/x`) for `/etc/x`."""
    root = path[:2] if path[1:2] == ":" else ""
    return root, path[len(root) :].replace("\\", "/").strip("/") if root else path.strip("/")


def _above(path: str) -> Iterator[str]:
    """Yield `/a/b` and `/a` for `/a/b/c`."""
    mark = "\\" if path[1:2] == ":" else "/"
    folder = path.rpartition(mark)[0]
    while folder:
        yield folder
        folder = folder.rpartition(mark)[0]


@cache
def _patterns(os: str, system_root: str) -> tuple[_Pattern, ...]:
    """Return all patterns of the targets for this system, except those with an unknown variable."""
    made = []
    for target in load():
        if target.os != os or target.rule is not None:
            continue
        excluded = tuple(text for one in target.exclude for text in _expanded(one, system_root))
        for one in (*target.first, *target.paths):
            made += [_Pattern(target, text, excluded, _frames(text, os == "windows")) for text in _expanded(one, system_root)]
    return tuple(made)


@cache
def _by_folder(os: str, system_root: str) -> dict[str, tuple[_Pattern, ...]]:
    """Return the patterns that may match a path, by its first folder; '': for all others."""
    patterns = _patterns(os, system_root)
    begins = {begin.partition("/")[0] for one in patterns for begin, _ in one.frames if "/" in begin}
    return {
        name: tuple(one for one in patterns if any("/" not in begin or begin.partition("/")[0] == name for begin, _ in one.frames))
        for name in ("", *begins)
    }


def _expanded(pattern: str, system_root: str) -> Iterator[str]:
    return expand(pattern.replace("<U>", _HOME), (), {"SystemRoot": system_root})


def _frames(text: str, windows: bool) -> tuple[tuple[str, str], ...]:
    """Return the text before the first wildcard and behind the last one, of each alternative."""
    found = []
    for alternative in braces(text):
        parts = _WILDCARD.split(alternative.strip("/"))
        found.append((parts[0].lower(), parts[-1].lower()) if windows else (parts[0], parts[-1]))
    return tuple(found)


@cache
def _regex(text: str, windows: bool) -> re.Pattern[str]:
    made = path_text(text).replace(re.escape(_HOME), "([^/].*)")
    return re.compile(made, re.DOTALL | (re.IGNORECASE if windows else 0))
