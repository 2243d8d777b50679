"""Files that a file which starts programs takes in: `Include`, `@includedir`, `source`, in the languages of `includes.yaml`.

What is taken in is read in the same language, as if it stood in the place of the line. Only the names are found here; who calls looks for
the files. All numbers are bounded: the files are the host's.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from scout.bounded import searcher
from scout.data import load_data
from scout.formats.startup import LONGEST, languages

READER = "startup_files"
"""artefact that reads files in the languages"""
DEEPEST = 16
"""files that are taken in one within the other: sshd, sudo and ld.so follow 16, 128 and 10"""
MOST_LINES = 200
"""lines of one file that take in others"""
MOST_NAMES = 2_000
"""names that the lines of one file mean"""
MOST_LOOKED_UP = 50_000
"""names that are looked up in all"""
MOST_FILES = 500
"""files that are taken in by all files of a host"""
WILD = re.compile(r"[*?\[]")
_NAME = re.compile(r"\"([^\"]*)\"|'([^']*)'|(\S+)")
_HOME = re.compile(r"(?:~|%h|\$HOME|\$\{HOME\})(?=/)")
_ESCAPED = re.compile(r"\\(.)")
_VISIBLE = r"^[^.]"


class Included(NamedTuple):
    """What one line takes in: the absolute path of a file, in which `*`, `?` and `[…]` may stand. `names`: pattern of the names that are
    read where it is a folder, None where a folder is not read; `reader`: the artefact that reads it.
    """

    path: str
    names: Any
    reader: str


class _Form(NamedTuple):
    line: Any
    beside: str
    names: Any
    reader: str


@cache
def _forms() -> dict[str, tuple[_Form, ...]]:
    """Return language → forms. Raises ValueError for a language or part that is not known."""
    found = {}
    for language, forms in load_data(__package__, "includes.yaml").items():
        if language not in languages() or any(set(form) - {"line", "beside", "names", "reader", "source"} for form in forms):
            raise ValueError(f"includes.yaml: {language}: no language, or an unknown part")
        found[language] = tuple(
            _Form(searcher(form["line"]), form.get("beside", ""), searcher(form.get("names", _VISIBLE)), form.get("reader", READER))
            for form in forms
        )
    return found


def can_include(language: str) -> bool:
    """Return whether files of a language take in others."""
    return language in _forms()


def includes(language: str, content: bytes, path: str, first: str, homes: Sequence[str]) -> Iterator[Included]:
    """Yield what the lines of a Linux file take in.

    path   native path of the file; first: that of the file which the program reads by itself (the same, where nothing took it in)
    homes  homes in which a name that begins with `~` may be: the home of the file's owner, or all, where the file is everybody's
    """
    yield from islice(_of_lines(language, content, path, first, homes), MOST_NAMES)


def _of_lines(language: str, content: bytes, path: str, first: str, homes: Sequence[str]) -> Iterator[Included]:
    forms = _forms().get(language, ())
    left = MOST_LINES
    for raw in content.split(b"\n") if forms else ():
        line = raw[:LONGEST].decode("latin-1").rstrip("\r")  # a character a byte: RE2 takes no lone surrogates
        for form in forms:
            if (found := form.line.search(line)) is None:
                continue
            left -= 1
            if left < 0:
                return
            groups = found.groupdict()
            several = groups.get("files")
            names = [next(filter(None, m)) for m in _NAME.findall(several) if any(m)] if several else []
            names += [_ESCAPED.sub(r"\1", groups[one].strip("\"'")) for one in ("file", "folder") if groups.get(one)]
            folders = homes if form.beside == "home" else (posixpath.dirname(first if form.beside == "first" else path),)
            for name in names:
                for one in _absolute(name.encode("latin-1").decode("utf-8", "surrogateescape"), folders, homes):
                    yield Included(one, form.names if groups.get("folder") else None, form.reader)


def _absolute(name: str, folders: Iterable[str], homes: Iterable[str]) -> Iterator[str]:
    """Yield the absolute paths that a name may mean; none for one that depends on a variable."""
    begins = _HOME.match(name)
    if begins is not None:
        folders, name = homes, name[begins.end() + 1 :]
    name = re.sub("%[A-Za-z]", "*", name).replace("%%", "%")  # the host's name or the account's, as far as that is known
    for place in dict.fromkeys(posixpath.join(folder, name) for folder in folders):
        if "$" not in place and "\0" not in place and place.startswith("/") and len(place) < 4096:
            yield posixpath.normpath(place)


def matching(included: Included, listed: Callable[[str], Iterable[str]], is_folder: Callable[[str], bool]) -> Iterator[str]:
    """Yield the paths that a line may take in, by name. `listed`: folder → names in it; `is_folder`: whether a path is one."""
    places = [""]
    for part in included.path.split("/")[1:]:
        if not WILD.search(part):
            places = [f"{place}/{part}" for place in places]
            continue
        places = [
            f"{place}/{name}"
            for place in places
            for name in sorted(listed(place or "/"))
            if fnmatchcase(name, part) and (part.startswith(".") or not name.startswith("."))
        ][:MOST_FILES]
    for place in places:
        if included.names is not None and is_folder(place):
            yield from (f"{place}/{name}" for name in sorted(listed(place)) if included.names.search(name))
        else:
            yield place
