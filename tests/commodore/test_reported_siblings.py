"""Neighbours of the thirteen reported inputs: other spellings, other formats, other fields of the same kind, from files to records.

What is right comes from the formats and from the programs that read these files on a host, as in the tests of the reported inputs.
"""

from __future__ import annotations

import pytest

from commodore.case.reader import CaseReader
from commodore.cli import build_app
from scout.console import run
from scout.formats.indicators import read_lines
from tests.commodore import mft_table
from tests.commodore.cases import ledger, members, records
from tests.commodore.reported import *  # noqa: F403  (a fixture)
from tests.commodore.reported import fired, log, logins, rule
from tests.commodore.test_logons import entry

LOGIN = "sshd[2085]: Accepted password for root from 198.51.100.7 port 34431 ssh2"


@pytest.mark.parametrize(
    ("line", "moment"),
    [
        (f"Feb 06 15:16:33 web01 {LOGIN}", "2026-02-06T15:16:33Z"),
        (f"Feb\t6 15:16:33 web01 {LOGIN}", "2026-02-06T15:16:33Z"),
        (f"feb  6 15:16:33 web01 {LOGIN}", "2026-02-06T15:16:33Z"),
        (f"Feb  6 2026 15:16:33 web01 {LOGIN}", "2026-02-06T15:16:33Z"),
        (f"2026 Feb  6 15:16:33 web01 {LOGIN}", None),
        (f"<38>Feb  6 15:16:33 web01 {LOGIN}", "2026-02-06T15:16:33Z"),
        (f"Feb  6 15:16:33.250 web01 {LOGIN}", "2026-02-06T15:16:33.250Z"),
        (f"2026-02-06T16:16:33.25+01:00 web01 {LOGIN}", "2026-02-06T15:16:33.25Z"),
        (f"2026-02-06 15:16:33 web01 {LOGIN}", "2026-02-06T15:16:33Z"),
        ("<38>1 2026-02-06T15:16:33Z web01 sshd 2085 - - " + LOGIN.partition(": ")[2], "2026-02-06T15:16:33Z"),
        (f"Fri Feb  6 15:16:33 2026 web01 {LOGIN}", None),
        (f"06/Feb/2026:15:16:33 web01 {LOGIN}", None),
    ],
)
def test_a_login_is_never_part_of_the_line_before_whatever_its_time_looks_like(host, line, moment):
    """A spelling that no syslog daemon writes costs the line, and the ledger says so."""
    before = "Jan 31 23:10:00 web01 sshd[2001]: Accepted password for alice from 192.0.2.5 port 50000 ssh2\n"
    case = host({"var/log/auth.log": f"{before}{line}\n", "etc/timezone": "UTC\n"}, "2026-02-06T15:16:33Z")
    found = records(case, "auth_log")
    assert all("root" not in r["message"] for r in found if r.get("user.name") == "alice"), "glued"
    if moment is None:
        assert logins(case)[1:] or any(one["path"].endswith("auth.log") and one["lost"] for one in ledger(case)), ledger(case)
    else:
        assert logins(case)[1:] == [(moment, "root", "success")]


@pytest.mark.parametrize(
    ("moments", "written", "years"),
    [
        (["Dec 30 10:00:00", "Dec 31 23:59:59", "Jan  1 00:00:01", "Jan  2 08:00:00"], "2026-01-02T08:00:00Z", [2025, 2025, 2026, 2026]),
        (["Dec 31 23:59:58", "Jan  1 00:00:01", "Dec 31 23:59:59", "Jan  1 00:00:02"], "2026-01-01T00:00:02Z", [2025, 2026, 2025, 2026]),
        (["Mar  5 10:00:00", "Mar  5 10:00:00", "Mar  5 09:59:59", "Mar  5 10:00:01"], "2026-03-05T10:00:01Z", [2026] * 4),
        (["Feb 28 10:00:00", "Feb 29 10:00:00", "Mar  1 10:00:00"], "2024-03-01T10:00:00Z", [2024] * 3),
        (["Nov  1 10:00:00", "Jan 15 10:00:00", "Jun  1 10:00:00"], "2026-06-01T10:00:00Z", [2025, 2026, 2026]),
        (["Jan  1 00:00:05", "May  3 10:00:00", "May  3 10:00:01"], "2026-05-03T10:00:01Z", [2026] * 3),
    ],
)
def test_years_of_lines_without_one(host, moments, written, years):
    text = "".join(
        f"{moment} web01 sshd[100]: Accepted password for deploy from 192.0.2.7 port {n} ssh2\n" for n, moment in enumerate(moments)
    )
    found = records(host({"var/log/auth.log": text, "etc/timezone": "UTC\n"}, written), "auth_log")
    assert [int(r["@timestamp"][:4]) for r in sorted(found, key=lambda r: int(r["source.port"]))] == years


