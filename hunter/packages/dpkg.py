"""dpkg: one list of absolute paths per package. Source: dpkg(1), FILES, `/var/lib/dpkg/info/*.list`."""

from __future__ import annotations

import os
from collections.abc import Collection

from hunter.host.view import FileView

_INFO = "/var/lib/dpkg/info"


class _Dpkg:
    name = "dpkg"

    def owners(self, view: FileView, wanted: Collection[str]) -> dict[str, str]:
        needles = {b"\n" + os.fsencode(path) + b"\n": path for path in wanted}
        found: dict[str, str] = {}
        for name, kind in view.names(_INFO):
            if kind == "file" and name.endswith(".list"):
                data = b"\n" + view.read(f"{_INFO}/{name}") + b"\n"
                found |= dict.fromkeys((path for needle, path in needles.items() if needle in data), name.removesuffix(".list"))
        return found


PACKAGES = _Dpkg()
