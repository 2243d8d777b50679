"""Situations that users of comparable tools reported in public, from input to record or finding.

What is right comes from the program that reads such a file on a host, or from the format; each test names the report that it is made after.
"""

from __future__ import annotations

import struct
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest

from commodore.artefacts.windows.files import scheduled_tasks
from commodore.case.reader import CaseReader
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers import ntfs
from fixtures.windows.evtx import Event, build
from scout.formats.indicators import read_lines
from scout.formats.shortcut import target
from tests.commodore import mft_table
from tests.commodore.cases import records
from tests.commodore.reported import *  # noqa: F403  (a fixture)
from tests.commodore.reported import fired, log, rule
from tests.commodore.test_logons import entry

AUDITING = "Microsoft-Windows-Security-Auditing"
WHO = {"LogonType": "3", "IpAddress": "198.51.100.7", "Status": "0xc000006d", "SubStatus": "0xc000006a"}
SYSMON, PROCESS = "Microsoft-Windows-Sysmon", "category: process_creation"
CLASSIC = "NewEngineState=Available\r\n\tHostApplication=powershell.exe -v 2 -c powercat -l\r\n\tEngineVersion=2.0\r\n\tCommandLine="


@pytest.mark.parametrize(
    ("message", "expected"),
    [  # fox-it/dissect.target 1328: logind 258 quotes; the others: texts of sudo, shadow-utils, BusyBox, OpenSSH 9.8
        ("systemd-logind[7]: New session '4' of user 'bob' with class 'user' and type 'tty' on seat 'seat0'.", {"user.name": "bob"}),
        ("systemd-logind[7]: Removed session '12'.", {"escadre.session.id": "12", "event.action": "session-closed"}),
        ("systemd-logind[7]: Session '12' logged out. Waiting for processes to exit.", {"escadre.session.id": "12"}),
        ("gpasswd[3]: user alice added by root to group docker", {"user.target.name": "alice", "group.name": "docker"}),
        ("su[5]: + /dev/pts/0 alice:root", {"user.name": "alice", "user.effective.name": "root", "event.outcome": "success"}),
        ("su[5]: - /dev/pts/0 alice:root", {"user.name": "alice", "event.outcome": "failure"}),
        ("sudo:    alice : (command continued) -c /tmp/x", {"user.name": "alice", "process.command_line": "-c /tmp/x"}),
        ("sudo:    alice : HOST=web01 ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/bash", {"process.command_line": "/bin/bash"}),
        ("sudo:    alice : user NOT in sudoers ; HOST=w ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id", {"event.outcome": "failure"}),
        ("sshd[1]: srclimit_penalise: ipv4: new 198.51.100.9/32 deferred penalty of 5 seconds for x", {"source.ip": "198.51.100.9"}),
    ],
)  # fmt: skip
def test_lines_of_newer_and_smaller_programs_name_who_did_what(host, message, expected):
    (found,) = records(host({"var/log/auth.log": f"2026-02-21T12:00:00+00:00 web01 {message}\n"}), "auth_log")
    assert {name: found.get(name) for name in expected} == expected


