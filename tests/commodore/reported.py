"""Helpers of the tests of reported inputs: a host from its files, an event log, a Sigma rule, and what came of them."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest

from commodore.case.reader import CaseReader
from commodore.engine.process import process
from fixtures.windows.evtx import Event, build
from tests.commodore.cases import records

WHEN = (134_000_000_000_000_000, "2025-08-18T02:13:20.0000000Z")
RULE = """title: {title}
id: 44444444-0000-4000-8000-0000000000{number:02}
level: high
logsource: {{product: {product}, {source}}}
detection: {{{detection}, condition: s}}
"""


@pytest.fixture
def host(tmp_path):
    """Lay the files of a host, and return the path of its case; `written`: time of the last change of every file."""

    def make(
        files: dict[str, str | bytes], written: str = "2026-02-21T12:00:05Z", links: dict[str, str] | None = None, rules: str = ""
    ) -> Path:
        root = tmp_path / "host"
        for name, content in {"etc/hostname": "web01\n", **files}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
            os.utime(root / name, (datetime.fromisoformat(written).timestamp(),) * 2)
        for name, to in (links or {}).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(to)
        (tmp_path / "rules.yml").write_text(rules)
        process([root], tmp_path / "case", workers=1, rules=[tmp_path / "rules.yml"] if rules else [])
        return tmp_path / "case"

    return make


def rule(title: str, number: int, source: str, detection: str, product: str = "windows") -> str:
    return RULE.format(title=title, number=number, product=product, source=source, detection=detection)


def fired(case: Path) -> set[str]:
    return {f["rule.name"] for f in CaseReader(case).findings() if f["rule.category"] == "sigma"}


def logins(case: Path) -> list[tuple[str, str, str]]:
    return [(r["@timestamp"], r["user.name"], r["event.outcome"]) for r in records(case, "auth_log") if "user.name" in r]


def log(provider: str, code: int, channel: str, data: dict[str, str | list[str]]) -> dict[str, bytes]:
    return {"Windows/System32/winevt/Logs/X.evtx": build([Event(channel, provider, code, *WHEN, "PC", data)])}
