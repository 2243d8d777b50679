"""Files of plain input that other files take in (`Include`, `@includedir`, `source`), so that they are read in the same language.

SCOUT marks them in custody when it collects (`included_by`). A plain folder has no custody: the files that the host reads by itself are
looked through here, and what they take in among the files of the folder is marked the same way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice

from commodore import catalogue
from commodore.engine.links import resolve
from commodore.engine.plain import PlainFile
from commodore.host import Host
from commodore.persistence.places import rows_of_file
from scout.formats.startup.includes import DEEPEST, MOST_FILES, MOST_LOOKED_UP, READER, can_include, includes, matching

LARGEST = 1 << 20
"""bytes of one file that are searched for what it takes in"""
MARK = "included_by"


def mark(files: Iterable[PlainFile], host: Host) -> str:
    """Mark in the facts of files of a Linux host which files that the host reads by itself take them in. Returns what a bound left out."""
    return _Search(list(files), host).all() if host.os == "linux" else ""


class _Search:
    def __init__(self, files: list[PlainFile], host: Host) -> None:
        self._files = {file.source: file for file in files if file.verdict == "taken"}
        self._links = {file.source: str(file.facts["link"]) for file in files if file.verdict == "link" and file.facts.get("link")}
        self._homes = list(dict.fromkeys(home for home in host.profiles.values() if home.startswith("/") and home != "/"))
        self._left = MOST_LOOKED_UP
        self._folders: dict[str, set[str]] = {}
        for path in (*self._files, *self._links):
            while path:
                above, _, name = path.rpartition("/")
                names = self._folders.setdefault(above or "/", set())
                if name in names:
                    break
                names.add(name)
                path = above

    def all(self) -> str:
        matcher = catalogue.matcher()
        todo: deque[tuple[str, str, str, int]] = deque()
        for path, file in self._files.items():
            if path.startswith("/") and READER in matcher.of_source(path, file.below):
                todo += ((path, language, path, 0) for language in rows_of_file(file.below) if can_include(language))
        seen: set[tuple[str, str]] = set()
        while todo and len(seen) < MOST_FILES and self._left > 0:
            path, language, first, depth = todo.popleft()
            for taken, reader in self._taken_in(path, language, first):
                by = self._files[taken].facts.setdefault(MARK, {}).setdefault(reader, [])
                if first not in by:
                    by.append(first)
                if reader == READER and (taken, language) not in seen and depth < DEEPEST:
                    seen.add((taken, language))
                    todo.append((taken, language, first, depth + 1))
        return f"files take in too many others: those of {len(todo):,} were not looked for" if todo else ""

    def _taken_in(self, path: str, language: str, first: str) -> list[tuple[str, str]]:
        """Return the files that one file takes in, other than itself, with the artefacts that read them."""
        try:
            with self._files[path].path.open("rb") as stream:
                content = stream.read(LARGEST)
        except OSError:
            return []  # reading it for its records reports the error
        home = next((one for one in sorted(self._homes, key=len, reverse=True) if path.startswith(f"{one}/")), "")
        named = (
            (one, included.reader)
            for included in includes(language, content, path, first, [home] if home else self._homes)
            for one in matching(included, self._listed, self._is_folder)
        )
        looked_up = list(dict.fromkeys(islice(named, max(self._left, 0))))
        self._left -= len(looked_up)
        found = dict.fromkeys((resolve(one, self._links), reader) for one, reader in looked_up)
        return [(one, reader) for one, reader in found if one in self._files and one != path]

    def _listed(self, folder: str) -> set[str]:
        return self._folders.get(resolve(folder, self._links), set())

    def _is_folder(self, path: str) -> bool:
        return resolve(path, self._links) in self._folders
