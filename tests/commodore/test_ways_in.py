"""Places and spellings that few programs look at, and their ordinary neighbours (`ways_in.yaml`): one host with all of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import yamls
from tests.commodore.cases import commodore

GIVEN = yamls.read(Path(__file__).with_name("ways_in.yaml"))
ACCOUNTS = "root:x:0:0::/root:/bin/bash\nagnes:x:1000:1000::/home/agnes:/bin/bash\nbob:x:1001:1001::/home/bob:/bin/bash\n"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, str]]]:
    """Path below the root → (row, severity) of the findings whose target it is."""
    folder = tmp_path_factory.mktemp("ways")
    files = {"etc/hostname": "srv9\n", "etc/os-release": "ID=debian\n", "etc/passwd": ACCOUNTS}
    files |= {path: text for path, text, *_ in GIVEN["bad"] + GIVEN["ordinary"]}
    for path, text in files.items():
        (folder / "srv9" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "srv9" / path).write_text(text, encoding="utf-8")
    assert commodore("process", folder / "srv9", "-o", folder / "case").returncode == 0
    out: dict[str, list[tuple[str, str]]] = {}
    for finding in map(json.loads, commodore("findings", folder / "case", "--json").stdout.splitlines()):
        path = (finding.get("target") or {}).get("path", "").lstrip("/")
        out.setdefault(path, []).append((finding["rule.id"], finding["escadre.severity"]))
    return out


@pytest.mark.parametrize(("path", "row", "severity"), [(path, row, severity) for path, _, row, severity in GIVEN["bad"]])
def test_what_starts_something_is_found(path: str, row: str, severity: str, found: dict[str, list[tuple[str, str]]]) -> None:
    assert (row, severity) in found.get(path, [])


@pytest.mark.parametrize("path", [path for path, _ in GIVEN["ordinary"]])
def test_its_ordinary_neighbour_is_no_grave_finding(path: str, found: dict[str, list[tuple[str, str]]]) -> None:
    assert not [one for one in found.get(path, []) if one[1] in ("high", "critical")]