@pytest.mark.parametrize(
    ("message", "user", "address"),
    [
        ("Connection closed by authenticating user root 198.51.100.1 port 5 [preauth]", "root", "198.51.100.1"),
        ("Connection reset by invalid user admin 198.51.100.1 port 5 [preauth]", "admin", "198.51.100.1"),
        ("Disconnected from user alice 198.51.100.1 port 5", "alice", "198.51.100.1"),
        ("Disconnected from invalid user two words 2001:db8::1 port 5 [preauth]", "two words", "2001:db8::1"),
        ("error: maximum authentication attempts exceeded for invalid user x from 198.51.100.1 port 5 ssh2 [preauth]", "x", "198.51.100.1"),
        ("Failed none for invalid user  from 198.51.100.1 port 5 ssh2", None, "198.51.100.1"),
        ("User root from 198.51.100.1 not allowed because not listed in AllowUsers", "root", "198.51.100.1"),
        ("Postponed publickey for alice from 198.51.100.1 port 5 ssh2 [preauth]", "alice", "198.51.100.1"),
        ("Received disconnect from 198.51.100.1 port 5:11: Bye Bye [preauth]", None, "198.51.100.1"),
        ("Failed password for invalid user a from 1.2.3.4 from 198.51.100.1 port 5 ssh2", "a from 1.2.3.4", "198.51.100.1"),
    ],
)
def test_sshd_names_user_and_address(host, message, user, address):
    (found,) = records(host({"var/log/auth.log": f"2026-02-21T12:00:00+00:00 web01 sshd[7]: {message}\n"}), "auth_log")
    assert (found.get("user.name"), found["source.ip"]) == (user, address)


@pytest.mark.parametrize(
    ("files", "link", "hour"),
    [
        ({"etc/timezone": "America/New_York\n"}, "/usr/share/zoneinfo/Europe/Paris", 10),
        ({"etc/timezone": "America/New_York\n"}, "../usr/share/zoneinfo/posix/Europe/Paris", 10),
        ({"etc/timezone": "America/New_York\n"}, None, 16),
        ({"etc/timezone": "America/New_York\n", "etc/localtime": b"TZif2" + bytes(15) + bytes(24)}, None, None),
        ({"etc/sysconfig/clock": 'ZONE="America/New_York"\n'}, "../usr/share/zoneinfo/Asia/Tokyo", 3),
        ({"etc/TIMEZONE": "Asia/Tokyo\n"}, "../usr/share/zoneinfo/UTC", 12),
    ],
)
def test_the_zone_is_that_of_localtime(host, files, link, hour):
    text = "Jul  6 12:00:00 web01 sshd[1]: Accepted password for a from 192.0.2.1 port 1 ssh2\n"
    case = host({"var/log/auth.log": text, **files}, "2026-07-06T12:00:00Z", {"etc/localtime": link} if link else None)
    ((moment, _, _),) = logins(case)
    if hour is None:  # a localtime that cannot be read: whatever is taken, the ledger says that it is a guess
        assert any("/etc/localtime" in (one["reason"] or "") for one in ledger(case)), ledger(case)
    else:
        assert moment == f"2026-07-06T{hour:02}:00:00Z"


