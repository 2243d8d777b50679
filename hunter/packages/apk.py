"""apk (Alpine): all packages in one text. Source: apk-tools 2, `src/database.c` (apk_db_fdb_read).

A line is a letter, `:` and a value; a blank line ends a package. `P` names it, `F` a folder (no slash before it), `R` a file of it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Collection

from hunter.host.view import FileView
from hunter.packages import Cut
from scout.formats.packages.apk import END, FOLDERS


class _Apk:
    name = "apk"

    def owners(self, view: FileView, wanted: Collection[str], cut: Cut) -> dict[str, str]:
        found: dict[str, str] = {}
        for folder in FOLDERS:
            top = view.state("/" + folder.split("/")[1])
            if (top is None or top.type != "link") and any(name == "installed" for name, _ in view.names(folder)):
                text = view.read(f"{folder}/installed")
                found |= _owners(text, wanted)
                if text and not text.endswith(END):
                    cut(f"{folder}/installed")
        return found


def _owners(text: bytes, wanted: Collection[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    package, folder = "", ""
    for line in io.BytesIO(text):
        key, value = line[:2], os.fsdecode(line[2:].rstrip(b"\n"))
        if key == b"P:":
            package, folder = value, ""
        elif key == b"F:":
            folder = value
        elif key == b"R:":
            path = f"/{folder}/{value}" if folder else f"/{value}"
            if path in wanted:
                found[path] = package
    return found


PACKAGES = _Apk()
