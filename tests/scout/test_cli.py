"""The command itself: its first output, its errors on wrong use, and its JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from scout import __version__
from tests.conftest import need
from tests.scout.collecting import *  # noqa: F403  (fixtures)
from tests.scout.collecting import AS_ROOT, SCOUT, scout


def test_without_arguments_it_says_what_to_do(capsys):
    assert scout() == 0
    said = capsys.readouterr().out
    assert "scout keygen" in said and "scout collect -r age1" in said


def test_version(capsys):
    assert scout("--version") == 0
    assert capsys.readouterr().out == f"scout {__version__}\n"


def test_a_wrong_word_is_answered_with_the_nearest(capsys):
    assert scout("colect") == 2
    assert "collect" in capsys.readouterr().err
    assert scout("collect", "--explian") == 2
    assert "--explain" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "No recipient"),
        (["-r", "age1nonsense"], "recipient"),
        (["-r", "/does/not/exist"], "cannot be read"),
        (["-r", "AGE-SECRET-KEY-1AAAA"], "secret key"),
        (["-r", "{public}", "--root", "/does/not/exist"], "does not exist"),
        (["-r", "{public}", "--root", "{root}/etc/hostname"], "is not a directory"),
        (["-r", "{public}", "--root", "{root}/tmp"], "neither a Windows disk"),
        (["-r", "{public}", "--root", "{root}", "-o", "{root}/nowhere"], "does not exist"),
        (["-r", "{public}", "--root", "{root}", "-o", "{root}/etc"], "inside the examined root"),
        (["-r", "{public}", "--root", "{root}", "-o", "{root}/etc/hostname"], "is not a directory"),
        (["-r", "{public}", "--root", "{root}", "--profile", "quick"], "no profile"),
        (["-r", "{public}", "--root", "{root}", "--targets", "QQ"], "no target"),
        (["-r", "{public}", "--root", "{root}", "--max-file", "lots"], "--max-file"),
        (["-r", "{public}", "--root", "{root}", "--os", "plan9"], "plan9"),
        (["-r", "{public}", "--root", "{root}", "--targets", "WR01"], "applies"),
    ],
)
def test_wrong_use_is_one_clear_line_and_code_2(root, key, tmp_path, capsys, arguments, said):
    filled = [word.format(public=key[1], root=root) for word in arguments]
    if "-o" not in filled:
        filled += ["-o", str(tmp_path)]
    before = sorted(tmp_path.rglob("*"))
    assert scout("collect", *filled) == 2
    complaint = capsys.readouterr().err
    assert said in complaint and len(complaint.splitlines()) <= 2 and "Traceback" not in complaint
    assert sorted(tmp_path.rglob("*")) == before


def test_the_output_directory_may_not_be_reached_through_a_link_into_the_root(root, key, tmp_path, capsys):
    (tmp_path / "harmless").symlink_to(root / "var")
    assert scout("collect", "-r", key[1], "--root", str(root), "-o", str(tmp_path / "harmless")) == 2
    assert "inside the examined root" in capsys.readouterr().err


def test_the_summary_counts_what_was_not_taken_and_ends_with_the_next_command(linux, key, tmp_path, capsys):
    assert scout("collect", "-r", key[1], "--root", str(linux), "-o", str(tmp_path)) == 0
    said, progress = capsys.readouterr()
    archive = next(tmp_path.glob("*.age"))
    assert archive.name.startswith("mairie-srv01-2") and archive.name.endswith("Z-triage.tar.zst.age")
    for word in ("SCOUT", "mairie-srv01", "Collected", "not taken", "missing", "blocked", "sha256", "receipt", "note it on paper"):
        assert word in said
    assert f"Next: commodore process {archive} -i key.txt" in said.splitlines()[-1]
    assert progress == "" and "\x1b" not in said


def test_json_is_one_document_with_the_same_facts(linux, key, tmp_path, capsys):
    assert scout("collect", "-r", key[1], "--root", str(linux), "-o", str(tmp_path), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    receipt = json.loads(next(tmp_path.glob("*.receipt.json")).read_text())
    assert said["archive"] == str(next(tmp_path.glob("*.age"))) and said["state"] == "whole" and said["code"] == 0
    assert (said["archive_sha256"], said["receipt"]) == (receipt["archive_sha256"], receipt["code"])
    assert said["wanted"] == sum(said["verdicts"].values())


def test_list_as_json_lines_and_verify_as_one_document(linux, key, tmp_path, capsys):
    scout("collect", "-q", "-r", key[1], "--root", str(linux), "-o", str(tmp_path))
    archive = str(next(tmp_path.glob("*.age")))
    capsys.readouterr()
    assert scout("list", archive, "-i", str(key[0]), "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(set(row) >= {"member", "name", "source", "size", "sha256", "verdict"} for row in rows)
    assert "/etc/passwd" in [row["source"] for row in rows]
    assert scout("verify", archive, "-i", str(key[0]), "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "whole"


def test_keygen_makes_a_pair_and_never_overwrites(tmp_path, capsys):
    key = tmp_path / "key.txt"
    assert scout("keygen", "-o", str(key)) == 0
    public = next(word for word in capsys.readouterr().out.split() if word.startswith("age1"))
    assert public in key.read_text() and key.stat().st_mode & 0o777 == 0o600
    assert scout("keygen", "-o", str(key)) == 2
    assert "exists already" in capsys.readouterr().err


def test_targets_show_what_where_why_size_access_priority(capsys):
    assert scout("targets") == 0
    assert "WR01" in capsys.readouterr().out
    assert scout("targets", "WR01") == 0
    said = capsys.readouterr().out
    for word in ("why", "%SystemRoot%/System32/config/SYSTEM", "<name>.LOG1", "size", "locked on a live host", "triage", "run_keys"):
        assert word in said
    assert scout("targets", "--json") == 0
    assert {json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()} >= {"WR01", "LF04", "LL01"}
    assert scout("targets", "nothing") == 2


def test_explain_counts_what_would_be_taken(linux, key, tmp_path, capsys):
    assert scout("collect", "--root", str(linux), "-o", str(tmp_path), "--explain", "--json") == 0
    rows = {row["target"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    logs = [path for path in (linux / "var/log").rglob("*") if path.is_file()] + [linux / "run/utmp"]
    assert (rows["LF06"]["files"], rows["LF06"]["candidates"]) == (len(logs), 0)
    assert rows["LF13"]["candidates"] == 1 and rows["LF12"]["not_taken"] == 1
    assert not list(tmp_path.iterdir())


def test_importing_scout_brings_nothing_heavy():
    heavy = ("pandas", "duckdb", "pyrage", "zstandard", "yaml", "psutil", "rich.progress")
    code = f"import sys, scout, scout.cli; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
    assert subprocess.run([*SCOUT, "--help"], check=True, capture_output=True, text=True).stdout.count("collect") >= 1


@pytest.mark.skipif(not AS_ROOT, reason="needs root, to become nobody")
def test_what_may_not_be_read_could_not_be_done(tmp_path, key):
    """Exit 3 for an archive, a root, or an output directory that the system refuses."""
    need(shutil.which("setpriv"), "setpriv")
    archive = tmp_path / "a.age"
    archive.write_bytes(b"age-encryption.org/v1\n")
    archive.chmod(0o600)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == 0 and not path.stat().st_mode & 0o001:
            path.chmod(0o755)
    public = tmp_path / "key.txt"
    shutil.copy(key[0], public)
    public.chmod(0o644)
    calls: tuple[list[object], ...] = (
        ["verify", archive, "-i", public],
        ["list", archive, "-i", public],
        ["collect", "-r", key[1], "--root", closed, "-o", "/tmp"],
        ["collect", "-r", key[1], "--root", "/etc/..", "--os", "linux", "-o", closed],
    )
    for call in calls:
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *SCOUT, *map(str, call)], capture_output=True)
        assert (done.returncode, len(done.stderr.splitlines())) == (3, 2), (call, done.stderr)


def test_the_summary_names_each_limit_by_target_or_option(root, key, tmp_path, capsys):
    (root / "var/log/big").write_bytes(b"x" * 60_000)
    for name in ("a", "b"):
        (root / f"var/log/{name}").write_bytes(name.encode() * 3_000)
    scout("collect", "-q", "-r", key[1], "--root", str(root), "-o", str(tmp_path), "--max-file", "50000", "--max-total", "4000")
    said = capsys.readouterr().out
    assert "1 over the limit of 50 kB per file (--max-file)" in said
    assert "2 over the limit of 4.0 kB in all (--max-total)" in said or "1 over the limit of 4.0 kB in all (--max-total)" in said
    assert "--path takes a file, whatever its size" in said


def test_a_temporary_file_is_for_a_running_windows_only(root, key, tmp_path, capsys):
    assert scout("collect", "-r", key[1], "--root", str(root), "-o", str(tmp_path), "--allow-temp-file", "--os", "linux") == 2
    assert "--allow-temp-file" in capsys.readouterr().err


def test_explain_keeps_to_the_limits_and_looks_at_the_room(root, key, tmp_path, capsys):
    for name, size in (("a.log", 2_000), ("b.log", 3_000), ("c.log", 90_000)):
        (root / "var/log" / name).write_bytes(bytes(size))
    common = ("collect", "--root", str(root), "-o", str(tmp_path), "--explain", "--targets", "LF06", "--os", "linux")
    assert scout(*common, "--max-file", "10k", "--json") == 0
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["files"], row["bytes"], row["over_limit"]) == (3, 5_000 + len("one line\n"), 1)
    assert scout(*common, "--max-total", "4k") == 0
    assert "2 files beyond a limit" in capsys.readouterr().out
    assert scout(*common, "--min-free", "900000G") == 0
    assert "kept free (--min-free): that may be too little" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".age"] == []
