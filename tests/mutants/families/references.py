"""What SCOUT reads on the examined host to find the files that others name: every reader of references, on the inputs of its artefact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scout.discovery import modules
from scout.references import linux, named, places, windows
from tests.commodore.damage import inputs
from tests.commodore.test_shortcut import link, path_info
from tests.mutants.family import Family, Read

SYSTEMS = {"linux": linux, "windows": windows}
HIVES = ("services", "run_keys", "com_classes")
"""artefacts whose golden inputs are those of the reader of hives, which has none of its name"""
_LARGE = 1 << 17


def families(folder: Path) -> Iterator[Family]:
    """Yield a family per reader."""
    for system, package in SYSTEMS.items():
        for name, module in modules(package):
            given = inputs(name) or [one for golden in HIVES for one in inputs(golden)]
            if name == "startup_folder":
                given.append(("/Users/agnes/Startup/a.lnk", link(info=path_info("C:\\Temp\\a.exe"), arguments="/q C:\\Temp\\b.dll")))
            small = [("C:" + path.replace("/", "\\") if system == "windows" else path, data) for path, data in given if len(data) <= _LARGE]
            languages = sorted(places._places()[system].get(name, {"": []}))
            yield Family(f"references_{system}_{name}", small, lambda _, module=module, languages=languages: _reader(module, languages))


def _reader(module: Any, languages: list[str]) -> Read:
    def read(path: str, data: bytes) -> Counter[str]:
        found: Counter[str] = Counter()
        for language in languages:
            file = named.StartingFile(path, data, language, home="/root", homes={"root": "/root"})
            names = sum(1 for _ in module.names(file))
            found["records" if names else "nothing"] += names or 1
        return found

    return read
