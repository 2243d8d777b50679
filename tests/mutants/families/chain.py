"""The files that the tools pass to each other: archives, custody, receipts, plans, journals; and queries on a case."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from commodore.case.trust import Receipts
from escadre.demo import demo
from eye.index.store import Store
from eye.query.kibana import to_kibana
from eye.query.syntax import forms
from hunter.plan.read import load
from hunter.run.head import ChainHead
from hunter.run.undo import read_run
from scout.archive import ArchiveReader
from scout.archive.custody import read_part
from scout.console import Complaint, Screen
from scout.keys import load_identities
from tests.mutants.family import Family, Read
from tests.scout.archive_tools import encrypted, plaintext

QUERIES = (
    "powershell",
    '"net user" AND NOT host.name:web*',
    "C:\\Windows\\Temp\\*.exe",
    "event.code:(4624 OR 4625) AND @timestamp:[2026-10-31 TO now-7d]",
    'source.ip:"198.51.100.0/24" -user.name:root',
    "process.pid:>=10 OR file.size:{1 TO 10]",
    "message:/hel+per[0-9]?/ OR helper~2",
    '"helper sh"~3 +(a || b) && !c',
    "winlog.event_data.TargetUserName:x* OR _exists_:user.name",
    "*enc* OR a????? OR \\*x\\?",
    '@timestamp:"2026-10-31T19:22" OR @timestamp:>now-1d/d',
)


def families(folder: Path) -> Iterator[Family]:
    """Yield the families; the demo makes what they read."""
    made = folder / "demo"
    if not made.exists():
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            demo(made, Screen(quiet=True))
    key = load_identities(made / "key.txt")
    archives = [(path.name, path.read_bytes()) for path in sorted(made.rglob("*.age"))]
    tars = [(path.name, plaintext(path, key[0])) for path in sorted(made.rglob("*.tar.zst.age"))]
    parts = []
    for path in sorted(made.rglob("*.tar.zst.age")):
        with ArchiveReader(path, key) as reader:
            parts += [(member.name, member.stream.read()) for member in reader if member.kind in ("custody", "end", "collection")]
    yield Family("archives", archives, lambda _: lambda _, data: _archive(data, key))
    yield Family("archived_tar", tars, lambda _: lambda _, data: _archive(encrypted(data, key[0]), key))
    yield Family("custody", parts, lambda _: _custody)
    yield Family("receipts", [(p.name, p.read_bytes()) for p in sorted(made.rglob("*.receipt.json"))], _receipts)
    plans = [(p.name, p.read_bytes()) for p in sorted(made.rglob("*.yaml")) if b"escadre_plan" in p.read_bytes()[:2000]]
    yield Family("plans", plans, _plans)
    yield Family("journals", [(p.name, p.read_bytes()) for p in sorted(made.rglob("*.journal.jsonl"))], _journals(made, "journals"))
    yield Family(
        "journal_heads", [(p.name, p.read_bytes()) for p in sorted(made.rglob("*.journal.head"))], _journals(made, "journal_heads")
    )
    yield Family("queries", [(query, query.encode()) for query in (*QUERIES, *forms())], lambda folder: _queries(made / "case", folder))


def _archive(data: bytes, key: list) -> Counter[str]:
    found: Counter[str] = Counter()
    try:
        with ArchiveReader(io.BytesIO(data), key) as reader:
            for member in reader:
                found["refused" if member.kind == "refused" else "records"] += 1
                for chunk in member.stream.chunks():
                    found["bytes"] += len(chunk)
            if reader.state not in ("complete", "interrupted"):
                found["wrong: neither complete nor interrupted"] += 1
            if reader.state == "interrupted":
                found["interrupted"] += 1
                found["wrong: interrupted without a reason"] += not reader.reason
    except Complaint:
        found["refused"] += 1
    return found


def _custody(name: str, data: bytes) -> Counter[str]:
    found: Counter[str] = Counter()

    def problem(text: str) -> None:
        found["lost"] += bool(text)

    _, lines = read_part(data, problem)
    for _ in lines:
        found["records"] += 1
    return found


def _receipts(folder: Path) -> Read:
    about = {"receipt": "not given", "sha256": "0" * 64, "chain_heads": ["0" * 64], "collection": "c"}

    def read(name: str, data: bytes) -> Counter[str]:
        (folder / name).write_bytes(data)
        try:
            judged = Receipts([folder / name]).judged(about)
        except Complaint:
            return Counter(refused=1)
        return Counter({"records": 1, "wrong: a mutant verifies": judged["receipt"] == "verified"})

    return read


def _private(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    file.chmod(0o600)


def _plans(folder: Path) -> Read:
    folder.chmod(0o700)

    def read(name: str, data: bytes) -> Counter[str]:
        _private(folder / name, data)
        found: Counter[str] = Counter()
        for sealed in (True, False):
            try:
                load(folder / name, sealed=sealed)
                found["sealed" if sealed else "records"] += 1
            except Complaint:
                found["refused"] += 1
        return found

    return read


def _journals(made: Path, name: str) -> Callable[[Path], Read]:
    """Return the readers of a run: its journal and, from its lines, what was done; or the head of the journal."""

    def opened(folder: Path) -> Read:
        folder.chmod(0o700)
        for file in next(made.rglob("*.journal.jsonl")).parent.iterdir():
            if file.is_file():
                shutil.copy(file, folder)
        (journal,) = folder.glob("*.journal.jsonl")
        (head,) = folder.glob("*.journal.head")
        original = head.read_bytes()

        def read(_: str, data: bytes) -> Counter[str]:
            found: Counter[str] = Counter()
            for chained in (False, True) if name == "journals" else (False,):
                _private(head, original)
                _private(head if name == "journal_heads" else journal, _chained(data, head) if chained else data)
                try:
                    run = read_run(journal, verify_head=not chained)
                    found["chained" if chained else "records"] += len(run.journal.lines)
                    found["applied"] += len(run.applied)
                except Complaint:
                    found["refused"] += 1
            return found

        return read

    return opened


def _chained(data: bytes, head: Path) -> bytes:
    """Return the lines that are JSON objects with a new chain, and write its head: what somebody would do who changes a journal."""
    lines, previous = [], "0" * 64
    for raw in data.splitlines():
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict):
            lines.append(json.dumps(line | {"n": len(lines), "previous": previous}).encode() + b"\n")
            previous = hashlib.sha256(lines[-1]).hexdigest()
    ChainHead(head, b"").write(len(lines), previous)
    return b"".join(lines)


def _queries(case: Path, folder: Path) -> Read:
    mine = Path(shutil.copytree(case, folder / "case"))
    store = Store(mine, seconds=10.0)

    def read(name: str, data: bytes) -> Counter[str]:
        query = data[:4096].decode("utf-8", "surrogateescape").replace("\\ud800", "\ud800")
        found: Counter[str] = Counter()
        try:
            to_kibana(query)
        except Complaint:
            found["refused"] += 1
        try:
            asked = store.ask(query)
            found["records"] += store.count(asked)[0]
            store.rows(asked, 0, 3)
        except Complaint:
            found["refused"] += 1
        return found

    return read
