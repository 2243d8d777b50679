"""Logon sessions and the rules on them: sessions built from known events, whose right values follow from the events' own times."""

from __future__ import annotations

import dataclasses
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from commodore.case.reader import CaseReader
from commodore.detection import sequences
from commodore.engine.process import process
from fixtures.windows.evtx import Event, build
from scout.data import parse_yaml
from tests.conftest import ROOT

COMPUTER = "SRV-01.mairie.example"
SECURITY, MANAGER = "Microsoft-Windows-Security-Auditing", "Microsoft-Windows-TerminalServices-LocalSessionManager"
GATE = "Microsoft-Windows-TerminalServices-RemoteConnectionManager"
HOME, STRANGER = "192.0.2.10", "198.51.100.23"
NIGHT = datetime(2026, 10, 31, 19, 0, tzinfo=UTC)


def event(moment: datetime, code: int, provider: str = SECURITY, inside: str = "", **data: str) -> Event:
    ticks = int((moment - datetime(1601, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 10
    channel = {SECURITY: "Security", "EventLog": "System"}.get(provider, f"{provider}/Operational")
    return Event(channel, provider, code, ticks, moment.strftime("%Y-%m-%dT%H:%M:%S.%f0Z"), COMPUTER, data, inside)


def logon(moment: datetime, account: str, id_: str, address: str, code: int = 4624, kind: str = "10") -> Event:
    sid = "S-1-5-21-9-9-9-1009" if account == "support2" else "S-1-5-21-1-2-3-1105"
    names = {"TargetUserName": account, "TargetDomainName": "MAIRIE", "TargetUserSid": sid, "TargetLogonId": id_}
    return event(moment, code, **names, LogonType=kind, IpAddress=address, IpPort="50123", WorkstationName="-", SubStatus="0xc000006a")


def logoff(moment: datetime, account: str, id_: str) -> Event:
    return event(moment, 4634, TargetUserName=account, TargetDomainName="MAIRIE", TargetLogonId=id_, LogonType="10")


def history() -> list[Event]:
    """Eleven days on which admin.si worked for an hour from one place."""
    out = []
    for day in range(11):
        moment = datetime(2026, 10, 10 + day, 8, 0, tzinfo=UTC)
        out += [logon(moment, "admin.si", f"0x{1000 + day:x}", HOME), logoff(moment + timedelta(hours=1), "admin.si", f"0x{1000 + day:x}")]
    return out


def night() -> list[Event]:
    """Six wrong passwords, a session from a stranger with privileges, a new account and its session, and a restart."""
    out = [logon(NIGHT + timedelta(seconds=10 * n), "admin.si", "0x0", STRANGER, 4625, "3") for n in range(6)]
    begin = NIGHT + timedelta(minutes=2)
    privileges = "SeDebugPrivilege\n\t\t\tSeBackupPrivilege"
    subject = {"SubjectUserName": "admin.si", "SubjectDomainName": "MAIRIE", "SubjectLogonId": "0x51a2b"}
    out += [logon(begin, "admin.si", "0x51a2b", STRANGER), event(begin, 4672, **subject, PrivilegeList=privileges)]
    out += [
        event(
            begin + timedelta(minutes=3),
            4720,
            **subject,
            TargetUserName="support2",
            TargetDomainName="SRV-01",
            TargetSid="S-1-5-21-9-9-9-1009",
        )
    ]
    out += [logon(begin + timedelta(minutes=5), "support2", "0x60000", STRANGER)]
    out += [logoff(begin + timedelta(minutes=9), "admin.si", "0x51A2B")]
    restart = begin + timedelta(minutes=20)
    out += [event(restart, 4608), logon(restart + timedelta(minutes=1), "admin.si", "0x60000", HOME)]
    return out


def desktop() -> list[Event]:
    begin = NIGHT + timedelta(minutes=2)
    said = {"User": "MAIRIE\\admin.si", "SessionID": "3", "Address": STRANGER}
    steps = [(21, 1), (24, 240), (25, 300)]
    return [event(begin + timedelta(seconds=s), code, MANAGER, "EventXML", **said) for code, s in steps]


def gate() -> list[Event]:
    said = {"Param1": "admin.si", "Param2": "MAIRIE", "Param3": STRANGER}
    return [event(NIGHT + timedelta(seconds=115), 1149, GATE, "EventXML", **said)]


def entry(kind: int, pid: int, line: str, user: str, host: str, seconds: int) -> bytes:
    """One slot of wtmp, see utmp(5): 384 bytes, little-endian."""
    address = bytes(map(int, host.split("."))) + bytes(12) if host.count(".") == 3 else bytes(16)
    names = (line.encode(), b"ts/0", user.encode(), host.encode())
    return struct.pack("<hxxi32s4s32s256shhiIi16s20s", kind, pid, *names, 0, 0, 0, seconds, 0, address, b"")


LINES = """\
2026-10-31T20:00:01.000000+00:00 web sshd[700]: Failed password for paul from 203.0.113.7 port 4001 ssh2
2026-10-31T20:00:03.000000+00:00 web sshd[701]: Failed password for paul from 203.0.113.7 port 4002 ssh2
2026-10-31T20:00:09.000000+00:00 web sshd[811]: Accepted password for paul from 203.0.113.7 port 4003 ssh2
2026-10-31T20:00:09.100000+00:00 web sshd[811]: pam_unix(sshd:session): session opened for user paul(uid=1000) by (uid=0)
2026-10-31T20:30:00.000000+00:00 web sshd[811]: pam_unix(sshd:session): session closed for user paul
"""


def host(folder: Path) -> Path:
    """Write the evidence: event logs, and a Linux log with the wtmp and btmp of the same logins."""
    files = {"Security": history() + night(), "Manager": desktop(), "Gate": gate()}
    logs = folder / "logs"
    logs.mkdir(parents=True)
    for name, events in files.items():
        (logs / f"{name}.evtx").write_bytes(build(events))
    there = folder / "var" / "log"
    there.mkdir(parents=True)
    (folder / "etc").mkdir()
    (folder / "etc" / "hostname").write_text("web\n")
    (there / "auth.log").write_text(LINES)
    evening = int(datetime(2026, 10, 31, 20, tzinfo=UTC).timestamp())
    (there / "btmp").write_bytes(b"".join(entry(6, 700 + n, "ssh:notty", "paul", "203.0.113.7", evening + 1 + 2 * n) for n in range(2)))
    slots = (entry(7, 811, "pts/0", "paul", "203.0.113.7", evening + 9), entry(8, 811, "pts/0", "", "", evening + 1800))
    (there / "wtmp").write_bytes(b"".join(slots))
    return folder


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logons")
    process([host(folder / "srv")], folder / "case", workers=1)
    return CaseReader(folder / "case")


@pytest.fixture(scope="module")
def sessions(case):
    return list(case.records("logons"))


def of(sessions, account, outcome="success"):
    return [s for s in sessions if s.get("user.name") == account and s["event.outcome"] == outcome]


def test_a_session_has_its_begin_end_kind_and_all_its_records(sessions):
    first, *_ = of(sessions, "admin.si")
    assert first["event.start"] == "2026-10-10T08:00:00.0000000Z" and first["event.end"] == "2026-10-10T09:00:00.0000000Z"
    assert first["escadre.logon.kind"] == "remote desktop" and first["source.ip"] == HOME
    assert len(first["escadre.records_used"]) == 2


def test_security_log_session_manager_and_gate_make_one_session(sessions):
    night = [s for s in of(sessions, "admin.si") if s["source.ip"] == STRANGER]
    assert len(night) == 1
    session = night[0]
    assert session["winlog.logon.id"] == "0x51a2b" and session["escadre.session.id"] == "3"
    assert session["escadre.logon.privileges"] == ["SeDebugPrivilege", "SeBackupPrivilege"]
    assert session["event.end"] == "2026-10-31T19:11:00.0000000Z"  # the id is written in the other case there
    assert len(session["escadre.records_used"]) == 7  # 4624, 4672, 4634, 21, 24, 25, 1149


def test_failures_of_one_account_from_one_source_are_one_record(sessions):
    (run,) = of(sessions, "admin.si", "failure")
    assert run["escadre.logon.attempts"] == 6 and run["source.ip"] == STRANGER and run["escadre.logon.kind"] == "network"
    assert run["event.start"] == "2026-10-31T19:00:00.0000000Z" and run["event.end"] == "2026-10-31T19:00:50.0000000Z"


def test_a_logon_id_that_is_used_again_after_a_restart_is_another_session(sessions):
    again = [s for s in sessions if s.get("winlog.logon.id") == "0x60000"]
    assert [s["user.name"] for s in again] == ["support2", "admin.si"]
    assert "event.end" not in again[0]


def test_linux_logs_of_one_login_make_one_session_and_count_failures_once(sessions):
    (session,) = of(sessions, "paul")
    assert session["escadre.logon.kind"] == "ssh" and session["escadre.tty"] == "pts/0" and session["process.pid"] == 811
    assert session["event.start"] == "2026-10-31T20:00:09.000000Z"
    assert session["event.end"].startswith("2026-10-31T20:30:00")
    assert session["escadre.logon.failures_before"] == 2  # auth.log and btmp hold the same two


def test_what_came_before_is_said_only_with_reason(sessions):
    flagged = {(s["user.name"], s["source.ip"]) for s in sessions if s.get("escadre.logon.first_from_source")}
    assert flagged == {("admin.si", STRANGER)}  # support2 and paul have no history
    assert [s["user.name"] for s in sessions if "escadre.logon.account_created" in s] == ["support2"]
    assert {s["user.name"]: s["escadre.logon.failures_before"] for s in sessions if "escadre.logon.failures_before" in s} == {
        "admin.si": 6,
        "paul": 2,
        "support2": 6,
    }


def test_findings_say_who_came_from_where_after_what(case):
    found = {f["rule.id"]: f for f in case.findings() if f["rule.category"] == "sequence"}
    assert sorted(found) == ["logon-failures-then-success", "logon-first-from-source", "logon-of-new-account"]
    guessed = found["logon-failures-then-success"]
    assert guessed["count"] == 2 and guessed["escadre.severity"] == "high" and guessed["threat.technique.id"] == ["T1110"]
    assert guessed["message"] == (
        "MAIRIE\\admin.si logged on (remote desktop) from 198.51.100.23 after 6 failed logons from there within an hour."
    )
    assert found["logon-of-new-account"]["message"].startswith("The account MAIRIE\\support2 was created at 2026-10-31T19:05:00")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"when": {"no.field": 1}}, "not in the field registry"),
        ({"severity": "huge"}, "no such severity"),
        ({"extra": 1}, "unknown or missing words"),
    ],
)
def test_a_rule_that_is_not_understood_is_refused_by_file(change, reason):
    entry = parse_yaml((ROOT / "commodore/detection/sequences/first_from_source.yaml").read_bytes()) | change
    with pytest.raises(ValueError, match=f"^x.yaml: .*{reason}"):
        sequences._rule("x.yaml", entry)


