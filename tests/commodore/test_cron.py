"""Cron tables: entries as cron itself reads them, and the raw line for their removal."""

from __future__ import annotations

import base64

import pytest

from commodore.artefact import Problem, Record
from commodore.artefacts.linux.files import cron
from commodore.evidence import Evidence
from commodore.host import Host
from tests.commodore.damage import damaged, inputs, survives


def read(text: str | bytes, source: str = "/etc/cron.d/jobs"):
    return survives(cron, source, text.encode() if isinstance(text, str) else text)


def test_system_tables_have_a_user_and_user_tables_have_none():
    (system,), _ = read("5 4 * * * root /bin/x a b\n")
    (user,), _ = read("5 4 * * * root /bin/x a b\n", "/var/spool/cron/crontabs/paul")
    assert (system.fields["user.name"], system.fields["process.command_line"]) == ("root", "/bin/x a b")
    assert (user.fields["user.name"], user.fields["process.command_line"]) == ("paul", "root /bin/x a b")


@pytest.mark.parametrize("source", ["/var/spool/cron/paul", "/var/spool/cron/tabs/paul", "/var/spool/cron/crontabs/paul"])
def test_the_owner_of_a_user_table_is_its_name(source):
    (record,), _ = read("@reboot /bin/x", source)
    assert (record.fields["user.name"], record.fields["escadre.cron.schedule"]) == ("paul", "@reboot")


@pytest.mark.parametrize(
    "line", ["* * * * root /bin/x", "@daily", "@daily root", "61 words in no order at all", "a b c d e f g", "5 4 * * * root   "]
)
def test_what_cron_would_refuse_is_named_as_lost(line):
    records, problems = read(line + "\n")
    assert (records, [(p.locator, p.lost) for p in problems]) == ([], [("line 1", 1)])


def test_assignments_stand_as_context_of_the_entries_behind_them():
    records, _ = read("A=1\n* * * * * root /bin/x\n B = \"two words\" \n'C'=3\n* * * * * root D=4 /bin/y\n")
    assert [r.fields["process.env_vars"] for r in records] == [["A=1"], ["A=1", "B=two words", "C=3"]]
    assert records[1].fields["process.executable"] == "/bin/y"


def test_percent_ends_the_command_and_begins_its_input():
    (record,), _ = read(r"0 0 * * * root /bin/mail -s 100\% me%first%second")
    assert record.fields["process.command_line"] == "/bin/mail -s 100% me"
    assert record.fields["escadre.cron.input"] == "first\nsecond"


def test_the_raw_line_can_be_had_back_byte_for_byte():
    raw = [
        b"* * * * * root /bin/\xff\xfe x",
        b"\t* * * * * root (/tmp/go)\rno crontab for root",
        "* * * * * root /bin/é".encode(),
        b"@reboot root /bin/\0x  ",
    ]
    records, _ = read(b"\n".join(raw))
    lines = [
        base64.b64decode(f["escadre.line_bytes"]) if "escadre.line_bytes" in (f := r.fields) else f["escadre.line"].encode()
        for r in records
    ]
    assert lines == raw
    assert [r.fields.get("escadre.line_hidden", False) for r in records] == [False, True, False, True]
    assert [r.fields["escadre.line_number"] for r in records] == [1, 2, 3, 4]


def test_a_carriage_return_begins_no_line():
    records, _ = read(b"# harmless\r* * * * * root /bin/x\n")
    assert records == []


def test_a_line_beyond_the_limit_keeps_its_beginning_and_says_so():
    (record,), _ = read(b"* * * * * root /bin/x " + b"a" * (3 << 20) + b"\n")
    assert record.fields["escadre.line_length"] == (3 << 20) + 22
    assert len(record.fields["escadre.line"]) == 1 << 20


def test_a_script_of_a_periodic_directory_is_one_record():
    (script,), _ = read("#!/bin/sh\n* * * * * root no entry\n", "/etc/cron.hourly/job")
    (hidden,), _ = read("", "/etc/cron.weekly/.job")
    assert (script.fields["escadre.scope"], script.fields["escadre.cron.schedule"]) == ("periodic", "hourly")
    assert "escadre.cron.passed_over" not in script.fields
    assert hidden.fields["escadre.cron.passed_over"]


@pytest.mark.parametrize("source", ["/etc/cron.weekly/job.sh", "/etc/cron.d/job.sh"])
@pytest.mark.parametrize(("system", "ignored"), [("Debian GNU/Linux 12", True), ("Rocky Linux 9.4", False), ("", False)])
def test_a_name_with_a_dot_is_passed_over_by_the_cron_of_debian_alone(source, system, ignored):
    """run-parts(8) and cron(8) of Debian take letters, digits, `_` and `-`; cronie's database.c and Fedora's run-parts read `job.sh`."""
    (record,) = cron.parse(Evidence(source, b"* * * * * root /bin/x\n"), Host("c", os_version=system))
    assert record.fields.get("escadre.cron.passed_over", False) is ignored


