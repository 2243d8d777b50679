"""Hives where nobody looks first: other case, suffixes, backups, former installations, restore points, services' profiles, odd content."""

from __future__ import annotations

from struct import pack_into

import pytest

from commodore.case import jsonl
from commodore.engine.process import process
from fixtures.hives.build import files
from fixtures.hives.writer import Image, Key
from tests.commodore.cases import ledger, records
from tests.commodore.described import DEFAULT, fill, ticks
from tests.commodore.registry_hives import SAM, hive, run

CONFIG = "Windows/System32/config/"
RESTORE = "System Volume Information/_restore{5F5A}/RP7/snapshot/_REGISTRY_"
DATASETS = ["registry", "run_keys", "services", "com_classes", "boot_configuration", "amcache_files", "sam_users", "persistence"]


def software(name: str) -> bytes:
    return hive({"Microsoft\\Windows\\CurrentVersion\\Run": {name: f"C:\\Users\\Public\\{name}.exe"}})


def user(name: str) -> bytes:
    return hive({"Software\\Microsoft\\Windows\\CurrentVersion\\Run": {name: f"C:\\Users\\Public\\{name}.exe"}})


def classes(name: str) -> bytes:
    """A hive of a user's classes, as Windows names it inside."""
    root = Key("ROOT", ticks(DEFAULT))
    fill(root.at("CLSID\\{0A29FF9E-7F9C-4437-8B11-F424491E3931}\\InprocServer32"), {"(default)": f"C:\\Users\\Public\\{name}.dll"})
    return Image(root, ticks(DEFAULT), "ocal\\Microsoft\\Windows\\UsrClass.dat").hive()


TREE = {
    CONFIG + "SOFTWARE": software("Live"),
    CONFIG + "RegBack/SOFTWARE": software("RegBack"),
    "Windows.old/" + CONFIG + "SOFTWARE": software("Former"),
    "Windows.old/Users/pat/NTUSER.DAT": user("FormerUser"),
    RESTORE + "MACHINE_SOFTWARE": software("Point"),
    RESTORE + "USER_NTUSER_S-1-5-21-1-2-3-1004": user("PointUser"),
    CONFIG + "systemprofile/NTUSER.DAT": user("System"),
    CONFIG + "DEFAULT": user("Logon"),
    "Windows/ServiceProfiles/LocalService/NTUSER.DAT": user("Service"),
    "Users/Default/NTUSER.DAT": user("Template"),
    "Users/paul/ntuser.dat": files()["NTUSER.DAT"],
    "Users/paul/NTUSER.DAT.log1": files()["NTUSER.DAT.LOG1"],
    "Users/zoe/AppData/Local/Microsoft/Windows/UsrClass.dat": classes("Own"),
    "Temp/zoe-classes.bin": classes("Renamed"),
    "Temp/NTUSER.DAT.bak": user("Suffix"),
    CONFIG + "system": hive(
        {
            "Select": {"Current": 3},
            **{f"ControlSet00{n}\\Services\\svc{n}": {"ImagePath": f"C:\\s{n}.exe", "Start": 2, "Type": 16} for n in (1, 3)},
        }
    ),
    CONFIG + "SAM": hive({"SAM\\Domains\\Account\\Users\\000003E9": {"F": b"\2\0" + bytes(77), "V": bytes(205)}}),
    "Boot/BCD": hive(
        {
            "Objects\\{9DEA862C-5CDD-4E70-ACC1-F32B344D4795}\\Description": {"Type": 0x10100002},
            "Objects\\{9DEA862C-5CDD-4E70-ACC1-F32B344D4795}\\Elements\\12000004": {"Element": "Windows Boot Manager"},
        }
    ),
}


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    for path, data in TREE.items():
        (folder / "host" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "host" / path).write_bytes(data)
    process([folder / "host"], folder / "case", workers=1, datasets=DATASETS)
    return folder / "case"


