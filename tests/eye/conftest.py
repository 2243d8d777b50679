"""Cases for the Eye's tests: one that COMMODORE makes of corpus event logs, and one whose every value is hostile."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from commodore import process
from tests.conftest import PATIENCE, ROOT, free_port, need, once
from tests.eye import typed
from tests.eye.elastic_server import client, name, proxy, server

__all__ = ["client", "name", "proxy", "server"]

LOGS = "evtx/mdecrevoisier+EVTX-to-MITRE-Attack"


def write_lines(path: Path, records) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as raw, zstandard.ZstdCompressor(3).stream_writer(raw) as out:
        for record in records:
            out.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")


def read_lines(path: Path) -> list[dict]:
    raw = zstandard.ZstdDecompressor().stream_reader(path.open("rb"), read_across_frames=True).read()
    return [json.loads(line) for line in raw.splitlines() if line]


@pytest.fixture(scope="session")
def made(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hosts of real event logs, with findings of real rules; read only."""
    files = sorted((corpus / LOGS).glob("**/*.evtx"))
    need(files, "the event logs of the corpus")
    from eye.index.build import index

    def make(home: Path) -> None:
        for n, file in enumerate(files):
            folder = home / "in" / ("WS-ONE", "SRV-TWO")[n % 2] / "Windows" / "System32" / "winevt" / "Logs"
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, folder / f"{n}.evtx")
        rules = corpus / "detection/SigmaHQ+sigma/rules/windows/process_creation"
        process([home / "in" / "WS-ONE", home / "in" / "SRV-TWO"], home / "case", rules=[rules], workers=1)
        index(home / "case")

    return once("eye", tmp_path_factory, make) / "case"


@pytest.fixture(scope="session")
def records(made: Path) -> list[dict]:
    """All its records, read without the Eye."""
    return [r for path in sorted(made.glob("records/*/*.zst")) + sorted(made.glob("findings/*.zst")) for r in read_lines(path)]


@pytest.fixture(scope="session")
def few(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small case of two hosts."""

    def make(home: Path) -> None:
        for n, file in enumerate(sorted((corpus / LOGS).glob("**/*.evtx"))[::5]):
            (home / "in" / "AB"[n % 2]).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, home / "in" / "AB"[n % 2] / f"{n}.evtx")
        process([home / "in" / "A", home / "in" / "B"], home / "case", workers=1)

    return once("few", tmp_path_factory, make) / "case"


@pytest.fixture(scope="session")
def few_records(few: Path) -> list[dict]:
    """All its records, read without the Eye."""
    return [r for path in sorted(few.glob("records/*/*.zst")) + sorted(few.glob("findings/*.zst")) for r in read_lines(path)]


@pytest.fixture(scope="session")
def typed_case(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small case with records of further kinds of text."""
    home = Path(shutil.copytree(few, tmp_path_factory.mktemp("typed") / "case", ignore=shutil.ignore_patterns("index")))
    write_lines(home / "records" / "typed" / "c.jsonl.zst", typed.extra())
    return home


@pytest.fixture(scope="session")
def typed_records(typed_case: Path) -> list[dict]:
    """All its records, read without the Eye."""
    return [r for path in sorted(typed_case.glob("records/*/*.zst")) + sorted(typed_case.glob("findings/*.zst")) for r in read_lines(path)]


@pytest.fixture
def case(few: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return Path(shutil.copytree(few, tmp_path / "case", ignore=shutil.ignore_patterns("index")))


class Served:
    """`eye serve` in its own process, or another program that serves."""

    def __init__(self, case: Path, *program: str) -> None:
        self.case = case
        self.process = subprocess.Popen(
            [sys.executable, *(program or ("-m", "eye.cli", "serve")), str(case), "--port", str(free_port())],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.line = self.process.stdout.readline().strip()
        self.base, _, self.token = self.line.partition("/?token=")

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE)


@pytest.fixture(scope="session")
def served(made: Path):
    one = Served(made)
    yield one
    one.stop()


@pytest.fixture(scope="session")
def browser():
    chromium = next((p for p in ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome") if Path(p).exists()), "")
    need(chromium, "Chromium")
    from playwright.sync_api import sync_playwright

    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
    ]
    with sync_playwright() as play:
        one = play.chromium.launch(executable_path=chromium, args=arguments)
        yield one
        one.close()


@pytest.fixture(scope="module")
def store(made):
    """The indexed case, open for questions."""
    from eye.index.build import index
    from eye.index.store import Store

    index(made)
    one = Store(made, build=False)
    yield one
    one.close()