def test_the_environment_that_sudo_was_given_is_in_the_sentence(host):
    text = "alice : TTY=pts/0 ; PWD=/ ; USER=root ; ENV=LD_PRELOAD=/tmp/x.so ; COMMAND=/usr/bin/id"
    (found,) = records(host({"var/log/auth.log": f"2026-02-21T12:00:00+00:00 web01 sudo: {text}\n"}), "auth_log")
    assert "LD_PRELOAD=/tmp/x.so" in found["message"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [  # Neo23x0/Loki: filename-iocs.txt has regular expressions; a path that matches nothing is worse than a refusal
        (r"\\bin\\nmap\.exe;-150", [("path", r"\bin\nmap.exe")]),
        (r"\\Users\\Public\\evil\.exe$;60", [("path", r"\users\public\evil.exe")]),
        (r"\\Temp\\~df~;60", [("path", r"\temp\~df~")]),
        (r"/tmp/\.gdm-socket;80", [("path", "/tmp/.gdm-socket")]),
        (r"\\Program Files\(x86\)\\Google\\start\.ps1", [("path", r"\program files(x86)\google\start.ps1")]),
        (r"C:\\Users\\bob\\a.exe", [("path", r"c:\users\bob\a.exe")]),
        (r"\\srv\share\x.exe", [("path", r"\\srv\share\x.exe")]),
        (r"\\pak\-[0-9]{3,}.exe$;50", []),
        (r"(TEMP|TMP|Temp)\\DW20\.dll;80", []),
        (r"\\AppData\\[^\\\"]{1,64}\.exe;60;\\whatsapp\.exe", []),
        ("update.sh", [("domain", "update.sh"), ("filename", "update.sh")]),
        ("evil.zip", [("domain", "evil.zip"), ("filename", "evil.zip")]),
        (r"_BloodHound\.zip;70", [("domain", "_bloodhound.zip"), ("filename", "_bloodhound.zip")]),
        ("invoice.dmp", [("filename", "invoice.dmp")]),
        ("domain: evil.sh", [("domain", "evil.sh")]),
    ],
)  # fmt: skip
def test_lists_of_file_names_are_taken_as_they_are_meant_or_refused(line, expected):
    found, refused = read_lines([line], "list.txt")
    assert [(one.type, one.value) for one in found] == expected
    assert bool(refused) != bool(found)


@pytest.mark.parametrize(
    ("source", "test"),
    [  # WithSecureLabs/chainsaw 131 (HostApplication); Hayabusa and pySigma pipelines split `Hashes`
        ("category: ps_classic_start", "s: {HostApplication|contains: 'powercat '}"),
        ("category: ps_classic_start", "s: {EngineVersion|startswith: '2.'}"),
        ("service: powershell-classic", "s: {Data|contains: 'EngineVersion=2.'}"),
    ],
)
def test_rules_name_the_settings_in_the_text_of_windows_powershell(host, source, test):
    data = {"": ["Available", "None", CLASSIC]}
    assert fired(host(log("PowerShell", 400, "Windows PowerShell", data), rules=rule("R", 1, source, test))) == {"R"}


@pytest.mark.parametrize(
    ("test", "fires"),
    [
        ("s: {Imphash: 'f34d5f2d4577ed6d9ceec516c1f5a744'}", True),
        ("s: {md5: '0123456789abcdef0123456789abcdef'}", True),
        ("s: {sha256: 'BB'}", True),
        ("s: {md5: 'BB'}", False),
        (r"s: {Image|endswith|neq: '\b.exe'}", True),
        (r"s: {Image|endswith|neq: ['\b.exe', '\a.exe']}", False),
    ],
)
def test_rules_name_one_digest_of_sysmon_or_what_is_not_equal(host, test, fires):
    sums = "SHA1=AA,MD5=0123456789ABCDEF0123456789ABCDEF,SHA256=BB,IMPHASH=F34D5F2D4577ED6D9CEEC516C1F5A744"
    files = log(SYSMON, 1, f"{SYSMON}/Operational", {"Image": "C:\\a.exe", "Hashes": sums})
    assert (fired(host(files, rules=rule("R", 1, PROCESS, test))) == {"R"}) is fires


def _at(second: int) -> tuple[int, str]:
    """A moment as FILETIME and as text."""
    return mft_table.TICKS + second * 10_000_000, f"2025-08-18T14:13:{20 + second:02}.0000000Z"


def test_a_unit_with_several_commands_says_so_and_the_finding_names_the_grave_one(host):
    text = "[Service]\nType=oneshot\nExecStart=/usr/bin/true ; /dev/shm/x --a\n"
    case = host({"etc/systemd/system/e.service": text})
    assert "and 1 more" in records(case, "systemd_units")[0]["message"]
    (finding,) = CaseReader(case).findings()
    assert 'runs "/dev/shm/x --a"' in finding["message"]