def derived(folder: Path, events: list[Event] = (), files: dict[str, bytes] | None = None) -> list[dict]:
    """Sessions of a host with one event log, or with the files of a Linux host."""
    root = folder / "host"
    for name, content in ({"logs/Security.evtx": build(list(events))} if events else {"etc/hostname": b"web\n", **(files or {})}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    process([root], folder / "case", workers=1)
    return list(CaseReader(folder / "case").records("logons"))


def after(minutes: float) -> datetime:
    return NIGHT + timedelta(minutes=minutes)


def test_an_end_of_another_account_does_not_end_a_session_of_the_same_id(tmp_path):
    """Nothing shows the restart between them: the log was cleared. The id alone names two sessions."""
    events = [
        logon(after(0), "alice", "0x9999", HOME),
        logoff(after(60), "bob", "0x9999"),
        event(after(61), 4672, SubjectUserName="bob", SubjectLogonId="0x9999", PrivilegeList="SeDebugPrivilege"),
    ]
    (only,) = derived(tmp_path, events)
    assert only["user.name"] == "alice" and "event.end" not in only and "escadre.logon.privileges" not in only


def test_a_process_id_that_is_used_again_ends_no_session_of_another_account_or_terminal(tmp_path):
    lines = b"""\
2026-10-31T20:00:09.000000+00:00 web sshd[811]: Accepted password for paul from 203.0.113.7 port 4003 ssh2
2026-11-30T20:30:00.000000+00:00 web sshd[811]: pam_unix(sshd:session): session closed for user root
"""
    begin = int(datetime(2026, 10, 31, 20, tzinfo=UTC).timestamp())
    slots = entry(7, 900, "pts/4", "zoe", "203.0.113.9", begin) + entry(8, 900, "pts/7", "", "", begin + 86_400)
    found = derived(tmp_path, files={"var/log/auth.log": lines, "var/log/wtmp": slots})
    assert [(s["user.name"], s.get("event.end")) for s in found] == [("zoe", None), ("paul", None)]


def test_services_log_on_to_one_session_of_the_system_until_the_next_start(tmp_path):
    events = [
        event(after(0), 4608),
        *(logon(after(n), "SYSTEM", "0x3e7", "-", kind="5") for n in range(1, 5)),
        event(after(9), 4608),
        logon(after(12), "SYSTEM", "0x3e7", "-", kind="5"),
    ]
    assert [len(s["escadre.records_used"]) for s in derived(tmp_path, events)] == [4, 1]


def refused(moment: datetime, code: int, account: str, **data: str) -> Event:
    return event(moment, code, TargetUserName=account, Status="0x18" if code == 4771 else "0xc000006a", **data)


def test_what_a_domain_controller_refused_counts_before_a_logon(tmp_path):
    events = [refused(after(n), 4771, f"user{n}", IpAddress=f"::ffff:{STRANGER}", IpPort="5001") for n in range(6)]
    events += [event(after(6), 4776, TargetUserName="user1", Workstation="KALI", Status="0x0")]
    events += [logon(after(8), "user3", "0x777", STRANGER, kind="3")]
    found = derived(tmp_path, events)
    assert [s["escadre.logon.failures_before"] for s in found if s["event.outcome"] == "success"] == [6]
    assert {s["escadre.logon.kind"] for s in found if s["event.outcome"] == "failure"} == {"Kerberos ticket"}
    assert sum(s["event.outcome"] == "failure" for s in found) == 6


def test_the_check_of_a_password_and_the_logon_are_one_failure(tmp_path):
    events = []
    for n in range(5):
        events += [refused(after(n), 4776, "admin.si", Workstation="KALI"), logon(after(n), "admin.si", "0x0", STRANGER, 4625, "3")]
    events += [logon(after(9), "admin.si", "0x51a2b", STRANGER, kind="3")]
    failed, entered = derived(tmp_path, events)
    assert (failed["escadre.logon.attempts"], failed["escadre.logon.kind"], failed["source.ip"]) == (5, "network", STRANGER)
    assert len(failed["escadre.records_used"]) == 10 and entered["escadre.logon.failures_before"] == 5


def test_failures_that_name_a_computer_count_before_a_logon_that_names_it_too(tmp_path):
    events = [refused(after(n), 4776, "admin.si", Workstation="KALI") for n in range(5)]
    entered = logon(after(9), "admin.si", "0x51a2b", STRANGER, kind="3")
    events += [dataclasses.replace(entered, data={**entered.data, "WorkstationName": "KALI"})]
    assert derived(tmp_path, events)[-1]["escadre.logon.failures_before"] == 5


def test_an_account_of_the_same_name_and_another_security_id_is_not_the_new_one(tmp_path):
    created = {"TargetUserName": "admin.si", "TargetDomainName": "SRV-01", "TargetSid": "S-1-5-21-9-9-9-1009"}
    (only,) = derived(tmp_path, [event(after(0), 4720, **created), logon(after(5), "admin.si", "0x1", HOME)])
    assert "escadre.logon.account_created" not in only


def test_a_new_account_has_no_history_of_a_former_one_of_its_name(tmp_path):
    created = event(after(-600), 4720, TargetUserName="admin.si", TargetDomainName="MAIRIE", TargetSid="S-1-5-21-1-2-3-1105")
    found = derived(tmp_path, [*history(), created, logon(after(1), "admin.si", "0x1", STRANGER)])
    assert "escadre.logon.first_from_source" not in found[-1]


CORPUS = "evtx/mdecrevoisier+EVTX-to-MITRE-Attack"
READ_BY_A_PERSON = {
    # log → (account, outcome, kind, source, times failed, privileges, records), as its events say in the order of their numbers
    "ID4624,4688,5140,5145-Eternal Romance - MS17_010_psexec (GLOBAL)": [
        ("admmig", "success", "network", "10.23.123.11", None, True, {"3", "4"}),
        ("admmig", "success", "network", "10.23.23.9", None, True, {"18", "19"}),
        ("admmig", "success", "network", "10.23.23.9", None, True, {"22", "23"}),  # 4672 is 15 ms older than its 4624
    ],
    "ID4688,4648,4624-Runas execution with different user": [
        ("hack1", "success", "interactive", "::1", None, True, {"4", "6"}),
        ("hack1", "success", "interactive", "::1", None, False, {"5"}),  # the same logon with the rights filtered: an id of its own
    ],
    "ID4656, 5145, 4674-Impacket secret dump via SMB": [
        ("admmig", "success", "network", "10.23.23.9", None, True, {"3", "4"}),
        ("admmig", "success", "network", "10.23.23.9", None, True, {"6", "7"}),
        ("admmig", "success", "network", "10.23.123.11", None, True, {"9", "10"}),
    ],
    "ID4625-OpenSSH brutforce with non existing users": [
        ("sshd_5848", "success", "service", None, None, True, {"6", "8"}),
        ("NOUSER", "failure", "network, password in clear text", None, 5, False, set(map(str, range(11, 21)))),
    ],
    "ID4625-OpenSSH brutforce with valid users": [
        ("sshd_4332", "success", "service", None, None, False, {"3"}),
        ("admmig", "success", "network", None, None, False, {"6"}),
        ("admmig@offsec.lan", "failure", "network, password in clear text", None, 5, False, {"7", "8", "9", "10", "11"}),
    ],
    "ID4771-Kerberos brutforce with valid user": [
        ("admin-hacker", "failure", "Kerberos ticket", "10.23.123.11", 54, False, set(map(str, range(1, 55))))
    ],
}


@pytest.mark.parametrize("name", READ_BY_A_PERSON)
def test_the_sessions_of_real_logs_are_those_that_a_person_reads(corpus, tmp_path, name):
    (path,) = (corpus / CORPUS).rglob(f"{name}.evtx")
    process([path], tmp_path / "case", workers=1)
    reader = CaseReader(tmp_path / "case")
    numbers = {r["escadre.id"]: r["winlog.record_id"] for r in reader.records("evtx")}
    found = [
        (
            s["user.name"],
            s["event.outcome"],
            s["escadre.logon.kind"],
            s.get("source.ip"),
            s.get("escadre.logon.attempts"),
            "escadre.logon.privileges" in s,
            {numbers[i] for i in s["escadre.records_used"]},
        )
        for s in reader.records("logons")
    ]
    assert sorted(found, key=lambda session: min(map(int, session[6]))) == READ_BY_A_PERSON[name]