def test_each_hive_is_at_its_place_and_a_copy_says_that_it_is_one(case):
    places = {}
    for record in records(case, "run_keys"):
        value = record["registry.value"]
        places[value] = (record["registry.hive"], record.get("user.id"), record.get("escadre.registry.copy"))
    del places["OneDrive"]
    assert places == {
        "Live": ("HKLM\\SOFTWARE", None, None),
        "RegBack": ("HKLM\\SOFTWARE", None, "a backup"),
        "Former": ("HKLM\\SOFTWARE", None, "a former installation"),
        "FormerUser": ("HKU\\pat", None, "a former installation"),
        "Point": ("HKLM\\SOFTWARE", None, "a restore point"),
        "PointUser": ("HKU\\S-1-5-21-1-2-3-1004", "S-1-5-21-1-2-3-1004", "a restore point"),
        "System": ("HKU\\S-1-5-18", "S-1-5-18", None),
        "Logon": ("HKU\\.DEFAULT", "S-1-5-18", None),
        "Service": ("HKU\\S-1-5-19", "S-1-5-19", None),
        "Template": ("HKU\\Default", None, None),
        "OneDriveUpd": ("HKU\\paul", None, None),
        "Suffix": ("?\\NTUSER.DAT.bak", None, None),
    }
    copies = {record["escadre.source"] for record in records(case, "registry") if record.get("escadre.registry.copy")}
    assert len(copies) == 5


def test_what_lies_in_a_copy_is_found_and_is_nothing_to_remove(case):
    found = {record["registry.path"].rpartition("\\")[2]: record for record in records(case, "persistence") if "registry.path" in record}
    assert found["Former"]["message"].endswith(" It is in a former installation, which Windows does not read.")
    assert found["Former"]["escadre.startup.passed_over"] == "it is in a former installation, which Windows does not read"
    assert "does not read" not in found["Live"]["message"]
    assert {name for name in ("Live", "Former", "RegBack", "Point") if "target" in found[name]} == {"Live"}
    targets = {
        finding["message"].partition(" starts")[0].rpartition("\\")[2]: finding.get("target")
        for path in sorted(case.glob("findings/*.zst"))
        for finding in jsonl.objects(path)
    }
    assert targets["Live"]["path"].endswith("\\Run\\Live")
    assert {targets["Former"], targets["RegBack"], targets["Point"]} == {None}


def test_a_log_of_another_case_belongs_to_its_hive_and_the_current_control_set_may_be_any(case):
    (update,) = [record for record in records(case, "run_keys") if record["registry.value"] == "OneDriveUpd"]
    assert update["escadre.state"] == "replayed"
    assert {record["service.name"]: record["escadre.registry.current"] for record in records(case, "services")} == {
        "svc1": False,
        "svc3": True,
    }


def test_classes_are_known_by_the_name_that_windows_wrote_into_the_hive(case):
    found = {record["escadre.source"].rpartition("\\")[2]: record["registry.hive"] for record in records(case, "com_classes")}
    assert found == {"UsrClass.dat": "HKU\\zoe_Classes", "zoe-classes.bin": "?\\zoe-classes.bin"}


def test_odd_content_is_refused_aloud(case):
    assert records(case, "boot_configuration")[0]["escadre.description"] == "Windows Boot Manager"
    (line,) = [row for row in ledger(case) if row["artefact"] == "sam_users" and row["lost"]]
    assert line["reason"] == "account facts of 79 bytes, revision 0200: only 80 bytes of revision 2 and 3 are known"


def test_the_flags_of_an_account_have_32_bits():
    """[MS-SAMR] 2.2.1.12: 0x00010000 is that no preauthentication is required; 0x00800000 has no name."""
    facts = bytearray(80)
    pack_into("<H", facts, 0, 3)
    pack_into("<III", facts, 48, 1001, 513, 0x00810210)
    ((user,), problems) = run("sam_users", {"SAM\\Domains\\Account\\Users\\000003E9": {"F": bytes(facts), "V": bytes(204)}}, SAM)
    assert user["escadre.account.flags"] == ["normal", "password does not expire", "preauthentication not required", "0x800000"]
    assert (user["user.id"], problems) == ("1001", [])
