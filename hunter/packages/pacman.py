"""pacman (Arch): one folder per package, its paths in `files`. Source: libalpm 13, `lib/libalpm/be_local.c`.

The section `%FILES%` lists paths without a slash before them, folders with one behind; a blank line ends a section.
"""

from __future__ import annotations

import io
import os
from collections.abc import Collection, Iterator

from hunter.host.view import FileView
from hunter.packages import Cut
from scout.formats.packages.pacman import END

_LOCAL = "/var/lib/pacman/local"


class _Pacman:
    name = "pacman"

    def owners(self, view: FileView, wanted: Collection[str], cut: Cut) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, kind in view.names(_LOCAL):
            if kind == "directory":
                found |= dict.fromkeys((path for path in _files(view, f"{_LOCAL}/{name}/files", cut) if path in wanted), name)
        return found


def _files(view: FileView, place: str, cut: Cut) -> Iterator[str]:
    text = view.read(place)
    if text and not text.endswith(END):
        cut(place)
    _, _, section = (b"\n" + text).partition(b"\n%FILES%\n")
    for line in io.BytesIO(section.partition(b"\n\n")[0]):
        yield "/" + os.fsdecode(line.rstrip(b"\n"))


PACKAGES = _Pacman()
