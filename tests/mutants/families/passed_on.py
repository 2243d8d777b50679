"""Small documents that others make or pass on: baselines, settings of agents, presigned URLs, lists of paths, the state of removals."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from commodore.case.inventory import read_baseline
from eye.web.pages import removal
from scout.agent import settings
from scout.collecting import pathlist
from scout.console import Complaint
from scout.delivering.s3 import S3Carrier
from scout.formats.json_text import parsed
from tests.mutants.family import Family, Read

BASELINE = b"""{"escadre_baseline":1}
{"rule":"L013","place":"/etc/crontab","starts":"/usr/bin/backup","sha256":""}
{"rule":"W001","place":"HKLM\\\\SOFTWARE\\\\Microsoft\\\\Windows\\\\CurrentVersion\\\\Run","starts":"C:\\\\a.exe","sha256":"ab"}
"""
SETTINGS = {"recipients": ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"], "profile": "triage", "max_file": 1000}
GRANT = {"parts": ["https://s3.example/a?partNumber=1", "https://s3.example/a?partNumber=2"], "complete": "https://s3.example/a?u=1"}
PATHS = b'# paths\n/etc/passwd\n"/tmp/a\\nb"\nC:\\Windows\\Temp\\a.exe\n'
CHANGE = {"what": "file /tmp/a", "before": {"type": "file", "mode": "0644"}, "after": {}, "backup": {"sealed_sha256": "ab"}}
ACTION = dict.fromkeys(removal._ACTION, "x") | {"status": "removed", "verdict": "gone", "why": ["L013"], "changes": [CHANGE]}
VERIFIED = {"time": "2026-10-31T20:00:00Z", "how": "root", "gone": 1, "there": 0, "unseen": 0}
RUN = dict.fromkeys(removal._RUN, "x") | {
    "journal": {"lines": 3, "head": "ab"},
    "compared": 3,
    "unexplained": ["/etc/x"],
    "stays": [{"path": "/a", "why": "b"}],
    "memory": [dict.fromkeys(removal._MEMORY, "x") | {"size": 1, "unread": 0, "left_out": 0}],
    "verified": [VERIFIED],
    "actions": [ACTION],
}
STATUS = {"schema": removal.SCHEMA, "made": "2026-10-31T20:00:00Z", "runs": [RUN], "refused": [{"path": "p", "why": "w"}]}


def families(folder: Path) -> Iterator[Family]:
    """Yield a family for each kind."""
    yield _family("baselines", "site.baseline", BASELINE, lambda path: len(list(read_baseline(path))))
    yield _family("agent_settings", "scout.json", _json(SETTINGS), lambda path: len(settings.parse(_value(path), "x").recipients))
    yield _family("presigned_urls", "grant.json", _json(GRANT), lambda path: bool(S3Carrier(str(path)).part_size))
    yield _family("path_lists", "paths.txt", PATHS, lambda path: len(pathlist.read(path)))
    yield _family("removal_status", "hunter/status.json", _json(STATUS), _shown)


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1).encode()


def _value(path: Path) -> object:
    try:
        return parsed(settings.bounded(path))
    except ValueError as e:
        raise Complaint(f"not JSON: {e}.") from e


def _shown(path: Path) -> int:
    found = removal.read(path.parent.parent)
    return len(removal.view(found, "0:x")["runs"]) + len(removal.view(found, "")["runs"])


def _family(name: str, file: str, data: bytes, use: Callable[[Path], int]) -> Family:
    def opened(folder: Path) -> Read:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)

        def read(_: str, changed: bytes) -> Counter[str]:
            (folder / file).write_bytes(changed)
            try:
                return Counter(records=use(folder / file))
            except Complaint:
                return Counter(refused=1)

        return read

    return Family(name, [(file, data)], opened)
