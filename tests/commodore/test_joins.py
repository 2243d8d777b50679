"""What is used again: a name, number or id that two objects share lends none of them anything of the other.

Entries and references of $MFT are in test_mft.py, process ids in test_process_tree.py and test_live_processes.py, logon ids, process ids of
logins, account names and security ids in test_logons.py, drive letters and control sets of targets in test_missing_targets.py.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from commodore.artefact import Record
from commodore.artefacts.windows.files import wmi_repository
from commodore.case.inventory import compare, entries
from commodore.case.reader import CaseReader
from commodore.derived import persistence
from commodore.engine.process import process
from commodore.host import Host
from commodore.readers.computers import Computers
from fixtures.windows.evtx import Event, build
from scout.console import Complaint
from tests.commodore.cases import records
from tests.commodore.registry_hives import hive
from tests.commodore.reported import *  # noqa: F403  (a fixture)
from tests.commodore.test_logons import HOME, STRANGER, after, derived, history, logoff, logon
from tests.commodore.test_process_tree import security, sysmon, tree
from tests.commodore.test_wmi_repository import evidence, subscription
from tests.commodore.views import MemoryView

from fixtures.wmi.writer import Repository  # isort: skip

WINDOWS = Host("c", name="pc", os="windows", system_root="C:\\Windows")
EVIL, GOOD = "C:\\Users\\Public\\evil.exe", "C:\\Program Files\\Good\\good.exe"


@pytest.mark.parametrize(
    ("names", "computers"),
    [(["PC", "pc.a.example", "PC.A.EXAMPLE"], 1), (["pc.a.example", "pc.b.example", "PC"], 2), (["pc", "pc2"], 2), (["", None], 1)],
)
def test_two_computers_of_one_name_and_different_domains_are_two(names, computers):
    known = Computers()
    assert len({known.key(name) for name in names}) == computers


def test_processes_of_two_computers_of_one_name_are_no_parents_of_each_other():
    other = security("2026-01-01T00:00:01Z", 200, 100, "x.exe") | {"winlog.computer_name": "PC.elsewhere"}
    found = tree(evtx=[security("2026-01-01T00:00:00Z", 100, 4, "p.exe"), other])
    assert "process.parent.name" not in next(f for f in found if f["process.name"] == "x.exe")


def test_an_entity_id_that_two_computers_have_is_two_processes():
    """Clones of one image have the machine id from which Sysmon makes it."""
    first = sysmon("2026-01-01T00:00:00Z", 100, 4, "p.exe", "{A}", "")
    copy = sysmon("2026-01-01T00:00:00Z", 300, 4, "q.exe", "{A}", "") | {"winlog.computer_name": "CLONE.example"}
    child = sysmon("2026-01-01T00:00:05Z", 301, 300, "x.exe", "{B}", "{A}") | {"winlog.computer_name": "CLONE.example"}
    found = {f["process.name"]: f for f in tree(evtx=[first, copy, child])}
    assert found["x.exe"]["process.parent.name"] == "q.exe"
    assert found["p.exe"]["process.pid"] == 100 and found["q.exe"]["process.pid"] == 300


def test_a_logon_id_of_another_computer_of_the_name_ends_no_session(tmp_path):
    begun, ended = logon(after(0), "alice", "0x77", HOME), logoff(after(9), "alice", "0x77")
    (only,) = derived(tmp_path, [begun, replace(ended, computer=f"{begun.computer.partition('.')[0]}.elsewhere")])
    assert "event.end" not in only


def test_events_of_a_log_that_was_cleared_have_the_numbers_of_others_and_are_records_of_their_own(host):
    """EventRecordID begins with 1 again; both logs are there, one of them as a copy that an administrator saved."""
    begin, manager = 134_000_000_000_000_000, "Service Control Manager"
    made = [
        Event("System", manager, 7045, begin + shift, f"2025-08-18T02:13:20.000000{shift}Z", "PC", {"ServiceName": name, "ImagePath": path})
        for shift, name, path in ((0, "a", GOOD), (9, "b", EVIL))
    ]
    case = host({f"Windows/System32/winevt/Logs/{name}.evtx": build([one]) for name, one in zip(("System", "Saved"), made, strict=True)})
    found = {r["winlog.event_data"]["ServiceName"]: r for r in records(case, "evtx")}
    assert found["a"]["winlog.record_id"] == found["b"]["winlog.record_id"]
    (finding,) = [f for f in CaseReader(case).findings() if f["rule.id"] == "W050"]
    assert "evil.exe" in finding["message"]
    cited = {r["escadre.id"]: r for r in records(case, "evtx")}
    used = [r for r in records(case, "persistence") if r["escadre.id"] in finding["escadre.records"] or r["service.name"] == "b"]
    assert {cited[one]["winlog.event_data"]["ServiceName"] for r in used for one in r["escadre.records_used"] if one in cited} == {"b"}


def test_a_security_id_of_another_machine_gets_no_name_of_this_one(tmp_path):
    """The last number of local accounts begins at 1000 on each machine."""
    made = Repository()
    subscription(made, CreatorSID=bytes.fromhex("010500000000000515000000010000000200000003000000e9030000"))
    made.write(tmp_path)
    for users, name in (({"S-1-5-21-9-9-9-1001": "paul"}, None), ({"S-1-5-21-1-2-3-1001": "paul"}, "paul")):
        read = wmi_repository.parse(evidence(tmp_path), Host("c", users=users))
        (consumer,) = [r for r in read if isinstance(r, Record) and r.fields["escadre.wmi.object"] == "consumer"]
        assert consumer.fields.get("user.name") == name


def test_failures_and_history_of_a_source_stay_with_their_account(tmp_path):
    """Somebody else's failures from the same place came before, but no earlier logon of this account is in the log."""
    found = derived(tmp_path, [*history(), logon(after(5), "other", "0x1", STRANGER)])
    assert "escadre.logon.first_from_source" not in found[-1]


