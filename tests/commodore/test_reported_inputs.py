"""Thirteen inputs at which comparable programs fail, as their users reported them: from the files of a host to the records and findings.

What is right comes from the formats and from the programs that read these files on a host: syslog, glibc, utmp(5), systemd, NTFS, Sigma.
The rules behind each are tested beside their parsers; here the complete way is.
"""

from __future__ import annotations

import pytest

from commodore.case.reader import CaseReader
from fixtures.windows.evtx import Event, build
from scout.formats.indicators import read_lines
from tests.commodore import mft_table
from tests.commodore.cases import ledger, members, records
from tests.commodore.reported import *  # noqa: F403  (a fixture)
from tests.commodore.reported import WHEN, fired, log, logins, rule
from tests.commodore.test_logons import entry


def test_case_01_a_day_with_one_blank_begins_a_line_of_its_own(host):
    log = """Jan 31 23:10:00 web01 sshd[2001]: Accepted password for alice from 192.0.2.5 port 50000 ssh2
Feb 6 15:16:30 web01 sshd[2085]: Failed password for root from 198.51.100.7 port 34431 ssh2
Feb 6 15:16:33 web01 sshd[2085]: Accepted password for root from 198.51.100.7 port 34431 ssh2
"""
    assert logins(host({"var/log/auth.log": log, "etc/timezone": "UTC\n"}, "2026-02-06T15:16:33Z")) == [
        ("2026-01-31T23:10:00Z", "alice", "success"),
        ("2026-02-06T15:16:30Z", "root", "failure"),
        ("2026-02-06T15:16:33Z", "root", "success"),
    ]


def test_case_02_lines_out_of_order_are_of_one_year(host):
    lines = ("Feb 20 10:00:00", "Feb 21 12:00:00", "Jan 11 00:00:01", "Feb 21 12:00:01", "Jan 11 00:10:01", "Feb 21 12:00:05")
    log = "".join(f"{moment} web01 sshd[100]: Accepted password for deploy from 192.0.2.7 port 34431 ssh2\n" for moment in lines)
    found = records(host({"var/log/auth.log": log}), "auth_log")
    assert [r["@timestamp"][:4] for r in found] == ["2026"] * 6
    assert ["order" in r["escadre.time_inferred"] for r in found] == [False, False, True, False, True, False]


def test_case_03_sshd_names_who_was_disconnected(host):
    log = """Sep  4 23:15:41 web01 sshd[7]: Disconnecting invalid user nobody 198.51.100.1 port 5: Too many authentication failures
Sep  4 23:15:42 web01 sshd[7]: Disconnecting authenticating user root 198.51.100.1 port 5: Too many authentication failures
"""
    found = records(host({"var/log/auth.log": log}), "auth_log")
    assert [(r["user.name"], r["source.ip"]) for r in found] == [("nobody", "198.51.100.1"), ("root", "198.51.100.1")]


def test_case_04_the_zone_is_that_of_localtime_and_a_disagreement_is_said(host):
    log = "Jul  6 12:00:00 web01 sshd[1]: Accepted password for a from 192.0.2.1 port 1 ssh2\n"
    files = {"var/log/auth.log": log, "etc/timezone": "America/New_York\n"}
    case = host(files, "2026-07-06T12:00:00Z", {"etc/localtime": "../usr/share/zoneinfo/Europe/Paris"})
    assert logins(case) == [("2026-07-06T10:00:00Z", "a", "success")]
    assert any(line["path"] == "facts of the host" and "America/New_York" in line["reason"] for line in ledger(case))


def test_case_05_an_address_of_zeros_at_its_end_is_what_the_host_field_says(host):
    """`2001:db8::` and 32.1.13.184 are the same sixteen bytes."""
    raw = bytearray(entry(7, 100, "pts/0", "alice", "2001:db8::", 1_770_000_000))
    raw[348:352] = bytes.fromhex("20010db8")
    (found,) = records(host({"var/log/wtmp": bytes(raw)}), "utmp")
    assert (found["source.ip"], found["source.address"], found["related.ip"]) == ("2001:db8::", "2001:db8::", ["2001:db8::"])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_case_06_a_unit_means_the_same_whatever_ends_its_lines(host, end):
    unit = '[Service]\nExecStart=/bin/sh -c \\\n  "exec /var/tmp/.cache/helper.sh"\nUser=root\n'.replace("\n", end)
    case = host({"etc/systemd/system/cache.service": unit})
    (found,) = records(case, "systemd_units")
    assert (found["process.command_line"], found["user.name"]) == ('/bin/sh -c  "exec /var/tmp/.cache/helper.sh"', "root")
    assert [f["escadre.severity"] for f in CaseReader(case).findings()] == ["high"]


