"""Login accounting against plaso's expectations on the same files, and against damage."""

from __future__ import annotations

import gzip
import json
import sqlite3
import struct
from ipaddress import IPv6Address
from pathlib import Path

import pytest

from commodore.artefact import Problem, Record
from commodore.artefacts.linux.logs import utmp, wtmpdb
from commodore.container import UnreadableError
from commodore.evidence import Evidence
from tests.commodore.damage import HOST, damaged, inputs, survives

FILES = ("utmp", "wtmp.1", "utmp_corrupted", "utmp_aarch64", "utmp_x86_64", "utmp_s390")
TYPES = {
    "EMPTY": 0,
    "RUN_LVL": 1,
    "BOOT_TIME": 2,
    "NEW_TIME": 3,
    "OLD_TIME": 4,
    "INIT_PROCESS": 5,
    "LOGIN_PROCESS": 6,
    "USER_PROCESS": 7,
    "DEAD_PROCESS": 8,
}


def truth(corpus, name):
    tests = json.loads((corpus / "truth-shared/plaso_expected.json").read_text())["tests"]
    return next(t for t in tests if t["files"] == [f"utmp/{name}"])


def read(corpus, name):
    path = corpus / "linux/log2timeline+plaso/test_data/utmp" / name
    evidence = Evidence(f"/var/log/{name}", path.read_bytes())
    items = list(utmp.parse(evidence, HOST))
    return evidence, [i for i in items if isinstance(i, Record)], [i for i in items if isinstance(i, Problem)]


@pytest.mark.corpus
@pytest.mark.parametrize("name", FILES)
def test_as_many_records_as_plaso_finds_events(corpus, name):
    evidence, records, problems = read(corpus, name)
    assert len(records) == truth(corpus, name)["counts"]["number_of_event_data"][0]
    assert utmp.expected(evidence) == len(records) + sum(p.lost for p in problems)


@pytest.mark.corpus
@pytest.mark.parametrize("name", FILES)
def test_records_say_what_plaso_says(corpus, name):
    _, records, _ = read(corpus, name)
    for event in truth(corpus, name)["events"]:
        written = event["written_time"].replace(".000000+00:00", "Z").replace("+00:00", "Z")
        found = [r.fields for r in records if r.fields.get("@timestamp") == written and r.fields["process.pid"] == event["pid"]]
        found = [f for f in found if TYPES[f["escadre.utmp.type"]] == event["login_type"] and f.get("escadre.tty") == event["terminal"]]
        assert found, f"no record for {event}"
        fields = found[0]
        assert fields.get("user.name", "") == event.get("username", "")
        if event.get("ip_address", "0.0.0.0") != "0.0.0.0":
            assert fields["source.ip"] == event["ip_address"]
        if "offset" in event:
            assert event["offset"] in [int(r.locator) for r in records if r.fields is fields]


@pytest.mark.corpus
def test_slots_of_an_unknown_type_and_a_torn_end_are_problems(corpus):
    _, records, problems = read(corpus, "utmp_corrupted")
    assert [r.fields["user.name"] for r in records] == ["alice", "bob"]
    assert [(p.lost, p.locator) for p in problems] == [(1, "384"), (1, "768"), (0, "1536")]


@pytest.mark.parametrize(
    ("raw", "host", "ip", "notes"),
    [
        ("2001:db8::", "2001:db8::", "2001:db8::", 0),
        ("2001:db8::", "", "32.1.13.184", 0),
        ("2001:db8::", "32.1.13.184", "32.1.13.184", 0),
        ("2001:db8::", "pc.example", "32.1.13.184", 0),
        ("2001:db8::1", "pc.example", "2001:db8::1", 0),
        ("::", "fe80::1%eth0", "fe80::1", 0),
        ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1", 0),
        ("2001:db8::1", "192.0.2.9", "2001:db8::1", 1),
    ],
)
def test_the_host_field_decides_between_two_readings_of_an_address_and_a_disagreement_is_said(raw, host, ip, notes):
    form = "<hxxi32s4s32s256shhiIi16s20x"
    slot = struct.pack(form, 7, 1, b"pts/0", b"0", b"u", host.encode(), 0, 0, 1, 1700000000, 0, IPv6Address(raw).packed)
    items = list(utmp.parse(Evidence("/var/log/wtmp", slot * 3), HOST))
    assert {i.fields["source.ip"] for i in items if isinstance(i, Record)} == {ip}
    assert len([i for i in items if isinstance(i, Problem)]) == 3 * notes


def test_a_wiped_slot_is_a_record_without_time():
    data = dict(inputs("utmp"))["/var/log/wtmp"]
    empty = [r for r in survives(utmp, "/var/log/wtmp", data)[0] if r.fields["escadre.utmp.type"] == "EMPTY"]
    assert [(r.locator, "@timestamp" in r.fields) for r in empty] == [("1152", False)]


def test_btmp_holds_failures_and_a_compressed_one_reads_the_same():
    data = dict(inputs("utmp"))["/var/log/btmp"]
    plain, packed = survives(utmp, "/var/log/btmp", data)[0], survives(utmp, "/var/log/btmp.1.gz", gzip.compress(data))[0]
    assert plain == packed
    assert {r.fields["event.outcome"] for r in plain} == {"failure"}