@pytest.mark.parametrize(
    ("named", "packed", "ip"),
    [
        ("198.51.100.7", "c6336407" + "00" * 12, "198.51.100.7"),
        ("::1", "00" * 15 + "01", "::1"),
        ("mapped", "00" * 10 + "ffffc6336407", "198.51.100.7"),
        ("2001:db8:0:1::", "20010db800000001" + "00" * 8, "2001:db8:0:1::"),
        ("fe80::1%eth0", "fe80" + "00" * 13 + "01", "fe80::1"),
        ("client.example", "20010db8" + "00" * 12, "32.1.13.184"),
        ("0.0.0.0", "00" * 16, "0.0.0.0"),
    ],
)
def test_addresses_of_utmp_agree_with_the_host_field(host, named, packed, ip):
    raw = bytearray(entry(7, 100, "pts/0", "alice", named, 1_770_000_000))
    raw[348:364] = bytes.fromhex(packed)
    (found,) = records(host({"var/log/wtmp": bytes(raw)}), "utmp")
    assert found.get("source.ip") == ip
    assert found.get("related.ip", []) == ([ip] if ip else [])


@pytest.mark.parametrize(
    ("place", "to", "files", "dataset"),
    [
        ("etc/cron.d/job", "../../opt/job", {"opt/job": "* * * * * root /dev/shm/x\n"}, "cron"),
        ("var/spool/cron/crontabs/root", "/opt/tab", {"opt/tab": "* * * * * /dev/shm/x\n"}, "cron"),
        ("etc/cron.d", "/opt/jobs", {"opt/jobs/one": "* * * * * root /dev/shm/x\n"}, "cron"),
        ("etc/sudoers.d/x", "/srv/rule", {"srv/rule": "www-data ALL=(ALL) NOPASSWD: ALL\n"}, "startup_files"),
        ("root/.ssh/authorized_keys", "/opt/keys", {"opt/keys": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 x\n"}, "authorized_keys"),
        ("etc/ld.so.preload", "/opt/pre", {"opt/pre": "/dev/shm/x.so\n"}, "ld_so_preload"),
        ("etc/systemd/system/a.service.d", "/opt/drop", {"opt/drop/x.conf": "[Service]\nExecStartPre=/dev/shm/x\n"}, "systemd_units"),
        ("etc/profile.d/x.sh", "/opt/a", {"opt/b": "/dev/shm/x\n"}, "startup_files"),
    ],
)
def test_what_a_link_leads_to_is_read_where_a_mechanism_reads(host, place, to, files, dataset):
    links = {place: to, **({"opt/a": "b"} if "opt/b" in files else {})}
    case = host({"etc/passwd": "root:x:0:0::/root:/bin/sh\n", **files}, links=links)
    found = records(case, dataset)
    assert any((r["escadre.source"] or "").startswith(f"/{place}") for r in found), found
    assert {f["escadre.severity"] for f in CaseReader(case).findings()} & {"high", "critical"}


@pytest.mark.parametrize(
    ("values", "test"),
    [
        ({"A": ["", "x", ""]}, "A: x"),
        ({"A": ["same", "same"]}, "A: same"),
        ({"A": ["a", "b"], "B": ["c", "d"]}, "B: d"),
        ({"A": ["a"] * 50 + ["last"]}, "A: last"),
        ({"A": ["C:\\x", "D:\\y"]}, "A|startswith: 'D:'"),
    ],
)
def test_values_of_one_name_are_all_there(host, values, test):
    case = host(log("Prov", 1, "Application", values), rules=rule("R", 1, "service: application", f"s: {{{test}}}"))
    assert records(case, "evtx")[0]["winlog.event_data"] == values
    assert fired(case) == {"R"}


@pytest.mark.parametrize(
    ("code", "source", "name", "raw", "rendered"),
    [
        (4624, "service: security", "LogonType", "10", "10"),
        (4625, "service: security", "Status", "0xc000006d", "0xC000006D"),
        (4625, "service: security", "FailureReason", "%%2313", "%%2313"),
        (4688, "category: process_creation", "TokenElevationType", "%%1937", "%%1937"),
        (4688, "category: process_creation", "MandatoryLabel", "S-1-16-16384", "S-1-16-16384"),
        (4663, "service: security", "AccessMask", "0x2", "0x2"),
        (4769, "service: security", "TicketEncryptionType", "0x17", "0x17"),
    ],
)
def test_a_rule_finds_the_raw_value(host, code, source, name, raw, rendered):
    rules = rule("raw", 1, source, f"s: {{{name}: '{rendered}'}}")
    case = host(log("Microsoft-Windows-Security-Auditing", code, "Security", {name: raw, "NewProcessName": "C:\\a.exe"}), rules=rules)
    assert fired(case) == {"raw"}
    assert records(case, "evtx")[0]["winlog.event_data"][name] == raw


@pytest.mark.parametrize("source", ["service: sshd", "service: auth", "service: sudo", "category: authentication", "service: modsecurity"])
def test_a_rule_for_a_log_of_linux_fires_or_is_said_to_match_no_record(tmp_path, capsys, source):
    text = "2026-02-21T12:00:00+00:00 web01 {}: needle\n"
    (tmp_path / "host/etc").mkdir(parents=True)
    (tmp_path / "host/etc/hostname").write_text("web01\n")
    (tmp_path / "host/var/log").mkdir(parents=True)
    (tmp_path / "host/var/log/auth.log").write_text("".join(text.format(one) for one in ("sshd[1]", "sudo", "CRON[2]", "su[3]")))
    (tmp_path / "r.yml").write_text(rule("R", 1, source, "s: ['needle']", "linux"))
    case = tmp_path / "case"
    assert run("commodore", build_app, ["process", str(tmp_path / "host"), "-o", str(case), "--rules", str(tmp_path / "r.yml")]) == 0
    nowhere = "1 more can match no record" in " ".join(capsys.readouterr().out.split())
    assert (fired(case) == {"R"}) != nowhere


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("hxxp://evil[.]example/x", "url", "evil.example/x"),
        ("hxxps[:]//evil\\.example/x", "url", "evil.example/x"),
        ("198\\.51\\.100\\.7", "ip", "198.51.100.7"),
        ("198.51.100[.]7", "ip", "198.51.100.7"),
        ("evil(dot)example", "domain", "evil.example"),
        ("evil[dot]example", "domain", "evil.example"),
        ("evil{.}example", "domain", "evil.example"),
        ('"evil.example",', "domain", "evil.example"),
        ("- evil.example", "domain", "evil.example"),
        ("evil.example # c2", "domain", "evil.example"),
        ("evil[.example", "domain", "evil.example"),
        ("C2 = evil[.]example", "domain", "evil.example"),
    ],
)
def test_indicators_as_people_write_them(text, kind, value):
    found, refused = read_lines([text], "list.txt")
    if found:
        assert [(one.type, one.value) for one in found] == [(kind, value)]
    else:
        assert refused, "neither taken nor refused"