def task(path: str, command: str) -> dict:
    return {"event.dataset": "scheduled_tasks", "escadre.task.path": path, "escadre.task.commands": [command], "escadre.id": path}


def test_tasks_of_one_name_in_two_folders_are_two(host):
    """The cache has what the file of the same folder has; the file of the other one is no contradiction, and lends no command."""
    cached = [task("\\A\\Update", GOOD), task("\\B\\Update", EVIL)]
    cached = [one | {"event.dataset": "task_cache", "registry.path": f"HKLM\\SOFTWARE\\T\\{n}"} for n, one in enumerate(cached)]
    files = [task("\\A\\Update", GOOD), task("\\B\\Update", EVIL)]
    for given, contradicted in ((files, set()), ([files[0], task("\\B\\Update", GOOD)], {"\\B\\Update"})):
        made = [r.fields for r in persistence.derive(MemoryView(task_cache=cached, scheduled_tasks=given), WINDOWS)]
        assert {r["target"]["name"] for r in made if "its file starts" in r["message"] and r.get("escadre.severity")} == contradicted
        assert {r["target"]["name"] for r in made if "evil.exe" in str(r.get("target", {}).get("data"))} <= {"\\B\\Update"}


def test_a_service_of_another_control_set_makes_no_trigger_suspicious(host):
    """The last known good set has the plant, the current one the service of the vendor, with the same name."""
    keys: dict = {"Select": {"Current": 1, "Default": 1, "LastKnownGood": 2}}
    for number, path in ((1, GOOD), (2, EVIL)):
        service = f"ControlSet00{number}\\Services\\Updater"
        keys |= {service: {"ImagePath": path, "Start": 2, "Type": 16}, f"{service}\\TriggerInfo\\0": {"Type": 1, "Action": 1}}
    case = host({"Windows/System32/config/SYSTEM": hive(keys)})
    found = {r["registry.path"].split("\\")[2]: r.get("escadre.severity") for r in records(case, "persistence") if r["rule.id"] == "W053"}
    assert found == {"ControlSet001": None, "ControlSet002": "high"}


def test_hosts_of_one_name_are_compared_apart(tmp_path):
    """Two machines that are both called web: what one of them starts is not what the other one starts."""
    for number, line in enumerate(("1 2 * * * root /usr/sbin/a", "1 2 * * * root /usr/sbin/b")):
        root = tmp_path / f"disk{number}"
        (root / "etc/cron.d").mkdir(parents=True)
        (root / "etc/hostname").write_text("web\n")
        (root / "etc/passwd").write_text(f"root:x:0:0:{number}:/root:/bin/sh\n")
        (root / "etc/cron.d/job").write_text(f"{line}\n")
    process([tmp_path / "disk0", tmp_path / "disk1"], tmp_path / "case", workers=1)
    process([tmp_path / "disk0"], tmp_path / "one", workers=1)
    found = dict(entries(tmp_path / "case"))
    assert sorted(entry.starts for inventory in found.values() for entry in inventory.values() if entry.starts) == [
        "/usr/sbin/a",
        "/usr/sbin/b",
    ]
    assert len(found) == 2 and all(name.startswith("web (") for name in found)
    assert list(compare(tmp_path / "one", tmp_path / "one")) == []
    with pytest.raises(Complaint, match="no host in common"):
        list(compare(tmp_path / "one", tmp_path / "case"))
