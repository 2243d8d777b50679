"""Event logs as a source of the persistence inventory: what was registered, changed and removed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from commodore.case.reader import CaseReader
from commodore.derived import persistence
from commodore.engine.process import process
from commodore.host import Host
from commodore.persistence.logged import event_rows, logged
from tests.commodore.views import MemoryView

HOST = Host("c", name="fs01", os="windows", system_root="C:\\Windows")
SECURITY, SYSMON = "Microsoft-Windows-Security-Auditing", "Microsoft-Windows-Sysmon"
MANAGER, SCHEDULER, ACTIVITY = "Service Control Manager", "Microsoft-Windows-TaskScheduler", "Microsoft-Windows-WMI-Activity"
TASK = (
    '<?xml version="1.0" encoding="UTF-16"?>\n<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">'
    "<Actions><Exec><Command>C:\\Users\\Public\\a.exe</Command><Arguments>-x</Arguments></Exec></Actions></Task>"
)


def event(number: int, provider: str, code: str, computer: str = "FS01.corp.example", **data: str) -> dict:
    return {
        "event.dataset": "evtx",
        "escadre.id": f"e{number}",
        "@timestamp": f"2026-01-01T00:00:{number:02}Z",
        "event.provider": provider,
        "event.code": code,
        "winlog.computer_name": computer,
        "winlog.event_data": data,
    }


def entries(*events: dict, **others: list[dict]) -> list[dict]:
    return [made.fields | {"state": made.state} for made in persistence.derive(MemoryView(evtx=list(events), **others), HOST)]


VALUE = "\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run\\x"
SID = "S-1-5-21-1-2-3-1001"


@pytest.mark.parametrize(
    ("given", "row", "severity"),
    [
        (event(1, MANAGER, "7045", ServiceName="a", ImagePath="C:\\Users\\Public\\a.exe", StartType="auto start"), "W050", "high"),
        (event(1, MANAGER, "7045", ServiceName="a", ImagePath="C:\\Program Files\\A\\a.exe", StartType="auto start"), "W050", ""),
        (event(1, SECURITY, "4697", ServiceName="a", ServiceFileName="%COMSPEC% /c powershell -w hidden x"), "W050", "high"),
        (event(1, SECURITY, "4698", TaskName="\\a", TaskContent=TASK), "W100", "high"),
        (event(1, SECURITY, "4702", TaskName="\\a", TaskContentNew=TASK), "W100", "high"),
        (event(1, SCHEDULER, "129", TaskName="\\a", Path="C:\\Windows\\Temp\\a.exe"), "W100", "high"),
        (event(1, SCHEDULER, "106", TaskName="\\a", UserContext="x"), "W100", ""),
        (event(1, SYSMON, "13", TargetObject=f"HKLM{VALUE}", Details="C:\\Windows\\Temp\\a.exe"), "W001", "high"),
        (event(1, SYSMON, "13", TargetObject=f"HKU\\{SID}\\Software{VALUE[9:]}", Details="C:\\Windows\\Temp\\a.exe"), "W001", "high"),
        (
            event(
                1, SECURITY, "4657", ObjectName=f"\\REGISTRY\\MACHINE{VALUE[:-2]}", ObjectValueName="x", NewValue="C:\\Windows\\Temp\\a.exe"
            ),
            "W001",
            "high",
        ),
        (
            event(
                1,
                SYSMON,
                "13",
                TargetObject="HKLM\\System\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy\\StandardProfile\\EnableFirewall",
                Details="DWORD (0x00000000)",
            ),
            "W203",
            "medium",
        ),
        (
            event(
                1,
                SYSMON,
                "13",
                TargetObject="HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows Defender\\DisableAntiSpyware",
                Details="DWORD (0x00000001)",
            ),
            "W200",
            "high",
        ),
        (
            event(1, SYSMON, "13", TargetObject="HKLM\\System\\CurrentControlSet\\Services\\EventLog\\Start", Details="DWORD (0x00000004)"),
            "W202",
            "high",
        ),
        (
            event(1, SYSMON, "13", TargetObject="HKLM\\System\\CurrentControlSet\\Services\\VSS\\Start", Details="DWORD (0x00000004)"),
            "W204",
            "medium",
        ),
        (
            event(
                1,
                SYSMON,
                "13",
                TargetObject="HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\System\\EnableLUA",
                Details="DWORD (0x00000000)",
            ),
            "W203",
            "medium",
        ),
        (
            event(
                1,
                SECURITY,
                "4657",
                ObjectName="\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet001\\Services\\SharedAccess\\Parameters\\FirewallPolicy\\PublicProfile",
                ObjectValueName="EnableFirewall",
                NewValue="0",
            ),
            "W203",
            "medium",
        ),
        (
            event(1, SYSMON, "13", TargetObject="HKLM\\System\\CurrentControlSet\\Services\\a\\ImagePath", Details="%%TEMP%%\\a"),
            "W050",
            "high",
        ),
        (
            event(
                1,
                SYSMON,
                "13",
                TargetObject="HKLM\\System\\CurrentControlSet\\Services\\a\\Parameters\\ServiceDll",
                Details="C:\\ProgramData\\a.dll",
            ),
            "W051",
            "high",
        ),
        (
            event(
                1,
                SYSMON,
                "13",
                TargetObject="HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Image File Execution Options\\sethc.exe\\Debugger",
                Details="C:\\Windows\\System32\\cmd.exe",
            ),
            "W150",
            "critical",
        ),
        (
            event(1, SYSMON, "20", Name=' "a"', Type="Command Line", Destination=' "cmd.exe /c powershell -enc AAAAAAAAAAAAAAAAAAAAAAAA"'),
            "W110",
            "medium",
        ),
        (
            event(
                1,
                ACTIVITY,
                "5861",
                Namespace="//./root/subscription",
                ESS="a",
                CONSUMER='CommandLineEventConsumer="a"',
                PossibleCause='Binding EventFilter: instance of __EventFilter { Name = "a"; Query = "SELECT * FROM X"; }; Perm. Consumer: '
                'instance of CommandLineEventConsumer { CommandLineTemplate = "C:\\\\Users\\\\Public\\\\a.exe"; Name = "a"; };',
            ),
            "W110",
            "high",
        ),
    ],
)
def test_an_event_leads_to_an_entry_that_its_row_judges(given: dict, row: str, severity: str) -> None:
    found = [(e["rule.id"], e.get("escadre.severity", "")) for e in entries(given) if e["escadre.records_used"] == ["e1"]]
    assert (row, severity) in found, found


def test_user_data_of_events_is_read_as_event_data_is() -> None:
    one = event(1, ACTIVITY, "5861", ESS="a", CONSUMER='ActiveScriptEventConsumer="a"')
    one["winlog.user_data"] = {f"Operation_ESStoConsumerBinding.{name}": text for name, text in one.pop("winlog.event_data").items()}
    assert [e["rule.id"] for e in entries(one)] == ["W111"]


def test_events_of_one_object_are_one_entry_and_the_last_one_counts() -> None:
    made = event(1, SECURITY, "4698", TaskName="\\a", TaskContent=TASK)
    gone = event(2, SECURITY, "4699", TaskName="\\A")
    (entry,) = entries(made, gone)
    assert entry["state"] == "deleted" and entry["escadre.severity"] == "medium" and entry["message"].startswith("Deleted, not live")
    assert entry["escadre.records_used"] == ["e1", "e2"] and "2 events" in entry["message"]
    again = event(3, SECURITY, "4698", TaskName="\\a", TaskContent=TASK)
    assert [e["state"] for e in entries(made, gone, again)] == ["live"]
    (other,) = entries(event(4, SYSMON, "12", EventType="DeleteValue", TargetObject=f"HKLM{VALUE}"))
    assert other["state"] == "deleted"


def test_what_the_collection_shows_too_is_one_entry() -> None:
    service = {
        "event.dataset": "services",
        "escadre.id": "s",
        "service.name": "Acme",
        "process.command_line": "C:\\Users\\Public\\a.exe",
        "escadre.service.start": "auto",
    }
    logs = event(1, MANAGER, "7045", ServiceName="ACME", ImagePath='"C:\\Users\\Public\\A.exe"')
    (entry,) = entries(logs, services=[service])
    assert entry["escadre.records_used"] == ["s", "e1"] and "Only event logs" not in entry["message"]
    changed = event(2, MANAGER, "7045", ServiceName="ACME", ImagePath="C:\\Users\\Public\\other.exe")
    assert len(entries(changed, services=[service])) == 2
    elsewhere = event(3, MANAGER, "7045", "OTHER", ServiceName="ACME", ImagePath="C:\\Users\\Public\\a.exe")
    assert len(entries(elsewhere, services=[service])) == 2


@pytest.mark.parametrize(
    "given",
    [
        event(1, SYSMON, "13", TargetObject="HKLM\\SOFTWARE\\ACME\\x", Details="1"),
        event(1, SYSMON, "13", TargetObject="nonsense", Details="1"),
        event(1, SYSMON, "19", Name="a", Query="SELECT"),
        event(1, MANAGER, "7045"),
        event(1, "Another", "7045", ServiceName="a", ImagePath="C:\\Users\\Public\\a.exe"),
        event(1, SECURITY, "4697", ServiceName="a"),
    ],
)
def test_an_event_that_names_no_place_of_the_table_is_no_entry(given: dict) -> None:
    assert entries(given) == []


def test_bounds_and_broken_definitions() -> None:
    broken = event(1, SECURITY, "4698", TaskName="\\a", TaskContent="<Task" + "x" * 100)
    assert [e["rule.id"] for e in entries(broken)] == ["W100"]
    many = [event(n % 60, MANAGER, "7045", ServiceName="a", ImagePath="x") for n in range(200)]
    assert len(logged(many)) == 1 and len(logged(many)[0].events) == 50
    assert {code for _, code in event_rows()} >= {"7045", "4697", "4698", "106", "140", "13", "20", "21", "5861"}


def test_real_logs_lead_to_entries(corpus: Path, tmp_path: Path) -> None:
    """One log of each kind of event; all 400 records of the list lead to an entry but for nine."""
    truth = json.loads((corpus / "truth-shared/persistence_events.json").read_text())["records"]
    chosen = {"ID19-20-WMI registration via PowerLurk.evtx", "ID12,13-Stickey key registry update.evtx"}
    records = [r for r in truth if Path(r["path"]).name in chosen]
    for path in {r["path"] for r in records}:
        (tmp_path / "host").mkdir(exist_ok=True)
        shutil.copyfile(corpus / path, tmp_path / "host" / Path(path).name)
    process([tmp_path / "host"], tmp_path / "case", workers=1)
    found = list(CaseReader(tmp_path / "case").records("persistence"))
    assert sorted((e["rule.id"], e["escadre.severity"]) for e in found) == [("W110", "high"), ("W150", "critical")]
