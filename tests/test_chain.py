"""The complete chain on hosts made of real evidence, run by the programs themselves: from the key to the undo."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
import zstandard

from tests.trees import linux_tree, windows_tree

pytestmark = pytest.mark.corpus
WITHOUT = ("--skip", "registry")
"""nine tenths of the records would be keys and values as they are, which `test_tables.py` reads back from both hosts"""


def tool(*words: str, code: int = 0) -> str:
    """Run a program as a person does; gives its stdout."""
    command = [sys.executable, "-c", f"from {words[0]}.cli import main; main()", *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=os.environ | {"NO_COLOR": "1"})
    assert done.returncode == code, f"{' '.join(words)}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert "Traceback" not in done.stderr
    return done.stdout


def content(path: Path) -> bytes:
    """The bytes of a file of a case, unpacked."""
    if path.suffix != ".zst":
        return path.read_bytes()
    with path.open("rb") as stream:
        return zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True).read()


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in content(path).splitlines()]


def all_lines(case: Path, pattern: str) -> list[dict]:
    """The lines of all files of one kind, or, for `collections/*`, their documents."""
    found = sorted(case.glob(pattern))
    return [row for path in found for row in (lines(path) if path.suffix != ".json" else [json.loads(path.read_text())])]


def manifest(root: Path) -> dict[str, tuple]:
    """Everything below root: type, mode, owner, time of files, content."""
    found = {}
    for path in sorted(root.rglob("*")):
        stat = path.lstat()
        inside = str(path.readlink()) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(root))] = (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_mtime_ns if path.is_file() else 0, inside)
    return found


class Ran(NamedTuple):
    place: Path
    roots: dict[str, Path]
    archives: dict[str, Path]
    case: Path


@pytest.fixture(scope="module")
def ran(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    place = tmp_path_factory.mktemp("chain")
    roots = {"windows": place / "mounted" / "c", "linux": place / "mounted" / "root"}
    windows_tree(corpus, roots["windows"])
    linux_tree(corpus, roots["linux"])
    key, case = place / "key.txt", place / "case"
    tool("scout", "keygen", "-o", str(key))
    recipient = next(line.split()[-1] for line in key.read_text().splitlines() if "public key" in line)
    archives = {}
    for system, root in roots.items():
        out = place / "archives" / system
        out.mkdir(parents=True)
        tool("scout", "collect", "-r", recipient, "--root", str(root), "-o", str(out), "--profile", "full")
        (archives[system],) = out.glob("*.age")
    rules = next(corpus.glob("detection/SigmaHQ*/rules/windows"))
    tool("commodore", "process", *map(str, archives.values()), "-i", str(key), "-o", str(case), "--rules", str(rules), *WITHOUT)
    return Ran(place, roots, archives, case)


def test_archives_are_whole_by_receipt_and_by_code(ran: Ran) -> None:
    for archive in ran.archives.values():
        receipt = json.loads(Path(f"{archive}.receipt.json").read_text())
        for proof in (f"{archive}.receipt.json", receipt["code"]):
            assert "Whole and unchanged" in tool("scout", "verify", str(archive), "-i", str(ran.place / "key.txt"), "--receipt", proof)


def test_stock_tools_open_them(ran: Ran) -> None:
    for archive in ran.archives.values():
        listed = subprocess.run(
            f"age -d -i '{ran.place}/key.txt' '{archive}' | zstd -dc | tar t", shell=True, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        assert listed[0] == "collection.json"
        assert listed[-1] == "end.json"
        assert any(name.startswith("files/") for name in listed)


def test_every_member_is_what_lay_on_the_host(ran: Ran) -> None:
    members = [m for m in all_lines(ran.case, "members/*") if m["verdict"] == "taken" and m.get("type") == "file"]
    assert len(members) > 300
    for m in members:
        windows = m["path"].startswith("C:\\")
        below = m["path"][3:].replace("\\", "/").replace("$UsnJrnl:", "$UsnJrnl%3A") if windows else m["path"][1:]
        file = ran.roots["windows" if windows else "linux"] / below
        assert hashlib.sha256(file.read_bytes()).hexdigest() == m["sha256"], m["path"]


def test_the_ledger_accounts_for_every_member_and_adds_up(ran: Ran) -> None:
    members = [m for m in all_lines(ran.case, "members/*") if m["verdict"] == "taken" and m["type"] != "collection"]
    taken = {(m["collection"], m["member"]) for m in members}
    ledger = all_lines(ran.case, "ledger/*")
    companions = {(x["collection"], x["member"]) for x in ledger}
    assert taken - companions == set()
    for x in ledger:
        if x.get("expected") is not None:
            assert x["expected"] == x["parsed"] + x["carved"] + x["lost"], x


def test_records_are_flat_typed_and_have_one_id_each(ran: Ran) -> None:
    from commodore.schema import registry

    fields, ids = registry(), Counter()
    datasets = sorted(p.name for p in (ran.case / "records").iterdir())
    wanted = {"evtx", "run_keys", "services", "prefetch", "scheduled_tasks", "systemd_units", "cron", "auth_log", "utmp", "process_tree"}
    assert wanted <= set(datasets)
    kinds = {"long": int, "double": (int, float), "boolean": bool, "flattened": dict}
    for dataset in datasets:
        for file in (ran.case / "records" / dataset).glob("*.zst"):
            for record in lines(file):
                ids[record["escadre.id"]] += 1
                assert record["event.dataset"] == dataset
                for name, value in record.items():
                    field = fields[name]
                    values = value if field.many else [value]
                    assert isinstance(values, list), name
                    kind = kinds.get(field.type, str)
                    assert all(isinstance(v, kind) or (v is None and name == "@timestamp") for v in values), (name, value)
    assert sum(ids.values()) > 9_000
    assert ids.most_common(1)[0][1] == 1


def test_processing_again_gives_the_same_content(ran: Ran, tmp_path: Path, corpus: Path) -> None:
    rules = next(corpus.glob("detection/SigmaHQ*/rules/windows"))
    again = tmp_path / "again"
    key, archives = str(ran.place / "key.txt"), map(str, ran.archives.values())
    tool("commodore", "process", *archives, "-i", key, "-o", str(again), "--rules", str(rules), "--workers", "1", *WITHOUT)
    for folder in ("findings", "ledger", "members", "records/*"):
        made = sorted(ran.case.glob(f"{folder}/*.jsonl*"))
        assert made, folder
        for file in made:
            assert content(again / file.relative_to(ran.case)) == content(file), file


def test_a_keyword_is_found_over_both_hosts(ran: Ran) -> None:
    tool("eye", "index", str(ran.case))
    found = [json.loads(line) for line in tool("eye", "search", str(ran.case), "agnes", "--json").splitlines()]
    assert {r["host.name"] for r in found} == {h["host"] for h in all_lines(ran.case, "collections/*")}


def test_a_line_is_removed_proved_and_put_back(ran: Ran) -> None:
    # HUNTER wants the very host that was collected: the plan is made from the case, applied to its root, and undone
    root, plan = ran.roots["linux"], ran.place / "plans" / "linux.yaml"
    plan.parent.mkdir(mode=0o700)
    host = next(h["host"] for h in all_lines(ran.case, "collections/*") if h["os"] == "linux")
    before = manifest(root)
    known = ran.place / "known.txt"
    known.write_text("# no key is known: none is a question\n")
    tool("hunter", "plan", str(ran.case), "--host", host, "--known", str(known), "-o", str(plan))
    tool("hunter", "apply", str(plan), "--root", str(root))
    assert manifest(root) == before
    tool("hunter", "apply", str(plan), "--root", str(root), "--yes")
    changed = {name for name, state in manifest(root).items() if before.get(name) != state}
    assert changed == {"root/.ssh/authorized_keys"}
    tool("hunter", "verify", str(plan), "--root", str(root))
    tool("hunter", "undo", f"{plan}.journal.jsonl", "--root", str(root))
    assert manifest(root) == before


def test_a_cut_archive_gives_what_is_whole_and_says_so(ran: Ran, tmp_path: Path) -> None:
    cut = tmp_path / "cut.age"
    shutil.copyfile(ran.archives["windows"], cut)
    os.truncate(cut, ran.archives["windows"].stat().st_size * 2 // 3)
    key = str(ran.place / "key.txt")
    tool("scout", "verify", str(cut), "-i", key, code=1)
    tool("commodore", "process", str(cut), "-i", key, "-o", str(tmp_path / "case"), *WITHOUT, code=1)
    whole = {m["path"]: m["sha256"] for m in all_lines(ran.case, "members/*") if m.get("sha256")}
    members = all_lines(tmp_path / "case", "members/*")
    kept = [m for m in members if m["verdict"] == "taken" and m.get("sha256") and m.get("type") == "file"]
    assert len(kept) > 50
    assert all(whole[m["path"]] == m["sha256"] for m in kept if m["path"] in whole and not m.get("error"))
