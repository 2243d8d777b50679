"""`scout sweep` in the registry of a disk: keys and values that lists name are found at every place that the name means, decoys are not."""

from __future__ import annotations

import json

import pytest

from tests.commodore.registry_hives import hive
from tests.scout.collecting import scout

RUN = r"Microsoft\Windows\CurrentVersion\Run"
CLSID = "{11111111-2222-3333-4444-555555555555}"


@pytest.fixture
def disk(tmp_path):
    """A Windows disk with five hives: a plant of each kind, and a decoy beside it."""
    root = tmp_path / "disk"
    config, home = root / "Windows/System32/config", root / "Users/agnes"
    classes = home / "AppData/Local/Microsoft/Windows"
    for folder in (config, classes):
        folder.mkdir(parents=True)
    software = {
        rf"Wow6432Node\{RUN}": {"Updater": r"C:\x\plant.exe", "UpdaterX": "decoy"},
        r"Planted\Tool\Below": {"a": "b"},
        r"PlantedX\Tool": {"a": "b"},
    }
    system = {
        "Select": {"Current": 1},
        r"ControlSet001\Services\planted": {"ImagePath": "x"},
        r"ControlSet002\Services\planted-too": {"ImagePath": "decoy"},
    }
    (config / "SOFTWARE").write_bytes(hive(software))
    (config / "SYSTEM").write_bytes(hive(system))
    (config / "DEFAULT").write_bytes(b"regf" + bytes(100))
    (home / "NTUSER.DAT").write_bytes(hive({r"Software\Planted\Tool": {"a": "b"}}))
    (classes / "UsrClass.dat").write_bytes(hive({rf"CLSID\{CLSID}\InprocServer32": {"": "x.dll"}}))
    return root


@pytest.fixture
def listed(tmp_path):
    """The indicators as a text, as MISP and as STIX have them."""
    (tmp_path / "plain.txt").write_text(
        f"HKLM\\SOFTWARE\\{RUN}\\Updater\nregkey: HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\planted\n"
    )
    misp = {"Event": {"Attribute": [{"type": "regkey", "value": r"HKCU\Software\Planted\Tool", "to_ids": True}]}}
    (tmp_path / "misp.json").write_text(json.dumps(misp))
    stix = {
        "type": "bundle",
        "id": "bundle--1",
        "objects": [
            {
                "type": "indicator",
                "id": "indicator--1",
                "pattern_type": "stix",
                "pattern": f"[windows-registry-key:key = 'HKEY_CLASSES_ROOT\\\\CLSID\\\\{CLSID}']",
                "valid_from": "2026-01-01T00:00:00Z",
            }
        ],
    }
    (tmp_path / "stix.json").write_text(json.dumps(stix))
    return [word for name in ("plain.txt", "misp.json", "stix.json") for word in ("--ioc", str(tmp_path / name))]


def test_keys_and_values_are_found_in_every_hive_that_the_name_means(disk, listed, capsys):
    assert scout("sweep", *listed, "--root", str(disk)) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = {(line["path"].rpartition("\\")[2], line["text"]) for line in lines if line.get("place") == "registry"}
    assert found == {
        ("SOFTWARE", rf"Software\{RUN}\Updater"),
        ("SOFTWARE", r"Software\Planted\Tool"),
        ("SYSTEM", r"System\CurrentControlSet\Services\planted"),
        ("NTUSER.DAT", r"Software\Planted\Tool"),
        ("UsrClass.dat", rf"Software\Classes\CLSID\{CLSID}"),
    }
    value = next(line for line in lines if line.get("text", "").endswith("Updater"))
    assert r"C:\x\plant.exe" in value["around"] and "written 20" in value["around"] and value["rule"].endswith(r"\run\updater")
    (broken,) = (line for line in lines if str(line.get("not_searched")).endswith("DEFAULT"))
    assert "cannot be read" in broken["why"]


def test_a_list_without_keys_opens_no_hive(disk, tmp_path, capsys):
    (tmp_path / "plain.txt").write_text("evil-dropper.exe\n")
    assert scout("sweep", "--ioc", str(tmp_path / "plain.txt"), "--root", str(disk)) == 0
    assert capsys.readouterr().out == ""


def test_a_key_whose_time_is_beyond_the_calendar_costs_nothing(disk, listed, capsys):
    hive_file = disk / "Users/agnes/NTUSER.DAT"
    data = bytearray(hive_file.read_bytes())
    for at in range(4096, len(data) - 16, 8):
        if data[at + 4 : at + 6] == b"nk":
            data[at + 8 : at + 16] = b"\xff" * 8
    hive_file.write_bytes(data)
    assert scout("sweep", *listed, "--root", str(disk)) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (found,) = (line for line in lines if str(line.get("path")).endswith("NTUSER.DAT"))
    assert "at no time" in found["around"] and any(str(line.get("path")).endswith("UsrClass.dat") for line in lines)
