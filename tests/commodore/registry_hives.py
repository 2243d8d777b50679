"""Helpers of the tests of registry artefacts: a hive from Python values, an artefact run on it, and the corpus' hives."""

from __future__ import annotations

import lzma
from pathlib import Path
from typing import Any

import commodore.artefacts
from commodore.artefact import Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from fixtures.hives.writer import Image, Key
from scout.discovery import modules
from tests.commodore.damage import items
from tests.commodore.described import DEFAULT, fill, ticks

MODULES = dict(modules(commodore.artefacts))
CONFIG = "C:\\Windows\\System32\\config\\"
SOFTWARE, SYSTEM, SAM = CONFIG + "SOFTWARE", CONFIG + "SYSTEM", CONFIG + "SAM"
SECURITY = CONFIG + "SECURITY"
NTUSER = "C:\\Users\\agnes.m\\NTUSER.DAT"
USRCLASS = "C:\\Users\\agnes.m\\AppData\\Local\\Microsoft\\Windows\\UsrClass.dat"
AMCACHE = "C:\\Windows\\AppCompat\\Programs\\Amcache.hve"
SID = "S-1-5-21-1111-2222-3333-1104"
HOST = Host("c", profiles={SID: "C:\\Users\\agnes.m"}, users={SID: "agnes.m"}, system_root="C:\\Windows", timezone="Europe/Paris")


def hive(keys: dict[str, dict[str, Any]]) -> bytes:
    """A hive with these keys: path → values, see `described.fill`."""
    root = Key("ROOT", ticks(DEFAULT))
    for path, values in keys.items():
        fill(root.at(path), values)
    return Image(root, ticks(DEFAULT), "x").hive()


def run(name: str, data: bytes | dict[str, dict[str, Any]], source: str = SOFTWARE) -> tuple[list[dict[str, Any]], list[Problem]]:
    """Fields of the records that an artefact makes of a hive, and the problems."""
    content = data if isinstance(data, bytes) else hive(data)
    out = list(items(MODULES[name], Evidence(source, content), HOST))
    records = [item for item in out if isinstance(item, Record)]
    assert len({record.locator for record in records}) == len(records), "a locator twice"
    declared = set(MODULES[name].ARTEFACT.fields) | {
        "@timestamp",
        "escadre.times",
        "message",
        "event.action",
        "event.category",
        "event.type",
    }
    assert {field for record in records for field in record.fields} - declared == set()
    return [record.fields for record in records], [item for item in out if isinstance(item, Problem)]


def of_corpus(corpus: Path, name: str) -> bytes:
    """A hive of the corpus: a name of regipy's (packed) or a path of plaso's."""
    packed = corpus / f"hives/mkorman90+regipy/regipy_tests/data/{name}.xz"
    return lzma.decompress(packed.read_bytes()) if packed.exists() else (corpus / f"hives/log2timeline+plaso/test_data/{name}").read_bytes()
