"""Artefacts that read a file, by its path and by its content; ledger lines of those that only tried."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from commodore import catalogue
from commodore.artefact import Problem
from commodore.case import ledger as lines
from commodore.engine.process import process
from tests.commodore.cases import ledger, records

HIVES = set(catalogue.containers()["registry"])
CONFIG = "Windows/System32/config"
REGIPY = "hives/mkorman90+regipy/regipy_tests/data"
HEAD = {"collection": "c", "member": 1, "path": "C:\\x"}


def hive(corpus: Path, name: str) -> bytes:
    return lzma.decompress((corpus / REGIPY / f"{name}.xz").read_bytes())


def lay(root: Path, **files: bytes) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def told(case: Path) -> dict[str, list[tuple[str | None, int | None, str | None]]]:
    """Native path → (artefact, expected, reason) of its ledger lines."""
    found: dict[str, list[tuple[str | None, int | None, str | None]]] = {}
    for row in ledger(case):
        if row["member"] >= 0:
            found.setdefault(row["path"], []).append((row["artefact"], row["expected"], row["reason"]))
    return found


@pytest.mark.corpus
def test_hives_under_their_names_have_lines_of_those_that_read_them(corpus, tmp_path):
    user = "Users/paul/AppData/Local/Microsoft/Windows/UsrClass.dat"
    files = {f"{CONFIG}/{name}": hive(corpus, name) for name in ("SYSTEM", "SAM", "SECURITY")}
    files |= {user + log: hive(corpus, "UsrClass.dat" + log) for log in ("", ".LOG1", ".LOG2")}
    files |= {"Windows/AppCompat/Programs/Amcache.hve": hive(corpus, "amcache.hve"), "Users/paul/NTUSER.DAT": hive(corpus, "NTUSER.DAT")}
    process([lay(tmp_path / "host", **files)], tmp_path / "case", workers=1)
    dirty = "hive is dirty and has no transaction log: its latest changes are not seen"
    config, users = "C:\\Windows\\System32\\config\\", "C:\\Users\\paul\\"
    classes = users + "AppData\\Local\\Microsoft\\Windows\\UsrClass.dat"
    rows = told(tmp_path / "case")
    shown = ("registry", "run_keys", "services", "winlogon", "ifeo")
    logs = {path: [reason for _, _, reason in found] for path, found in rows.items() if path.startswith(f"{classes}.LOG")}
    assert logs == {classes + log: [f"read together with {classes}"] for log in (".LOG1", ".LOG2")}
    assert {path: [row for row in found if row[0] in shown] for path, found in rows.items() if path not in logs} == {
        # what libregf counts: a record for each value, and one for each key without values
        config + "SYSTEM": [("registry", 83429, None), ("services", 933, None)],  # hivex counts 467 and 466 keys below Services
        config + "SAM": [("registry", 74, None)],  # 71, and three deleted keys
        config + "SECURITY": [("registry", 111, dirty)],  # 110, and a deleted value
        "C:\\Windows\\AppCompat\\Programs\\Amcache.hve": [("registry", 17550, dirty)],
        users + "NTUSER.DAT": [("registry", 5218, None), ("run_keys", 1, None), ("winlogon", None, None)],  # no image options: no line
        classes: [("registry", 14465, None)],  # after the replay of both logs
    }


@pytest.mark.corpus
def test_hives_under_other_names_give_the_same_records(corpus, tmp_path):
    system, user = hive(corpus, "SYSTEM"), hive(corpus, "NTUSER.DAT")
    process([lay(tmp_path / "at-home", **{f"{CONFIG}/SYSTEM": system, "Users/p/NTUSER.DAT": user})], tmp_path / "one", workers=1)
    odd = {"Windows/x.bin": system, f"{CONFIG}/SAM": user, "Windows/Temp/SOFTWARE.LOG1": user}
    process([lay(tmp_path / "elsewhere", **odd)], tmp_path / "two", workers=1)
    read = {path: {artefact for artefact, *_ in rows} for path, rows in told(tmp_path / "two").items()}
    assert {path: found & {"registry", "services", "run_keys"} for path, found in read.items()} == {
        "C:\\Windows\\x.bin": {"registry", "services"},
        "C:\\Windows\\System32\\config\\SAM": {"registry", "run_keys"},
        "C:\\Windows\\Temp\\SOFTWARE.LOG1": {"registry", "run_keys"},
    }
    for dataset, times in (("services", 1), ("run_keys", 2)):
        cells = [sorted((r["escadre.locator"], r["registry.key"]) for r in records(tmp_path / case, dataset)) for case in ("one", "two")]
        assert sorted(cells[0] * times) == cells[1]
        assert cells[0]


@pytest.mark.corpus
def test_a_hive_in_the_place_of_another_one_is_read_for_what_it_is(corpus, tmp_path):
    process([lay(tmp_path / "host", **{f"{CONFIG}/SOFTWARE": hive(corpus, "SYSTEM")})], tmp_path / "case", workers=1)
    (rows,) = told(tmp_path / "case").values()
    found = {artefact: expected for artefact, expected, _ in rows}
    assert (found["services"], found["registry"], found.keys() & {"run_keys", "winlogon"}) == (933, 83429, set())


@pytest.mark.corpus
def test_a_renamed_hive_that_cannot_be_opened_says_so_once(corpus, tmp_path):
    process([lay(tmp_path / "host", **{"Windows/x.bin": hive(corpus, "SYSTEM")[:3000]})], tmp_path / "case", workers=1)
    (rows,) = told(tmp_path / "case").values()
    assert rows == [(None, None, "no artefact reads it; hive is cut before its first bin")]


def test_path_names_and_content_offers():
    match = catalogue.matcher().match
    names, refused, tried = match(f"{CONFIG}/SYSTEM", b"regf" + bytes(100))
    assert (names, refused) == (tuple(sorted(HIVES)), ())
    assert {"ifeo", "run_keys", "winlogon"} <= set(tried) <= HIVES - {"registry", "services"}
    assert match("Temp/x.bin", b"regf" + bytes(100)) == (tuple(sorted(HIVES)), (), tuple(sorted(HIVES)))
    assert match("Temp/x.bin", b"ElfFile\0" + bytes(100)) == (("evtx",), (), ())  # no other artefact has this magic: it is an event log
    assert match("Windows/Prefetch/X.pf", b"hello") == ((), ("prefetch",), ())
    assert match("Windows/Prefetch/X.pf", b"") == (("prefetch",), (), ())
    assert match("live/processes.jsonl", b"regf") == (("live_processes",), (), ())


def account(artefact: str, expected: int | None, parsed: int, *problems: str) -> lines.Account:
    made = lines.Account(artefact)
    made.add(expected, parsed, 0, [Problem(p) for p in problems])
    return made


def test_trouble_of_one_that_only_tried_is_never_dropped():
    tried = ("a", "b", "c")
    accounts = [account("a", 0, 0, "dirty"), account("b", None, 0, "dirty", "cell is broken"), account("c", 0, 0, "dirty")]
    assert [row["artefact"] for row in lines.of_member(HEAD, accounts, tried) if row["parsed"] is not None] == ["b"]
    accounts = [account("a", 0, 0, "dirty"), account("read", 2, 2, "dirty"), account("c", 0, 0, "the parser failed: KeyError")]
    assert [(row["artefact"], row["reason"]) for row in lines.of_member(HEAD, accounts, tried)] == [
        ("read", "dirty"),
        ("c", "the parser failed: KeyError"),
    ]


def test_records_that_the_format_promises_keep_the_line_of_one_that_tried():
    (row,) = lines.of_member(HEAD, [account("a", 3, 0), account("b", 0, 0)], ("a", "b"))
    assert (row["artefact"], row["expected"], row["lost"]) == ("a", 3, 3)


def test_who_was_named_by_the_path_has_a_line_though_it_finds_nothing():
    (row,) = lines.of_member(HEAD, [account("a", 0, 0), account("named", 0, 0)], ("a",))
    assert (row["artefact"], row["expected"], row["parsed"]) == ("named", 0, 0)