@pytest.mark.parametrize(
    ("path", "text", "ignored"),
    [  # sudoers(5), run-parts(8), Desktop Application Autostart Specification
        ("etc/sudoers.d/x.bak", "www-data ALL=(ALL) NOPASSWD: ALL\n", True),
        ("etc/sudoers.d/x~", "www-data ALL=(ALL) NOPASSWD: ALL\n", True),
        ("etc/sudoers.d/x", "www-data ALL=(ALL) NOPASSWD: ALL\n", False),
        ("etc/xdg/autostart/x.desktop", "[Desktop Entry]\nType=Application\nExec=/dev/shm/d\nHidden=true\n", True),
        ("etc/xdg/autostart/x.desktop", "[Desktop Entry]\nType=Application\nExec=/dev/shm/d\nHidden=false\n", False),
        ("etc/update-motd.d/99-x.sh", "#!/bin/sh\n/dev/shm/m\n", True),
        ("etc/update-motd.d/99-x", "#!/bin/sh\n/dev/shm/m\n", False),
    ],
)
def test_what_the_real_reader_passes_over_is_not_told_as_running(host, path, text, ignored):
    case = host({path: text})
    found = [r for r in records(case, "startup_files") if r["escadre.source"] == f"/{path}"]
    assert {("escadre.startup.passed_over" in r) for r in found} == {ignored}
    (high,) = [f for f in CaseReader(case).findings() if f["escadre.severity"] == "high"]
    assert (" pass" in high["message"] or "do not start" in high["message"]) is ignored


def test_a_login_of_an_ftp_server_is_not_told_as_ssh(host):
    case = host({"var/log/wtmp": entry(7, 100, "ftpd3333", "carol", "203.0.113.9", 1_770_000_000)})
    assert [r["escadre.logon.kind"] for r in records(case, "logons")] == ["ftp"]


def _point(tag: int, path: str) -> bytes:
    """A reparse point, after [MS-FSCC] 2.1.2.4 and 2.1.2.5."""
    substitute, printed = f"\\??\\{path}".encode("utf-16-le"), path.encode("utf-16-le")
    head = struct.pack("<4H", 0, len(substitute), len(substitute) + 2, len(printed)) + (bytes(4) if tag == 0xA000000C else b"")
    body = head + substitute + b"\0\0" + printed + b"\0\0"
    return mft_table.resident(0xC0, struct.pack("<IHH", tag, len(body), 0) + body)


MARK = b"[ZoneTransfer]\r\nZoneId=3\r\nReferrerUrl=http://r.example/\r\nHostUrl=http://h.example/a.exe\r\n"


def test_the_table_of_files_says_where_links_lead_and_where_downloads_came_from(host):
    """MFTECmd's users ask for ZoneIdContents and for reparse targets; fls and istat show the same from the image."""
    entries = {
        0: mft_table.entry(mft_table.standard(6), mft_table.name("$MFT", space=3)),
        5: mft_table.entry(mft_table.standard(6), mft_table.name(".", space=3), flags=3, sequence=5),
        24: mft_table.entry(mft_table.standard(0x400), mft_table.name("Docs"), _point(0xA0000003, "D:\\hidden"), flags=3),
        25: mft_table.entry(mft_table.standard(0x400), mft_table.name("link.txt"), _point(0xA000000C, "C:\\a b.txt")),
        26: mft_table.entry(mft_table.standard(), mft_table.name("a.exe"), mft_table.resident(0x80, MARK, "Zone.Identifier")),
        27: mft_table.entry(mft_table.standard(), mft_table.name("LONGNA~1.TXT", space=2), mft_table.name("long name.txt")),
        28: mft_table.entry(mft_table.standard(), mft_table.name("SHORT.TXT", space=2)),
        29: mft_table.entry(mft_table.standard(0x400), mft_table.name("cut"), mft_table.resident(0xC0, b"\x03\0\0\xa0\xff\xff")),
    }
    found = {r["file.name"]: r for r in records(host({"Windows/System32/x": b"x", "$MFT": mft_table.table(entries)}), "mft")}
    assert found["Docs"]["file.target_path"] == "D:\\hidden"
    assert found["link.txt"]["file.target_path"] == "C:\\a b.txt"
    assert found["a.exe"]["escadre.settings"][0] == "ZoneId=3"
    assert found["a.exe"]["file.origin_url"] == "http://h.example/a.exe"
    assert found["a.exe"]["file.origin_referrer_url"] == "http://r.example/"
    assert found["long name.txt"]["escadre.mft.short_name"] == "LONGNA~1.TXT"
    assert "escadre.mft.short_name" not in found["SHORT.TXT"]
    assert "file.target_path" not in found["cut"]


