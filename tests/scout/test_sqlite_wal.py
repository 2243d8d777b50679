"""Write-ahead logs of SQLite, written by SQLite itself; what it reads of the same files is the truth."""

from __future__ import annotations

import shutil
import sqlite3
import struct
from pathlib import Path

import pytest

from scout.formats.sqlite_memory import SqliteFile

COMMITS = 6


def made(folder: Path, page: int = 4096) -> tuple[bytes, bytes, list[list[tuple[int, str]]]]:
    """Return database and log of a program that still has it open, and the rows after each commit: after 0 nothing of the log counts."""
    path = folder / "a.db"
    database = sqlite3.connect(path, isolation_level=None)
    for statement in (
        f"PRAGMA page_size={page}",
        "PRAGMA journal_mode=WAL",
        "PRAGMA wal_autocheckpoint=0",
        "CREATE TABLE t (n INTEGER, s TEXT)",
    ):
        database.execute(statement)
    database.execute("INSERT INTO t VALUES (0, 'in the file')")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    after = [database.execute("SELECT n, s FROM t ORDER BY rowid").fetchall()]
    for n in range(1, COMMITS + 1):
        database.execute("BEGIN")
        database.executemany("INSERT INTO t VALUES (?, ?)", [(n * 100 + k, "x" * 700) for k in range(20)])
        database.execute("DELETE FROM t WHERE n % 7 = ?", (n,))
        database.execute("COMMIT")
        after.append(database.execute("SELECT n, s FROM t ORDER BY rowid").fetchall())
    found = path.read_bytes(), Path(f"{path}-wal").read_bytes(), after
    database.close()
    return found


def read(content: bytes, log: bytes) -> tuple[list[tuple[int, str]], list[str]]:
    file = SqliteFile(content, log)
    try:
        return list(file.rows("t", "n, s")), file.notes
    finally:
        file.close()


@pytest.mark.parametrize("page", [512, 4096, 65_536])
def test_what_the_log_commits_is_read_and_nothing_that_it_does_not(tmp_path, page):
    content, log, after = made(tmp_path, page)
    assert read(content, log) == (after[-1], [])
    assert read(content, b"") == (after[0], [])
    frames = [log[at : at + 24 + page] for at in range(32, len(log), 24 + page)]
    commits = [n for n, frame in enumerate(frames) if struct.unpack_from(">I", frame, 4)[0]]
    assert len(commits) == COMMITS
    for number, frame in enumerate(commits):
        cut = 32 + frame * (24 + page) + 24 + page
        assert read(content, log[:cut]) == (after[number + 1], [])
        assert read(content, log[: cut - 1]) == (after[number], [])


def test_a_frame_that_was_edited_and_all_behind_it_do_not_count_as_for_sqlite(tmp_path):
    content, log, _ = made(tmp_path)
    for at in range(40, len(log), len(log) // 23):
        edited = bytearray(log)
        edited[at] ^= 0x5A
        folder = tmp_path / str(at)
        folder.mkdir()
        (folder / "b.db").write_bytes(content)
        (folder / "b.db-wal").write_bytes(edited)
        theirs = sqlite3.connect(folder / "b.db")
        assert read(content, bytes(edited))[0] == theirs.execute("SELECT n, s FROM t ORDER BY rowid").fetchall()
        theirs.close()
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda log: log[:20], "is cut"),
        (lambda log: b"\0" * 32 + log[32:], "has no header"),
        (lambda log: log[:8] + struct.pack(">I", 8192) + log[12:], "pages of 8,192 bytes"),
        (lambda log: log[:12] + b"\1\2\3\4" + log[16:], "header does not fit"),
    ],
)
def test_a_log_that_cannot_be_used_is_told_and_the_file_is_read(tmp_path, change, note):
    content, log, after = made(tmp_path)
    rows, notes = read(content, change(log))
    assert rows == after[0]
    assert len(notes) == 1 and note in notes[0]


def test_a_commit_that_claims_a_huge_database_is_not_believed(tmp_path):
    content, log, after = made(tmp_path)
    order = "<" if struct.unpack_from(">I", log)[0] == 0x377F0682 else ">"
    frame = struct.pack(">II", 1, 0xFFFFFFFF)
    s1, s2 = struct.unpack_from(">II", log, 24)
    for one, other in struct.iter_unpack(f"{order}II", frame + log[56 : 56 + 4096]):
        s1 = (s1 + one + s2) % 2**32
        s2 = (s2 + other + s1) % 2**32
    forged = log[:32] + frame + log[16:24] + struct.pack(">II", s1, s2) + log[56 : 56 + 4096]
    assert read(content, forged)[0] == after[0]