def test_a_time_beyond_2038_and_impossible_microseconds():
    entry = struct.pack("<hxxi32s4s32s256shhiIi16s20x", 7, 1, b"pts/0", b"0", b"u", b"", 0, 0, 0, 0xF0000000, 2_000_000, b"")
    (record,), _ = survives(utmp, "/var/log/wtmp", entry)
    assert record.fields["@timestamp"] == "2097-08-05T09:04:00Z"  # 0xF0000000 seconds, `date -u -d @4026531840`


@pytest.mark.parametrize(("source", "data"), inputs("utmp"), ids=lambda v: v if isinstance(v, str) else "")
def test_damage_is_survived(source, data):
    for bad in damaged(data):
        survives(utmp, source, bad)


def slot(n: int, kind: int = 7) -> bytes:
    names = (f"pts/{n}".encode(), b"ts/0", f"user{n}".encode(), b"203.0.113.9")
    return struct.pack("<hxxi32s4s32s256shhiIi16s20s", kind, 100 + n, *names, 0, 0, 0, 1_770_000_000 + n, 0, bytes([203, 0, 113, 9]), b"")


@pytest.mark.parametrize(
    ("data", "users", "lost"),
    [
        (slot(0) + slot(1) + slot(2)[:100] + slot(3) + slot(4) + slot(5), [0, 1, 3, 4, 5], 0),  # a write that was cut
        (slot(0) + bytes(50) + slot(1) + slot(2), [0, 1, 2], 0),
        (b"#!garb\n" + slot(0) + slot(1), [0, 1], 0),
        (slot(0) + slot(1)[:200] + slot(2) + slot(3)[:200] + slot(4), [0, 2, 4], 1),
        (b"".join(map(slot, range(200))) + b"xyz" + b"".join(map(slot, range(200, 400))), list(range(400)), 0),
        (slot(0) + bytes(384) + slot(1), [0, None, 1], 0),  # a wiped slot is one
    ],
)
def test_entries_behind_bytes_that_are_none_are_found_again(data, users, lost):
    items = list(utmp.parse(Evidence("/var/log/wtmp", data), HOST))
    found = [i.fields.get("user.name") for i in items if isinstance(i, Record)]
    assert found == [None if n is None else f"user{n}" for n in users]
    assert sum(i.lost for i in items if isinstance(i, Problem)) == lost
    assert utmp.expected(Evidence("/var/log/wtmp", data)) == len(found) + lost
    assert (len(data) % 384 == 0) or any("no entry" in i.reason for i in items if isinstance(i, Problem))


@pytest.mark.parametrize(
    ("statements", "problem"),
    [
        (
            "CREATE VIEW wtmp AS SELECT 1 ID, 3 Type, 'x' User, 1 Login, 1 Logout, '' TTY, '' RemoteHost, '' Service",
            "no table Lastlog2 or wtmp",
        ),
        ("CREATE TABLE wtmp(ID, Type, User)", "does not read to its end"),
        ("CREATE TABLE other(ID)", "no table Lastlog2 or wtmp"),
    ],
)
def test_a_database_of_logins_that_is_none_is_a_line_of_the_ledger(tmp_path, statements, problem):
    connection = sqlite3.connect(tmp_path / "wtmp.db")
    connection.executescript(statements)
    connection.close()
    found = logins((tmp_path / "wtmp.db").read_bytes())
    assert all(isinstance(item, Problem) for item in found) and problem in found[0].reason


def logins(content: bytes, log: bytes = b"") -> list[Record | Problem]:
    """What the container and the artefact say of a database."""
    companions = {"wal": Evidence("/var/lib/wtmpdb/wtmp.db-wal", log)} if log else {}
    evidence = Evidence("/var/lib/wtmpdb/wtmp.db", content, companions=companions)
    try:
        opened = wtmpdb.ARTEFACT.holds.open(evidence, HOST)
    except UnreadableError as e:
        return [Problem(str(e))]
    view = opened.offer(wtmpdb.ARTEFACT.holds)
    return [*(wtmpdb.parse(view, HOST) if view else ()), *opened.problems()]


@pytest.mark.parametrize("end", [0, 100, 600, 1000])
def test_a_cut_database_of_logins_never_raises(golden_database, end):
    assert any(isinstance(item, Problem) for item in logins(golden_database[:end]))


@pytest.fixture(scope="module")
def golden_database():
    return (Path(__file__).resolve().parent.parent / "golden/wtmpdb/input/var/lib/wtmpdb/wtmp.db").read_bytes()


def test_a_write_ahead_log_that_cannot_be_used_is_said(golden_database):
    whole, items = logins(golden_database), logins(golden_database, log=b"x" * 100)
    assert items[:-1] == whole
    assert "its write-ahead log has no header of one: the newest rows may be there alone" in items[-1].reason


def test_a_login_that_is_only_in_the_write_ahead_log_is_read(tmp_path, golden_database):
    path = tmp_path / "wtmp.db"
    path.write_bytes(golden_database)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("INSERT INTO wtmp (ID, Type, User, Login) VALUES (9999, 3, 'mallory', 1795000000000000)")
    items = logins(path.read_bytes(), log=Path(f"{path}-wal").read_bytes())
    database.close()
    assert [i.fields["user.name"] for i in items if isinstance(i, Record) and i.locator == "wtmp 9999"] == ["mallory"]
    assert not any(isinstance(i, Problem) for i in items)