@pytest.mark.parametrize("names", [("a%2Fb", "a%252Fb"), ("%2e%2e", "..."), ("100%25", "100%"), ("x%00y", "x"), ("%C3%A9", "é")])
def test_names_of_a_plain_linux_tree_stay(host, names):
    case = host({f"etc/cron.d/{name}": "* * * * * root /bin/true\n" for name in names})
    assert {m["path"] for m in members(case)} >= {f"/etc/cron.d/{name}" for name in names}


@pytest.mark.parametrize("sequence", [4, 6, 0xFFFF])
def test_a_parent_of_another_life_lends_no_path(host, sequence):
    entries = {
        0: mft_table.entry(mft_table.standard(6), mft_table.name("$MFT", 5, 5)),
        5: mft_table.entry(mft_table.standard(6), mft_table.name(".", space=3), flags=3, sequence=5),
        30: mft_table.entry(mft_table.standard(), mft_table.name("folder", 5, 5), flags=3, sequence=9),
        31: mft_table.entry(mft_table.standard(), mft_table.name("a.txt", 30, 9), sequence=1),
        32: mft_table.entry(mft_table.standard(), mft_table.name("b.txt", 30, sequence), sequence=1),
    }
    found = {
        r["file.inode"]: r.get("file.path") for r in records(host({"Windows/System32/x": b"x", "$MFT": mft_table.table(entries)}), "mft")
    }
    assert found["31"] == "C:\\folder\\a.txt"
    assert found["32"] != "C:\\folder\\b.txt"
