"""Pack, status and report: what was done on hosts comes back, is read as data of a host that may lie, and is shown with its proofs."""

from __future__ import annotations

import html.parser
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hunter.record.document import document
from scout.archive.custody import WantedItem
from scout.archive.writer import ArchiveWriter
from scout.keys import load_identities, load_recipients
from tests.conftest import ROOT, need
from tests.hunter.conftest import Bench
from tests.hunter.driver import hunt


@pytest.fixture
def done(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench whose plan was applied and verified."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    bench.plan_here()
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    assert hunt("verify", bench.plan, "--root", bench.root)[0] == 0
    return bench


def packed(bench: Bench) -> Path:
    code, out, err = hunt("pack", bench.plan, "-o", bench.folder)
    assert code == 0, out + err
    (archive,) = bench.folder.glob("*-removal.tar.zst.age")
    return archive


def scout(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "scout", *map(str, arguments)], capture_output=True, text=True, cwd=ROOT, check=False)


def test_the_way_back_reads_with_scout_and_with_age_zstd_and_tar(done) -> None:
    archive = packed(done)
    assert scout("verify", archive, "-i", done.key).returncode == 0
    listed = [json.loads(line) for line in scout("list", archive, "-i", done.key, "--json").stdout.splitlines()]
    names = {row["name"] for row in listed}
    wanted = {"plan.yaml", "plan.yaml.journal.jsonl", "plan.yaml.journal.head", "plan.yaml.verified.jsonl"}
    assert {f"files/hunter/{name}" for name in wanted} <= names
    assert sum("/plan.yaml.backup/" in name for name in names) == len(list(Path(f"{done.plan}.backup").iterdir()))
    assert not any("runkey" in name for name in names)
    need(all(map(shutil.which, ("age", "zstd", "tar"))), "age, zstd and tar")
    pipe = f"age -d -i {done.key} {archive} | zstd -dq | tar xO --wildcards '*/plan.yaml'"
    assert subprocess.run(["bash", "-c", pipe], capture_output=True, check=True).stdout == done.plan.read_bytes()


def test_status_takes_it_in_and_shows_host_by_action(done) -> None:
    code, out, err = hunt("status", done.case, packed(done), "-i", done.key)
    assert code == 0, out + err
    assert "web01  applied  5 removed" in out and out.count("  gone") == 5 and "hunter report" in out
    assert max(map(len, out.splitlines()[:-1])) <= 80
    code, out, _ = hunt("status", done.case, "--json")
    (run,) = json.loads(out)["runs"]
    assert json.loads((done.case / "hunter/status.json").read_text())["runs"] == [run]
    assert run["state"] == "applied" and {a["status"] for a in run["actions"]} == {"removed"}
    assert run["verified"][0]["gone"] == 5 and run["verified"][0]["how"] == "the mounted root"
    unit = next(a for a in run["actions"] if a["kind"] == "systemd-unit")
    assert {c["what"] for c in unit["changes"]} >= {"/etc/systemd/system/evil.service", "/etc/systemd/system/evil.service.d/more.conf"}
    assert all(c["before"]["type"] in ("file", "link") and c["after"] == {} for c in unit["changes"])
    cron = next(a for a in run["actions"] if a["kind"] == "cron-entry")["changes"][0]
    assert cron["before"]["sha256"] != cron["after"]["sha256"] and cron["before"]["mode"] == cron["after"]["mode"] == "0644"
    assert cron["backup"]["sha256"] == cron["before"]["sha256"]


def test_a_later_journal_replaces_the_earlier_one_and_never_the_other_way_round(done) -> None:
    first = packed(done).rename(done.folder / "first.age")
    assert hunt("undo", done.journal, "--root", done.root, "--action", "a001")[0] == 0
    second = packed(done).rename(done.folder / "second.age")
    for archive in (second, first, second):
        assert hunt("status", done.case, archive, "-i", done.key)[0] == 0
    code, out, _ = hunt("status", done.case)
    assert (code, "partly undone" in out, "undone " in out) == (0, True, True), out
    assert [p.name for p in (done.case / "hunter").iterdir() if p.name.startswith(".")] == []


def test_plans_that_were_not_applied_questions_and_what_came_back_are_shown(done) -> None:
    folder = done.case / "hunter"
    folder.mkdir(mode=0o700)
    shutil.copy(done.plan, folder / "planned.yaml")
    (done.root / "etc/ld.so.preload").write_text("/usr/local/lib/evil.so\n")
    assert hunt("verify", done.plan, "--root", done.root)[0] == 1
    code, out, err = hunt("status", done.case, done.journal)
    assert code == 1, out + err
    assert "web01  planned  5 planned" in out and "THERE" in out