def test_an_entry_of_an_account_that_does_not_exist_is_said():
    """cron refuses it: getpwnam(3) fails (entry.c)."""
    (note, record) = cron.parse(Evidence("/etc/cron.d/job", b"* * * * * sleep 3; /bin/x\n"), Host("c", users={"0": "root"}))
    assert "sleep is not in /etc/passwd" in note.reason
    assert record.fields["user.name"] == "sleep"


def test_anacron_has_period_delay_and_name():
    (record,), _ = read("7 25 cron.weekly nice run-parts /etc/cron.weekly\n", "/etc/anacrontab")
    fields = record.fields
    assert (fields["escadre.cron.schedule"], fields["escadre.cron.job"], fields["user.name"]) == ("7 25", "cron.weekly", "root")


def test_a_percent_sign_means_nothing_to_anacron():
    (record,), _ = read("7 25 backup tar cf $(date +%F).tar / ; /opt/more\n", "/etc/anacrontab")
    assert record.fields["process.command_line"] == "tar cf $(date +%F).tar / ; /opt/more"
    assert "escadre.cron.input" not in record.fields


@pytest.mark.parametrize(("source", "data"), inputs("cron"), ids=lambda v: v if isinstance(v, str) else "")
def test_damage_is_survived(source, data):
    for bad in damaged(data):
        survives(cron, source, bad)


TAKEN = [
    "* * * * *", "*/5 0-23 1,15 jan-dec MON", "0 0 1 1 0", "-*/15 * * * *", "*x * * * *", "1.5 * * * *", "*\x0b* * * * *",
    "*-5 * * * *", "5-1 * * * *", "007 * * * 7", "0~30 * * * *", "@reboot", "@daily", "*\t*\t*\t*\t*", "1,2,3-9/2.x * * * *",
    "* * * *\xa0 *",
]  # fmt: skip
REFUSED = [
    "99 * * * *", "*/0 * * * *", "*/ * * * *", "1- * * * *", "1, * * * *", "1,,2 * * * *", "-5- * * * *", "jan * * * *",
    "* * * foo *", "* * 0 * *", "* * 32 * *", "* 24 * * *", "* * * 13 *", "* * * * 8", "* * * * Mond", "@weird", "@Reboot", "@",
    "\x0b* * * * *", "\xa0* * * * *", "? * * * *", "0x5 * * * *", "60-99 * * * *", "\ufeff* * * * *",
]  # fmt: skip
"""What Debian's cron says of each (crontab -n), except for `-` and `~`, which are cronie's."""


@pytest.mark.parametrize("schedule", TAKEN)
def test_the_fields_that_cron_takes_are_an_entry(schedule):
    ((record,), _) = read(f"{schedule} /opt/a -x\n", "/var/spool/cron/crontabs/u")
    assert record.fields["process.command_line"] == "/opt/a -x"


@pytest.mark.parametrize("schedule", REFUSED)
def test_the_fields_that_cron_refuses_are_none(schedule):
    _, (problem,) = read(f"{schedule} /opt/a -x\n", "/var/spool/cron/crontabs/u")
    assert "cron refuses it" in problem.reason and problem.lost == 1


@pytest.mark.parametrize("version", ["Debian GNU/Linux 12 (bookworm)", "Rocky Linux 9.4"])
def test_of_a_table_with_a_line_that_is_refused_debian_runs_nothing(version):
    data = b"* * * * * root /opt/a\nfoo\n1 * * * * root /opt/b\n"
    items = list(cron.parse(Evidence("/etc/crontab", data), Host("c", os_version=version)))
    ignored = [i.fields.get("escadre.cron.passed_over") for i in items if isinstance(i, Record)]
    assert ignored == ([True, True] if "Debian" in version else [None, None])
    assert any("ignores this table" in i.reason for i in items if isinstance(i, Problem)) == ("Debian" in version)


def test_a_blank_line_with_a_carriage_return_is_none_for_cron():
    data = b"* * * * * root /opt/a\r\n\r\n1 * * * * root /opt/b\r\n"
    items = list(cron.parse(Evidence("/etc/crontab", data), Host("c", os_version="Ubuntu 24.04")))
    assert [i.fields["escadre.cron.passed_over"] for i in items if isinstance(i, Record)] == [True, True]
    assert [i.locator for i in items if isinstance(i, Problem)] == ["line 2", "line 1", "line 2"]
    assert cron.expected(Evidence("/etc/crontab", data)) == 2


def test_a_carriage_return_at_the_end_of_commands_is_said_once():
    _, problems = read("* * * * * root /opt/a\r\n1 * * * * root /opt/b\r\n")
    assert [p.reason for p in problems] == ["the command ends with a carriage return, which the shell takes as part of its last word"]
