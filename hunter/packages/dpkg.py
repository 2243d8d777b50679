"""dpkg: one list of absolute paths per package. Source: dpkg(1), FILES, `/var/lib/dpkg/info/*.list`."""

from __future__ import annotations

import os
from collections.abc import Collection

from hunter.host.view import FileView
from hunter.packages import Cut
from scout.formats.packages.dpkg import END

_INFO = "/var/lib/dpkg/info"


class _Dpkg:
    name = "dpkg"

    def owners(self, view: FileView, wanted: Collection[str], cut: Cut) -> dict[str, str]:
        needles = {b"\n" + os.fsencode(path) + b"\n": path for path in wanted}
        found: dict[str, str] = {}
        for name, kind in view.names(_INFO):
            if kind == "file" and name.endswith(".list"):
                listed = view.read(f"{_INFO}/{name}")
                if listed and not listed.endswith(END):
                    cut(f"{_INFO}/{name}")
                data = b"\n" + listed + b"\n"
                found |= dict.fromkeys((path for needle, path in needles.items() if needle in data), name.removesuffix(".list"))
        return found


PACKAGES = _Dpkg()