@pytest.mark.parametrize("spoil", ["plan", "journal", "cut", "head", "other", "case", "key", "none"])
def test_what_was_tampered_with_is_refused_and_nothing_is_taken(done, tmp_path, spoil) -> None:
    journal, case, key, given = done.journal, done.case, done.key, done.plan
    lines = journal.read_bytes().splitlines(keepends=True)
    if spoil == "plan":
        done.plan.write_text(done.plan.read_text().replace("mechanism: file", "mechanism: L001"))
    elif spoil == "journal":
        journal.write_bytes(b"".join([*lines[:3], lines[3].replace(b'"time"', b'"tims"'), *lines[4:]]))
    elif spoil == "cut":
        journal.write_bytes(b"".join(lines[:-1]))
    elif spoil == "head":
        Path(f"{done.plan}.journal.head").unlink()
    elif spoil == "other":
        given = done.key
    elif spoil == "case":
        case = tmp_path
    elif spoil == "key":
        given = packed(done)
        key = tmp_path / "other.txt"
        from scout.keys import keygen

        keygen(key)
    elif spoil == "none":
        given = done.folder / "nothing.age"
    code, out, err = hunt("status", case, given, "-i", key)
    assert code in (2, 3) and "Traceback" not in err and len(err.splitlines()) >= 2, out + err
    assert not list(case.glob("hunter/**/*.yaml"))


def test_an_archive_of_a_lying_host_leaves_its_folder_never(done) -> None:
    """Names with `..`, absolute ones, second copies and other volumes: nothing of them is written."""
    hostile = done.folder / "hostile.tar.zst.age"
    header = {"schema": 1, "collection": "x", "host": {"name": "../../evil"}}
    with ArchiveWriter(hostile, load_recipients([done.recipient()])[0], header) as writer:
        for volume, name in (
            ("hunter", "plan.yaml.backup/../../../x"),
            ("hunter", "../plan.yaml"),
            ("root", "plan.yaml"),
            ("hunter", "plan.yaml.runkey"),
            ("hunter", "status.json"),
            ("hunter", "plan.yaml.backup/" + "n" * 200),
        ):
            writer.add(WantedItem(source=f"/{name}", volume=volume, path=name, size=1), io.BytesIO(b"x"))
        writer.add(WantedItem(source="/plan", volume="hunter", path="plan.yaml", size=5), io.BytesIO(b"a: &b"))
        writer.finish()
    before = sorted(p for p in done.folder.rglob("*") if "case/hunter" not in str(p))
    code, _, err = hunt("status", done.case, hostile, "-i", done.key)
    assert code == 2 and "Nothing was taken" in err, err
    assert sorted(p for p in done.folder.rglob("*") if "case/hunter" not in str(p)) == before
    assert list((done.case / "hunter").rglob("*")) == []
    assert load_identities(done.key)


class Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


EVIL = "</td><script>alert(1)</script>|[x](javascript:y)\x1b[31m\u202e"


@pytest.mark.parametrize("form", ["html", "md"])
def test_the_report_has_every_action_its_reason_and_its_proof_and_escapes_evidence(bench, tmp_path, monkeypatch, form) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    bench.plan_here(["file", "cron-entry"])
    line = f"* * * * * root {EVIL}".encode()
    (bench.root / "etc/cron.d/hostile").write_bytes(line + b"\n")
    assert hunt("add", bench.plan, "/etc/cron.d/hostile", "--line", line.decode(), "--why", f"seen {EVIL}", "--root", bench.root)[0] == 0
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    assert hunt("verify", bench.plan, "--root", bench.root)[0] == 0
    target = tmp_path / f"report.{form}"
    code, out, err = hunt("report", bench.journal, "-o", target)
    assert code == 0 and "3 of 3 actions done; 3 verified gone" in out, out + err
    text = target.read_text()
    record = document(bench.plan)
    for a in record["actions"]:
        for change in a["changes"]:
            assert change["before"]["sha256"] in text and change["backup"]["sealed_sha256"] in text
    assert record["journal"]["head"] in text and record["seal"] in text
    assert [len(a["said"]) for a in record["actions"]] == [len(a["why"]) for a in record["actions"]]
    assert text.count("was planted: no") == 2  # the sentences of its findings
    assert "\x1b" not in text and "\u202e" not in text
    if form == "html":
        page = Tags()
        page.feed(text)
        assert not {tag for tag, _ in page.tags} & {"script", "a", "img", "link", "iframe", "object", "form"}
        assert not any(name in ("href", "src", "onclick", "style") for _, attributes in page.tags for name in attributes)
        assert any("<script>alert(1)</script>" in part for part in page.text)
    else:
        assert "<script" not in text and "[x](javascript" not in text


def test_a_report_of_a_wrong_file_and_to_a_wrong_place_is_refused(done, tmp_path) -> None:
    for journal, output in (
        (done.key, "r.md"),
        (done.folder / "x.journal.jsonl", "r.md"),
        (done.journal, "r.pdf"),
        (done.journal, "no/r.md"),
    ):
        code, _, err = hunt("report", journal, "-o", tmp_path / output)
        assert code in (2, 3) and len(err.splitlines()) >= 2, err
    assert hunt("report", done.plan, "-o", tmp_path / "r.md")[0] == 0  # its journal is beside it
    assert hunt("pack", done.folder / "none.yaml")[0] == 2
    fresh = done.folder / "work2"
    fresh.mkdir(mode=0o700)
    shutil.copy(done.plan, fresh / "plan.yaml")
    code, _, err = hunt("pack", fresh / "plan.yaml")
    assert code == 2 and "was not applied" in err
