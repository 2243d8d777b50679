"""Authentication logs: what messages mean, which year and hour they belong to, and what forged or damaged text does not do."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import tracemalloc
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import zstandard

from commodore.artefact import Problem, Record
from commodore.artefacts.linux.logs import auth_log
from commodore.engine.process import process
from commodore.evidence import Evidence
from commodore.host import Host
from tests.commodore.cases import commodore, ledger, records
from tests.commodore.damage import HOST, damaged, inputs, survives

LINE = "{} web sshd[{}]: Failed password for root from 192.0.2.1 port 5 ssh2\n"
CUT = "the last line has no end: the file is cut, and so may be what was read of the line"
"""A note on files of plaso that end so, and on NUL bytes at the end."""


def parse(data: bytes, *, source="/var/log/auth.log", mtime="2026-10-31T20:00:00Z", zone="UTC", collected=""):
    items = list(
        auth_log.parse(Evidence(source, data, facts={"mtime": mtime} if mtime else {}), Host("c", timezone=zone, collected=collected))
    )
    return [i for i in items if isinstance(i, Record)], [i for i in items if isinstance(i, Problem)]


def one(message: str, tag: str = "sshd[7]") -> dict:
    (record,), _ = parse(f"Oct 31 10:00:00 web {tag}: {message}\n".encode())
    return record.fields


# --- times


@pytest.mark.parametrize("seed", range(40))
def test_times_over_new_year_and_clock_changes_come_out_right_and_are_flagged(seed):
    rng = random.Random(seed)
    zone = rng.choice(["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"])
    where = ZoneInfo(zone)
    start = datetime(rng.randint(2015, 2025), rng.choice([3, 4, 10, 11, 12]), rng.randint(20, 30), tzinfo=UTC)
    moments = [start]
    while len(moments) < 1500:
        moments.append(moments[-1] + timedelta(seconds=rng.randint(1, 14 * 60)))
    text = "".join(LINE.format(m.astimezone(where).strftime("%b %e %H:%M:%S"), 1) for m in moments)
    mtime = moments[-1] + timedelta(seconds=rng.choice([0, 1, 3600, 86400 * 200]))  # as it was left, or touched later
    records, problems = parse(text.encode(), mtime=mtime.isoformat().replace("+00:00", "Z"), zone=zone)
    assert not problems
    assert [r.fields["@timestamp"] for r in records] == [m.strftime("%Y-%m-%dT%H:%M:%SZ") for m in moments]
    assert all(r.fields["escadre.time_inferred"] == ["year", "zone"] for r in records)


def test_a_sparse_log_over_several_years():
    days = ["2023-11-18", "2024-02-06", "2024-02-29", "2024-12-18", "2025-03-23", "2025-03-22", "2025-12-31", "2026-01-02"]
    text = "".join(LINE.format(datetime.fromisoformat(d).strftime("%b %e 12:00:00"), 1) for d in days)
    records, _ = parse(text.encode(), mtime="2026-01-02T13:00:00Z")
    assert [r.fields["@timestamp"][:10] for r in records] == days


@pytest.mark.parametrize(
    "spelling", ["Feb 6 15:16:30", "Feb  6 15:16:30", "Feb 06 15:16:30", "FEB 6 15:16:30", "Feb\t6 15:16:30", "Feb 6 2026 15:16:30"]
)
def test_a_day_in_another_spelling_begins_a_record_of_its_own(spelling):
    text = LINE.format("Jan 31 23:10:00", 1) + LINE.format(spelling, 2) + LINE.format("Feb  6 15:16:33", 3)
    records, problems = parse(text.encode(), mtime="2026-02-06T16:00:00Z", zone="Europe/Paris")
    assert [r.fields["@timestamp"] for r in records] == ["2026-01-31T22:10:00Z", "2026-02-06T14:16:30Z", "2026-02-06T14:16:33Z"]
    assert problems == []


def test_a_time_in_a_spelling_that_is_not_known_gives_a_record_without_a_time_and_never_one_glued_to_the_line_before():
    login = "sshd[2]: Accepted password for root from 192.0.2.1 port 1 ssh2"
    for time in ("Feb-06 15:16:30 web", "2026 Feb  6 15:16:30 web", "06/02/2026 15:16:30 web", "eb  6 15:16:30 web", "[  12.345678] web"):
        data = (LINE.format("Feb  6 15:16:29", 1) + f"{time} {login}\n").encode()
        records, problems = parse(data, mtime="2026-02-07T00:00:00Z")
        assert [r.fields["event.original"].count("\n") for r in records] == [0, 0]
        assert "@timestamp" not in records[1].fields
        assert [records[1].fields[name] for name in ("escadre.log.time", "user.name", "source.ip")] == [time, "root", "192.0.2.1"]
        assert [(p.locator, "no time" in p.reason) for p in problems] == [("line 2", True)]
        assert auth_log.expected(Evidence("/var/log/auth.log", data)) == 2


@pytest.mark.parametrize(
    ("spelling", "right"),
    [
        ("1770390990.123", "2026-02-06T15:16:30.123Z"),
        ("[1770390990]", "2026-02-06T15:16:30Z"),
        ("[2026-02-06 15:16:30]", "2026-02-06T15:16:30Z"),
        ("2026/02/06 15:16:30", "2026-02-06T15:16:30Z"),
        ("2026-02-06 15:16:30,250 +0100", "2026-02-06T14:16:30.250Z"),
    ],
)
def test_times_of_other_loggers(spelling, right):
    data = f"{spelling} web sshd[2]: Accepted password for root from 192.0.2.1 port 1 ssh2\n".encode()
    (record,), problems = parse(data, mtime="2026-02-07T00:00:00Z", zone="UTC")
    assert (record.fields["@timestamp"], record.fields["user.name"]) == (right, "root")
    assert problems == []
    assert auth_log.expected(Evidence("/var/log/auth.log", data)) == 1


def dated(*days: str, mtime: str) -> list[tuple[str, list[str]]]:
    """(date, what was inferred) of lines on these days."""
    text = "".join(LINE.format(f"{day} 12:00:00", 1) for day in days)
    return [(r.fields["@timestamp"][:10], r.fields["escadre.time_inferred"]) for r in parse(text.encode(), mtime=mtime)[0]]


def test_lines_out_of_order_are_of_the_same_year_and_say_so():
    in_order, stray = ["year", "zone"], ["year", "zone", "order"]
    found = dated("Feb 20", "Feb 21", "Jan 11", "Feb 21", "Jan 11", "Feb 21", mtime="2026-02-21T13:00:00Z")
    assert [d[:4] for d, _ in found] == ["2026"] * 6
    assert [i for _, i in found] == [in_order, in_order, stray, in_order, stray, in_order]
    found = dated("Feb 21", "Jan 11", mtime="2026-02-21T13:00:00Z")  # a stray at the end: the file is as old as the line before it
    assert found == [("2026-02-21", in_order), ("2026-01-11", stray)]


def test_new_year_stays_new_year():
    assert [d for d, _ in dated("Dec 30", "Jan  2", mtime="2026-01-02T13:00:00Z")] == ["2025-12-30", "2026-01-02"]
    assert [d for d, _ in dated("Feb 21", "Jan 11", mtime="2026-01-11T13:00:00Z")] == ["2025-02-21", "2026-01-11"]
    weeks = [(datetime(2025, 2, 21) + timedelta(days=7 * n)).strftime("%Y-%m-%d") for n in range(60)]
    found = dated(*(datetime.fromisoformat(w).strftime("%b %e") for w in weeks), mtime=f"{weeks[-1]}T13:00:00Z")
    assert [d for d, _ in found] == weeks


def test_a_leap_day_forces_the_year_back():
    records, _ = parse((LINE.format("Feb 28 12:00:00", 1) + LINE.format("Feb 29 12:00:00", 1)).encode(), mtime="2026-06-01T00:00:00Z")
    assert [r.fields["@timestamp"][:4] for r in records] == ["2024", "2024"]


def test_the_date_in_the_name_the_collection_and_the_gzip_header_bound_the_year():
    line = LINE.format("Jun  1 12:00:00", 1).encode()
    touched = "2026-10-31T20:00:00Z"
    assert parse(line, source="/var/log/secure-20230604", mtime=touched)[0][0].fields["@timestamp"] == "2023-06-01T12:00:00Z"
    assert parse(line, mtime=touched, collected="2022-07-01T00:00:00Z")[0][0].fields["@timestamp"] == "2022-06-01T12:00:00Z"
    packed = gzip.compress(line, mtime=int(datetime(2021, 6, 2, tzinfo=UTC).timestamp()))
    assert parse(packed, source="/var/log/auth.log.3.gz", mtime=touched)[0][0].fields["@timestamp"] == "2021-06-01T12:00:00Z"


def test_without_anything_that_tells_the_year_there_is_no_time():
    (record,), _ = parse(LINE.format("Jun  1 12:00:00", 1).encode(), mtime="")
    assert "@timestamp" not in record.fields
    assert record.fields["escadre.log.time"] == "Jun  1 12:00:00"


def rotated(root, zone: str, first: datetime, last: datetime) -> list[str]:
    """`/var/log` as logrotate leaves it: a file per week, older ones packed, each with the time of its last line. Gives all times."""
    where, logs, moments = ZoneInfo(zone), root / "var/log", [first]
    logs.mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "etc/hostname").write_text("web1\n")
    (root / "etc/timezone").write_text(f"{zone}\n")
    while moments[-1] + timedelta(hours=5, minutes=7) <= last:
        moments.append(moments[-1] + timedelta(hours=5, minutes=7))
    weeks: dict[int, list[datetime]] = {}
    for moment in moments:
        weeks.setdefault((last - moment).days // 7, []).append(moment)
    for number, week in weeks.items():
        text = "".join(LINE.format(m.astimezone(where).strftime("%b %e %H:%M:%S"), 1) for m in week).encode()
        changed = int(week[-1].timestamp())
        name = "auth.log" if number == 0 else f"auth.log.{number}" if number == 1 else f"auth.log.{number}.gz"
        (logs / name).write_bytes(gzip.compress(text, mtime=changed) if name.endswith(".gz") else text)
        os.utime(logs / name, (changed, changed))
    return [m.strftime("%Y-%m-%dT%H:%M:%SZ") for m in moments]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
@pytest.mark.parametrize(
    "turn",
    [
        timedelta(days=3),  # auth.log goes over New Year
        timedelta(days=7),  # auth.log.1 ends in December, auth.log begins in January
        timedelta(days=7, hours=2),
        timedelta(days=17),  # auth.log.2.gz goes over New Year
        timedelta(days=365 + 20),  # more than a year of logs: each day of December comes twice
    ],
)
def test_a_rotated_set_over_new_year_is_right_by_the_times_of_its_files(tmp_path, zone, turn):
    last = datetime(2026, 1, 1, tzinfo=UTC) + turn
    truth = rotated(tmp_path / "web1", zone, datetime(2025, 12, 1, tzinfo=UTC), last)
    process([tmp_path / "web1"], tmp_path / "case", workers=1)
    found = records(tmp_path / "case", "auth_log")
    assert sorted(r["@timestamp"] for r in found) == truth
    assert {tuple(r["escadre.time_inferred"]) for r in found} == {("year", "zone")}


def test_a_rotated_set_that_was_copied_without_its_times_is_bounded_by_the_newest_it_could_be(tmp_path):
    truth = rotated(tmp_path / "web1", "UTC", datetime(2025, 12, 20, tzinfo=UTC), datetime(2026, 1, 9, tzinfo=UTC))
    for path in (tmp_path / "web1/var/log").iterdir():
        os.utime(path, (datetime(2026, 6, 1, tzinfo=UTC).timestamp(),) * 2)
    process([tmp_path / "web1"], tmp_path / "case", workers=1)
    assert sorted(r["@timestamp"] for r in records(tmp_path / "case", "auth_log")) == truth


def test_full_times_are_taken_as_they_are():
    records, _ = parse(
        b"2026-03-29T02:30:00.123456789+02:00 web su[1]: (to root) u on pts/0\n"
        b"<86>1 2026-03-29T00:30:00Z web sshd 17 - - Invalid user x from 192.0.2.1 port 2\n"
        b"2016-12-31T23:59:60Z web sshd[1]: a leap second\n"
    )
    assert [r.fields["@timestamp"] for r in records] == ["2026-03-29T00:30:00.123456789Z", "2026-03-29T00:30:00Z", "2017-01-01T00:00:00Z"]
    assert not any("escadre.time_inferred" in r.fields for r in records)
    assert records[1].fields["process.pid"] == 17


@pytest.mark.parametrize("text", ["Feb 30 10:00:00", "Xyz 12 10:00:00", "Oct 31 25:00:00", "Oct  0 10:00:00", "Oct 31 10:00:61"])
def test_a_time_that_cannot_be_is_kept_as_text(text):
    (record,), _ = parse(f"{text} web sshd[1]: x\n".encode())
    assert "@timestamp" not in record.fields
    assert record.fields["escadre.log.time"] == text


# --- meaning


@pytest.mark.corpus
def test_ssh_messages_say_what_plaso_says(corpus):
    tests = json.loads((corpus / "truth-shared/plaso_expected.json").read_text())["tests"]
    truth = next(t for t in tests if t["files"] == ["syslog/syslog_ssh.log"])
    data = (corpus / "linux/log2timeline+plaso/test_data/syslog/syslog_ssh.log").read_bytes()
    records, problems = parse(data, mtime="2015-04-01T00:00:00Z")
    assert (len(records), problems) == (truth["counts"]["number_of_event_data"][0], [])
    login = records[1].fields
    expected = truth["events"][1]
    assert (login["source.ip"], login["@timestamp"][5:]) == (expected["ip_address"], expected["last_written_time"][5:] + "Z")
    assert f"{login['escadre.ssh.key_type']} {login['escadre.ssh.fingerprint']}" == expected["fingerprint"]
    assert (records[3].fields["source.port"], records[3].fields["event.outcome"]) == (int(truth["events"][2]["port"]), "failure")
    assert records[4].fields["source.ip"] == truth["events"][3]["ip_address"]


@pytest.mark.corpus
@pytest.mark.parametrize(
    "name",
    [
        "syslog_cron.log",
        "syslog_osx",
        "syslog_rsyslog",
        "syslog_rsyslog_SysklogdFileFormat",
        "syslog_rsyslog_SyslogProtocol23Format",
        "syslog_rsyslog_traditional",
        "syslog_chromeos",
    ],
)
def test_as_many_records_as_plaso_finds_events(corpus, name):
    tests = json.loads((corpus / "truth-shared/plaso_expected.json").read_text())["tests"]
    truth = next(t for t in tests if t["files"] == [f"syslog/{name}"])
    records, problems = parse((corpus / "linux/log2timeline+plaso/test_data/syslog" / name).read_bytes())
    assert (len(records), [p for p in problems if p.reason != CUT]) == (truth["counts"]["number_of_event_data"][0], [])


@pytest.mark.corpus
def test_a_month_that_plaso_warns_of_is_a_record_without_time(corpus):
    records, _ = parse((corpus / "linux/log2timeline+plaso/test_data/syslog/syslog").read_bytes())
    timeless = [r for r in records if "@timestamp" not in r.fields]
    assert (len(records), len(timeless)) == (16 + 1, 1)  # plaso: 16 events and 1 warning


@pytest.mark.parametrize(
    ("tag", "message", "wanted"),
    [
        (
            "sudo",
            "  alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/bin/bash -c 'x ; y'",
            {
                "user.name": "alice",
                "user.effective.name": "root",
                "escadre.tty": "pts/0",
                "process.working_directory": "/home/alice",
                "process.command_line": "/bin/bash -c 'x ; y'",
                "event.outcome": "success",
            },
        ),
        (
            "sudo",
            "bob : user NOT in sudoers ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
            {"user.name": "bob", "event.outcome": "failure"},
        ),
        ("sudo", "bob : 3 incorrect password attempts ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/sh", {"event.outcome": "failure"}),
        ("su[3]", "FAILED SU (to root) bob on pts/2", {"user.name": "bob", "user.effective.name": "root", "event.outcome": "failure"}),
        ("su", "pam_unix(su:session): session opened for user root(uid=0) by bob(uid=1001)", {"user.name": "root", "user.id": "0"}),
        (
            "useradd[5]",
            "new user: name=eve, UID=0, GID=0, home=/root, shell=/bin/sh, from=none",
            {"user.target.name": "eve", "event.category": ["iam"]},
        ),
        ("usermod[5]", "add 'eve' to group 'sudo'", {"user.target.name": "eve", "group.name": "sudo"}),
        ("groupadd[5]", "new group: name=ops, GID=1002", {"group.name": "ops"}),
        (
            "passwd[5]",
            "pam_unix(passwd:chauthtok): password changed for eve",
            {"user.target.name": "eve", "event.action": "password-changed"},
        ),
        ("login[7]", "FAILED LOGIN (1) on '/dev/tty1' FOR 'eve', Authentication failure", {"user.name": "eve", "event.outcome": "failure"}),
        ("login[7]", "FAILED LOGIN 2 FROM 192.0.2.9 FOR eve, Permission denied", {"user.name": "eve", "source.ip": "192.0.2.9"}),
        ("login[7]", "FAILED LOGIN SESSION FROM tty1 FOR eve, Permission denied", {"user.name": "eve", "event.outcome": "failure"}),
        ("login[7]", "ROOT LOGIN  on '/dev/tty1'", {"user.name": "root", "escadre.tty": "/dev/tty1", "event.outcome": "success"}),
        ("login[7]", "ROOT LOGIN ON tty1", {"user.name": "root", "escadre.tty": "tty1", "event.action": "console-login"}),
        ("login[7]", "LOGIN ON tty2 BY eve", {"user.name": "eve", "escadre.tty": "tty2", "event.outcome": "success"}),
        ("doas", "eve ran command sh -c x as root from /home/eve", {"process.command_line": "sh -c x", "user.effective.name": "root"}),
        ("doas", "command not permitted for eve: rm x", {"user.name": "eve", "event.outcome": "failure"}),
        ("systemd-logind[4]", "New session c3 of user eve.", {"user.name": "eve", "escadre.session.id": "c3"}),
        (
            "sshd-session[9]",
            "Accepted publickey for eve from fe80::1%eth0 port 22 ssh2: RSA SHA256:abc",
            {"source.ip": "fe80::1", "escadre.ssh.fingerprint": "SHA256:abc"},
        ),
        (
            "sshd[9]",
            "Connection closed by invalid user a b 192.0.2.9 port 7 [preauth]",
            {"user.name": "a b", "source.ip": "192.0.2.9", "source.port": 7},
        ),
        ("sshd[9]", "Received disconnect from 192.0.2.9 port 22:11: disconnected by user", {"source.ip": "192.0.2.9", "source.port": 22}),
        ("CRON[9]", "pam_unix(cron:session): session closed for user root", {"user.name": "root", "event.provider": "cron"}),
    ],
)
def test_messages_have_named_fields(tag, message, wanted):
    fields = one(message, tag)
    assert {name: fields.get(name) for name in wanted} == wanted


def test_a_user_name_that_looks_like_an_address_does_not_become_one():
    fields = one("Failed password for invalid user root from 10.0.0.1 port 22 ssh2 from 198.51.100.23 port 41201 ssh2")
    assert (fields["source.ip"], fields["source.port"]) == ("198.51.100.23", 41201)


def test_line_breaks_other_than_line_feed_begin_no_record():
    forged = "x\rOct 31 10:00:01 web sshd[1]: Accepted password for root from 192.0.2.1 port 1"
    forged += "\x0b\x0c\x85\u2028Oct 31 10:00:02 web sshd[1]: y#012Oct 31 z"
    records, problems = parse(f"Oct 31 10:00:00 web sshd[1]: {forged}\n".encode())
    assert (len(records), problems) == (1, [])
    assert records[0].fields["event.original"].endswith("#012Oct 31 z")


def test_a_line_without_time_goes_on_the_record_before_it():
    records, _ = parse(b"Oct 31 10:00:00 web sshd[1]: first\n\tand more\nand more\nOct 31 10:00:01 web sshd[1]: second\n")
    assert [r.fields["event.original"].count("\n") for r in records] == [2, 0]


# --- bad input


def test_digits_of_other_scripts_make_no_time():
    records, problems = parse("Oct 31 10:00:00 web sshd[1]: x\nOct 31 10:00:٠١ web sshd[1]: y\n".encode())
    assert [r.fields.get("@timestamp") for r in records] == ["2026-10-31T10:00:00Z", None]
    assert [p.locator for p in problems] == ["line 2"], "it begins an entry, so it is never added to the one before"


class Endless(io.RawIOBase):
    """A line that has no end, then an ordinary one; nothing of it is held in memory."""

    def __init__(self, size):
        self.head, self.left = b"Oct 31 10:00:00 web sshd[1]: ", size
        self.tail = b"\n" + LINE.format("Oct 31 10:00:01", 1).encode()

    def read(self, n=-1):
        if self.head:
            out, self.head = self.head[:n], self.head[n:]
        elif self.left:
            out = b"A" * min(n, self.left)
            self.left -= len(out)
        else:
            out, self.tail = self.tail[:n], self.tail[n:]
        return out


def test_a_line_of_a_hundred_megabytes_is_bounded():
    evidence = Evidence("/var/log/auth.log", lambda: Endless(100 << 20), facts={"mtime": "2026-11-01T00:00:00Z"})
    tracemalloc.start()
    items = list(auth_log.parse(evidence, HOST))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [i.fields.get("escadre.line_length") for i in items if isinstance(i, Record)] == [(100 << 20) + 29, None]
    assert ["read only" in i.reason for i in items if isinstance(i, Problem)] == [True]
    assert peak < 8 << 20


def test_a_hole_of_nul_bytes_is_named_and_hides_nothing():
    records, problems = parse(bytes(5000) + LINE.format("Oct 31 10:00:00", 1).encode() + bytes(10))
    assert len(records) == 1
    assert [p.reason for p in problems if p.reason != CUT] == ["hole of 5,000 NUL bytes", "hole of 10 NUL bytes"]


@pytest.mark.parametrize(
    "pack", [gzip.compress, bz2.compress, lzma.compress, zstandard.compress, lambda d: gzip.compress(d[:99]) + gzip.compress(d[99:])]
)
def test_compressed_logs_read_like_plain_ones(pack):
    data = "".join(LINE.format(f"Oct 31 10:{m:02d}:00", m) for m in range(60)).encode() * 20
    records, problems = parse(pack(data), source="/var/log/auth.log.2.gz")
    assert (len(records), problems) == (1200, [])
    cut, problems = parse(pack(data)[:-20], source="/var/log/auth.log.2.gz")
    assert problems
    assert len(cut) <= 1200


def test_a_bomb_is_read_in_bounded_memory():
    bomb = gzip.compress(b"Oct 31 10:00:00 web sshd[1]: " + bytes(200 << 20), compresslevel=1)
    tracemalloc.start()
    records, _ = parse(bomb, source="/var/log/auth.log.2.gz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(records) == 1
    assert peak < 16 << 20


@pytest.mark.parametrize(("source", "data"), inputs("auth_log"), ids=lambda v: v if isinstance(v, str) else "")
def test_damage_is_survived(source, data):
    for bad in damaged(data):
        survives(auth_log, source, bad)


def test_a_modification_time_that_was_set_back_moves_no_login():
    """`touch -d 2001-06-01 auth.log`: the change time, which nobody sets, gives the year."""
    line = b"Oct 20 10:00:00 h sshd[1]: Accepted password for root from 192.0.2.1 port 22 ssh2\n"
    for said in ("2001-06-01T00:00:00Z", "2026-01-25T00:00:00Z"):
        facts = {"mtime": said, "ctime": "2026-10-25T00:00:00Z"}
        got = list(auth_log.parse(Evidence("/var/log/auth.log", line, facts=facts), HOST))
        assert [x.fields["@timestamp"][:4] for x in got if isinstance(x, Record)] == ["2026"], said
        assert [x.kind for x in got if isinstance(x, Problem)] == ["mtime-set-back"]
    facts = {"mtime": "2026-10-20T10:00:00Z", "ctime": "2026-10-25T00:00:00Z"}
    assert not [x for x in auth_log.parse(Evidence("/var/log/auth.log", line, facts=facts), HOST) if isinstance(x, Problem)]
    rotated = {"mtime": "2024-10-21T00:00:00Z", "ctime": "2026-10-25T00:00:00Z"}
    got = list(auth_log.parse(Evidence("/var/log/auth.log.9", line, facts=rotated), HOST))
    assert [x.fields["@timestamp"][:4] for x in got if isinstance(x, Record)] == ["2024"]


def plain(place, own: str, rotated: str = "") -> dict[str, list[str]]:
    """Process a folder with a log that has the modification time `own`, beside one that was rotated; return times and reasons."""
    root, case = place / "root", place / "case"
    (root / "var/log").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "etc/hostname").write_text("web01\n")
    line = "{} 10:00:00 h sshd[1]: Accepted password for root from 192.0.2.1 port 22 ssh2\n"
    for name, day, when in (("auth.log", "Jan 20", own), ("auth.log.1", "Dec 28", rotated)):
        if when:
            (root / "var/log" / name).write_text(line.format(day))
            stamp = datetime.fromisoformat(when).timestamp()
            os.utime(root / "var/log" / name, (stamp, stamp))
    commodore("process", root, "-o", case)
    reasons = [str(row["reason"]) for row in ledger(case)]
    return {
        "times": sorted(r["@timestamp"][:10] for r in records(case, "auth_log")),
        "reasons": [r for r in reasons if "another year" in r],
    }


def test_a_log_of_a_plain_folder_is_not_older_than_what_was_rotated_from_it(tmp_path):
    """Its change times are those of the copy. `touch -d 2001-06-01 auth.log` contradicts auth.log.1, which was written before."""
    got = plain(tmp_path / "set-back", "2001-06-01T00:00:00+00:00", "2025-12-28T10:00:00+00:00")
    assert got["times"] == ["2025-12-28", "2026-01-20"]
    assert len(got["reasons"]) == 1
    got = plain(tmp_path / "as-it-was", "2026-01-20T10:00:00+00:00", "2025-12-28T10:00:00+00:00")
    assert got == {"times": ["2025-12-28", "2026-01-20"], "reasons": []}
    got = plain(tmp_path / "alone", "2001-06-01T00:00:00+00:00")
    assert got == {"times": ["2001-01-20"], "reasons": []}, "nothing in the folder says more"
