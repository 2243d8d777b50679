"""Programs of the system that attackers use, and drivers with known holes: the data of LOLBAS, GTFOBins and LOLDrivers, as published.

Sources: LOLBAS (`yml/**/*.yml`), GTFOBins (`_gtfobins/*`, YAML), LOLDrivers (`drivers.json`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import yaml

from scout.console import WRONG_USE, Complaint
from scout.data import parse_yaml

_MOST, _LARGEST = 20_000, 1 << 20
_FRONT = re.compile(r"^---[ \t]*$", re.MULTILINE)
_HASHES = {"MD5": "md5", "SHA1": "sha1", "SHA256": "sha256"}


class ProgramsOfUse:
    """Program name → what it can be used for."""

    kinds = frozenset({"program", "file"})

    def __init__(self, name: str, uses: dict[str, list[str]]) -> None:
        self.name, self._uses = name, uses

    def facts(self, kind: str, value: str) -> dict[str, Any]:  # noqa: ARG002
        """Return the uses of a program, known by the last part of its path."""
        uses = self._uses.get(value.replace("\\", "/").rpartition("/")[2].lower())
        return {"uses": uses} if uses else {}


class KnownDrivers:
    """Hashes of drivers → name and category of the list."""

    kinds = frozenset(_HASHES.values())

    def __init__(self, name: str, drivers: dict[str, dict[str, str]]) -> None:
        self.name, self._drivers = name, drivers

    def facts(self, kind: str, value: str) -> dict[str, Any]:  # noqa: ARG002
        """Return the driver with this hash."""
        found = self._drivers.get(value)
        return {"verdict": "known-bad", **found} if found else {}


def opened(path: Path, head: bytes) -> ProgramsOfUse | KnownDrivers | None:
    """Open the data of one of the three projects; None for another file or folder."""
    if path.is_dir():
        return _folder(path)
    if b"KnownVulnerableSamples" not in head and b"KnownVulnerableSamples" not in path.open("rb").read(1 << 16):
        return None
    try:
        return KnownDrivers(path.name, _drivers(orjson.loads(path.read_bytes())))
    except (ValueError, AttributeError, TypeError) as e:
        raise Complaint(f"{path} is no list of LOLDrivers: {e}.", "Fetch drivers.json again.", WRONG_USE) from None


def _folder(path: Path) -> ProgramsOfUse | None:
    uses: dict[str, list[str]] = {}
    gtfo = (path / "_gtfobins").is_dir() or path.name == "_gtfobins"
    files = path.glob("**/_gtfobins/*") if (path / "_gtfobins").is_dir() else path.glob("*") if gtfo else path.glob("**/*.yml")
    for file in sorted(files)[:_MOST]:
        if not file.is_file() or file.stat().st_size > _LARGEST:
            continue
        try:
            text = file.read_text(encoding="utf-8")
            found = parse_yaml(_FRONT.split(text, maxsplit=2)[1] if gtfo and text.startswith("---") else text)
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            continue  # a page of the project beside its data
        if not isinstance(found, dict):
            continue
        if gtfo and isinstance(found.get("functions"), dict):
            uses[file.name.removesuffix(".md").lower()] = sorted(map(str, found["functions"]))
        elif isinstance(found.get("Name"), str) and isinstance(found.get("Commands"), list):
            categories = {one["Category"] for one in found["Commands"] if isinstance(one, dict) and isinstance(one.get("Category"), str)}
            uses[found["Name"].lower()] = sorted(categories)
    return ProgramsOfUse(f"{'GTFOBins' if gtfo else 'LOLBAS'} {path.name}", uses) if uses else None


def _drivers(data: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    known: dict[str, dict[str, str]] = {}
    for driver in data:
        names = [tag for tag in driver.get("Tags") or [] if isinstance(tag, str)]
        about = {"file.name": names[0] if names else "", "remark": str(driver.get("Category") or "")[:200]}
        for sample in driver.get("KnownVulnerableSamples") or []:
            for key in _HASHES:
                if isinstance(sample.get(key), str) and sample[key]:
                    known[sample[key].lower()] = about
    if not known:
        raise ValueError("it has no hash of a driver")
    return known
