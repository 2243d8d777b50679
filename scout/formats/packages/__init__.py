"""Package databases of Linux hosts: which package a file belongs to, and the digest that it had in the package.

A module per package system, with `FILES` and `LISTS` (path patterns of its database, in the language of `scout/targets/patterns.py`),
`listed(path, content, wanted) -> Iterator[PackageFile]` of FILES, `brought(path, content, note)`, which yields all of them and tells `note`
what does not read (not for dpkg), `END` (bytes that end every such file where it is text: one that ends otherwise is cut), and
`owned(path, content) -> Iterator[tuple[path, package]]` of LISTS, which names all files of packages,
also those without a digest. Whoever is root on a host can change its database too: equality with it
proves no more than that the file is the one that the database lists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

Note = Callable[[str], object]
"""takes a sentence about a part of a database that does not read"""


def ignored(what: str) -> None:
    """Take no note: who only looks up some files needs none."""


def whole(content: bytes, end: bytes, note: Note) -> None:
    """Note that a text is cut where it does not end as the program that writes it ends it."""
    if content and not content.endswith(end):
        note("it does not end where a package ends: it is cut")


class PackageFile(NamedTuple):
    """A file of a package. `path`: absolute, below /usr where the folder may be the same; `digest`: hexadecimal, by `algorithm`.

    settings   the package says that administrators change it
    """

    path: str
    package: str
    algorithm: str
    digest: str
    settings: bool = False