@pytest.mark.parametrize("count", [261, 300, 0xFFFF])
def test_a_shortcut_is_read_as_windows_reads_it_whatever_the_counts_of_its_strings_say(count):
    """EricZimmerman/Lnk 22, Matmaus/LnkParse3 39, XDSpy: Windows reads 260 characters of a comment, and the arguments begin behind them."""
    comment = "x" * 260
    shown = "file.pdf"  # what a reader finds that trusts the count
    hidden = '/c "calc.exe"'
    data = struct.pack("<I16sI", 76, bytes.fromhex("0114020000000000c000000000000046"), 0x80 | 0x4 | 0x20).ljust(76, b"\0")
    data += struct.pack("<H", count) + comment.encode("utf-16-le")
    data += struct.pack("<H", len(hidden)) + hidden.encode("utf-16-le")
    data += bytes(2 * max(count - 260 - len(hidden) - 1, 0)) + struct.pack("<H", len(shown)) + shown.encode("utf-16-le") + bytes(4)
    found = target(data)
    assert found.arguments == hidden
    assert any("of which Windows reads 260" in problem for problem in found.problems)


def test_a_string_of_a_shortcut_ends_at_its_zero():
    data = struct.pack("<I16sI", 76, bytes.fromhex("0114020000000000c000000000000046"), 0x80 | 0x20).ljust(76, b"\0")
    text = "-a\0hidden"
    assert target(data + struct.pack("<H", len(text)) + text.encode("utf-16-le") + bytes(4)).arguments == "-a"


def test_every_element_of_a_task_is_in_its_record():
    """Held against ElementTree: each text of the XML is somewhere in the record (a working directory, a descriptor, a second principal)."""
    texts = [f"value{n}" for n in range(16)]
    xml = (
        "<Task version='1.4'><RegistrationInfo><SecurityDescriptor>{}</SecurityDescriptor><Source>{}</Source>"
        "<Documentation>{}</Documentation></RegistrationInfo><Triggers><TimeTrigger><Repetition><Interval>{}</Interval></Repetition><RandomDelay>{}</RandomDelay></TimeTrigger>"
        "</Triggers><Principals><Principal id='A'><UserId>{}</UserId><RequiredPrivileges><Privilege>{}</Privilege></RequiredPrivileges>"
        "</Principal><Principal id='B'><UserId>{}</UserId></Principal></Principals><Settings><IdleSettings><Duration>{}</Duration>"
        "</IdleSettings><Priority>{}</Priority></Settings><Data>{}</Data><Actions Context='A'><Exec><Command>{}</Command></Exec>"
        "<Exec><Command>{}</Command><Arguments>{}</Arguments><WorkingDirectory>{}</WorkingDirectory></Exec>"
        "<ComHandler><ClassId>{}</ClassId></ComHandler></Actions></Task>"
    ).format(*texts)
    (record,) = scheduled_tasks.parse(Evidence("C:\\Windows\\System32\\Tasks\\x", xml.encode()), Host("c"))
    held = str(record.fields)
    found = {element.text for element in ET.fromstring(xml).iter() if (element.text or "").strip()}
    assert found == set(texts)
    assert [text for text in found if f"{text}'" not in held and f"{text} " not in held] == []


@pytest.mark.parametrize(
    ("provider", "code", "channel", "data", "sentence"),
    [
        ("Application Error", 1000, "Application", {"": ["lsass.exe", "1", "x", "evil.dll"]}, "lsass.exe crashed in evil.dll."),
        ("Service Control Manager", 7045, "System", {"ServiceName": "a\u202egpj.exe"}, "\\u202e"),
        (
            "Microsoft-Windows-Security-Auditing",
            4625,
            "Security",
            {"TargetUserName": "admin\u200b", "LogonType": "3"},
            "admin\\u200b failed",
        ),
        ("WudfUsbccidDriver", 104, "System", {"bcdCCID": "0x100"}, "WudfUsbccidDriver logged event 104"),
    ],
)
def test_sentences_show_what_is_there(host, provider, code, channel, data, sentence):
    """wazuh/wazuh 39373: event 104 of a card reader is no cleared log. Characters that nobody sees are shown, the record keeps them."""
    (found,) = records(host(log(provider, code, channel, data)), "evtx")
    assert sentence in found["message"]