def test_case_07_a_unit_behind_a_link_is_read_in_its_place(host):
    files = {"opt/app/app.service": "[Service]\nExecStart=/dev/shm/.m\n", "etc/passwd": "root:x:0:0::/root:/bin/sh\n"}
    case = host(files, links={"etc/systemd/system/app.service": "/opt/app/app.service", "etc/systemd/system/x.service": "/mnt/x.service"})
    assert [(r["escadre.source"], r["process.command_line"]) for r in records(case, "systemd_units")] == [
        ("/etc/systemd/system/app.service", "/dev/shm/.m")
    ]
    assert any(f["escadre.severity"] == "high" for f in CaseReader(case).findings())
    said = {line["path"]: line["reason"] for line in ledger(case)}
    assert said["/etc/systemd/system/x.service"] == "link: it leads to /mnt/x.service, which is not in this collection"


def test_case_08_all_values_of_one_name_are_kept_and_tested(host):
    targets = ["C:\\a.exe", "C:\\Users\\Public\\evil.exe", "C:\\c.exe"]
    tests = ("Targets|contains: '\\Users\\Public\\'", "Targets: 'C:\\Users\\Public\\evil.exe'", "Targets|endswith: 'c.exe'")
    rules = "---\n".join(rule(f"R{n}", n, "service: application", f"s: {{{test}}}") for n, test in enumerate(tests, 1))
    rules += "---\n" + rule("R4", 4, "service: application", "s: ['evil.exe']")
    case = host(log("Prov", 1, "Application", {"Targets": targets}), rules=rules)
    assert records(case, "evtx")[0]["winlog.event_data"]["Targets"] == targets
    assert fired(case) == {"R1", "R2", "R3", "R4"}


def test_case_09_a_rule_may_name_the_rendered_value_or_the_raw_one(host):
    data = {"NewProcessName": "C:\\Windows\\System32\\whoami.exe", "MandatoryLabel": "S-1-16-12288"}
    levels = ("High", "S-1-16-12288", "Medium", "S-1-16-8192")
    rules = "---\n".join(rule(v, n, "category: process_creation", f"s: {{IntegrityLevel: '{v}'}}") for n, v in enumerate(levels, 1))
    case = host(log("Microsoft-Windows-Security-Auditing", 4688, "Security", data), rules=rules)
    assert fired(case) == {"High", "S-1-16-12288"}
    assert records(case, "evtx")[0]["winlog.event_data"]["MandatoryLabel"] == "S-1-16-12288"


def test_case_10_a_rule_for_linux_logs_is_asked(host):
    line = "2026-02-21T12:00:00+00:00 web01 sshd[1]: Accepted password for root from 198.51.100.9 port 1 ssh2\n"
    case = host({"var/log/auth.log": line}, rules=rule("root", 1, "service: auth", "s: ['Accepted password for root']", "linux"))
    assert fired(case) == {"root"}


def test_case_11_an_extension_of_an_earlier_life_lends_a_file_nothing(host):
    entries = {
        0: mft_table.entry(mft_table.standard(6), mft_table.name("$MFT", 5, 5)),
        5: mft_table.entry(mft_table.standard(6), mft_table.name(".", space=3), flags=3, sequence=5),
        30: mft_table.entry(mft_table.standard(), mft_table.name("innocent.txt", 5, 5), sequence=9),
        31: mft_table.entry(
            mft_table.name("secret.docx", 5, 5),
            mft_table.far(0x80, 7_777),
            mft_table.far(0x80, 26, "Zone.Identifier"),
            base=mft_table.reference(30, 8),
        ),
    }
    found = {r["file.inode"]: r for r in records(host({"Windows/System32/x": b"x", "$MFT": mft_table.table(entries)}), "mft")}
    assert found["30"]["file.path"] == "C:\\innocent.txt"
    assert not {"file.size", "escadre.mft.streams", "escadre.mft.paths"} & found["30"].keys()


def test_case_12_a_defanged_indicator_is_a_domain_or_refused():
    for text in ("host.seven\\.example", "host.seven[.]example", "c2: host.seven\\.example", "host.seven\\\\.example"):
        found, refused = read_lines([text], "list.txt")
        assert [(i.type, i.value) for i in found] == [("domain", "host.seven.example")] and not refused


def test_case_13_names_with_percent_signs_stay_and_never_become_one(host):
    names = (
        "Microsoft-Windows-PrintService%4Admin.evtx",
        "Microsoft-Windows-PrintServiceJdmin.evtx",
        "a%2Fb.evtx",
        "100%.evtx",
        "%41.evtx",
    )
    folder = "Windows/System32/winevt/Logs/"
    content = build([Event("Application", "P", 1, *WHEN, "PC", {"A": "1"})])
    case = host({folder + name: content for name in names})
    paths = [m["path"] for m in members(case) if m["path"].endswith(".evtx")]
    assert sorted(paths) == sorted(f"C:\\Windows\\System32\\winevt\\Logs\\{name}" for name in names)