def test_failures_of_an_account_by_its_principal_name_count_before_its_logon(host):
    failed = [Event("Security", AUDITING, 4625, *_at(n), "PC", {**WHO, "TargetUserName": "bob@corp.example"}) for n in range(6)]
    won = Event(
        "Security", AUDITING, 4624, *_at(9), "PC", {**WHO, "TargetUserName": "bob", "TargetDomainName": "CORP", "TargetLogonId": "0x99"}
    )
    case = host({"Windows/System32/winevt/Logs/Security.evtx": build([*failed, won])})
    assert [r.get("escadre.logon.failures_before") for r in records(case, "logons")] == [None, 6]


def test_what_a_shortcut_says_beside_its_target_is_in_its_record(host):
    """LECmd's columns: times and size of the target, volume, tracking. Held against LnkParse3 on 960 links of the corpus: no difference."""
    volume = struct.pack("<4I", 16 + 5, 3, 0xBEEF0001, 16) + b"DATA\0"
    base = b"C:\\a.exe\0\0"
    info = (
        struct.pack("<7I", 28 + len(volume) + len(base), 28, 1, 28, 28 + len(volume), 0, 28 + len(volume) + len(base) - 1) + volume + base
    )
    times = (mft_table.TICKS, mft_table.TICKS + 10_000_000, mft_table.TICKS + 20_000_000)
    flags = 0x2 | 0x4 | 0x10 | 0x40 | 0x80
    data = struct.pack(
        "<I16sII3QIIIH", 76, bytes.fromhex("0114020000000000c000000000000046"), flags, 0x20, *times, 4711, 3, 7, 0x041
    ).ljust(76, b"\0")
    data += info
    for text in ("a comment", "C:\\work", "\\\\198.51.100.7\\i\\x.ico"):
        data += struct.pack("<H", len(text)) + text.encode("utf-16-le")
    droid = UUID("11111111-2222-1333-8444-00155d0a0b0c")
    data += (
        struct.pack("<4I", 96, 0xA0000003, 88, 0) + b"desktop-7".ljust(16, b"\0") + (UUID(int=1).bytes_le + droid.bytes_le) * 2 + bytes(4)
    )
    case = host({"Users/bob/AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup/a.lnk": data, "Windows/System32/x": b"x"})
    (found,) = records(case, "startup_folder")
    assert found["process.working_directory"] == "C:\\work"
    assert found["escadre.settings"] == [
        "CreationTime=2025-08-18T14:13:20.0000000Z",
        "AccessTime=2025-08-18T14:13:21.0000000Z",
        "WriteTime=2025-08-18T14:13:22.0000000Z",
        "FileSize=4711",
        "ShowCommand=minimised",
        "HotKey=0x0041",
        "Name=a comment",
        "WorkingDir=C:\\work",
        "IconLocation=\\\\198.51.100.7\\i\\x.ico,3",
        "DriveType=fixed",
        "DriveSerialNumber=BEEF0001",
        "VolumeLabel=DATA",
        f"Droid={droid}",
        f"DroidBirth={droid}",
        f"DroidVolume={UUID(int=1)}",
    ]


@pytest.mark.parametrize("used", [288, 344, 400])
def test_what_a_freed_entry_still_holds_behind_its_used_part_is_read(used):
    """Crate mft on EricZimmerman/MFT's table `xw`: twelve deleted files have their content's size there, and nowhere else."""
    whole = bytearray(mft_table.entry(mft_table.standard(), mft_table.name("gone.exe"), mft_table.far(0x80, 6552), flags=0))
    struct.pack_into("<I", whole, 24, used)
    found = ntfs.read(bytes(whole))
    assert (found.names[0].name, found.size) == ("gone.exe", 6552)
    assert ntfs.read(bytes(whole[:64]) + b"\xff" * 8 + bytes(952)).size == -1
