"""A hive by normalised paths: machine and user hives, 32-bit copies, control sets, classes; and a parser that dies on one."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import commodore.artefacts
from commodore import catalogue
from commodore.containers.registry import Keys
from commodore.engine.process import process
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.hives.places import _in_header
from fixtures.hives.build import files
from fixtures.hives.writer import Image, Key
from tests.commodore.cases import ROOT, ledger, records

TIME = 132_000_000_000_000_000
CONFIG = "C:\\Windows\\System32\\config\\"
HOST = Host("c", profiles={"S-1-5-21-7": "C:\\Users\\paul"}, users={"S-1-5-21-7": "paul"})
GUILTY = """
import os
from commodore.artefact import Artefact, Record
from commodore.containers.registry import Keys

ARTEFACT = Artefact(
    name="guilty", title="t", about="a", holds=Keys("Software\\\\Microsoft\\\\*"), fields=("registry.key",),
    action="x", message="{registry.key}.", sources=("a test",),
)

def parse(hive, host):
    for found in hive:
        yield Record(found.path, {"registry.key": found.path})
        os._exit(3)
"""


@contextmanager
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, source: str) -> Iterator[None]:
    """An artefact that is found as any other, by being in the package's path."""
    (tmp_path / "planted").mkdir()
    (tmp_path / "planted" / f"{name}.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(commodore.artefacts, "__path__", [*commodore.artefacts.__path__, str(tmp_path / "planted")])
    made = (catalogue.artefacts, catalogue.matcher, catalogue.containers)
    for cached in made:
        cached.cache_clear()
    try:
        yield
    finally:
        sys.modules.pop(f"commodore.artefacts.{name}", None)
        for cached in made:
            cached.cache_clear()


def hive(*paths: str, select: int = 0) -> bytes:
    root = Key("ROOT", TIME)
    for path in paths:
        root.at(path.replace("/", "\\"))
    if select:
        root.at("Select").put(Current=select)
    return Image(root, TIME, "x").hive()


def found(data: bytes, *patterns: str, source: str = CONFIG + "SOFTWARE") -> list[tuple[str, str, bool, int, bool | None]]:
    """(path in the hive, normalised path, 32-bit copy, control set, current) of the keys that fit."""
    holds = Keys(*patterns)
    view = Keys.open(Evidence(source, data), HOST).offer(holds)
    return [(f.key.path, f.path, f.wow64, f.control_set, f.current) for f in view] if view else []


def test_software_is_found_in_machine_and_user_hives_and_in_32_bit_copies():
    data = hive("Microsoft/Run", "Wow6432Node/Microsoft/Run", "Software/Microsoft/Run", "Software/WOW6432NODE/Microsoft/Run")
    assert found(data, "software\\MICROSOFT\\run") == [
        ("Microsoft\\Run", "Software\\Microsoft\\Run", False, 0, None),
        ("Wow6432Node\\Microsoft\\Run", "Software\\Microsoft\\Run", True, 0, None),
        ("Software\\Microsoft\\Run", "Software\\Microsoft\\Run", False, 0, None),
        ("Software\\WOW6432NODE\\Microsoft\\Run", "Software\\Microsoft\\Run", True, 0, None),
    ]


def test_every_control_set_is_found_and_the_selected_one_is_marked():
    data = hive("ControlSet001/Services/a", "ControlSet002/Services/b", "Setup", select=2)
    assert found(data, "System\\CurrentControlSet\\Services\\*", source=CONFIG + "SYSTEM") == [
        ("ControlSet001\\Services\\a", "System\\CurrentControlSet\\Services\\a", False, 1, False),
        ("ControlSet002\\Services\\b", "System\\CurrentControlSet\\Services\\b", False, 2, True),
    ]
    assert [key for key, *_ in found(data, "System\\Setup")] == ["Setup"]
    assert [current for *_, current in found(hive("ControlSet001/Services/a"), "System\\CurrentControlSet\\Services\\*")] == [None]


def test_classes_are_found_in_the_machines_hive_and_in_that_of_a_user():
    data = hive("Classes/CLSID/1", "Classes/Wow6432Node/CLSID/2", "CLSID/3", "Wow6432Node/CLSID/4")
    pattern = "Software\\Classes\\CLSID\\*"
    assert [(key, wow64) for key, _, wow64, *_ in found(data, pattern)] == [
        ("Classes\\CLSID\\1", False),
        ("Classes\\Wow6432Node\\CLSID\\2", True),
    ]
    user = "C:\\Users\\paul\\AppData\\Local\\Microsoft\\Windows\\UsrClass.dat"
    assert {(key, wow64) for key, _, wow64, *_ in found(data, pattern, source=user)} >= {
        ("CLSID\\3", False),
        ("Wow6432Node\\CLSID\\4", True),
    }
    view = Keys.open(Evidence(user, data), HOST).offer(Keys(pattern))
    assert view is not None
    assert view.at == ("HKU\\S-1-5-21-7_Classes", "paul", "S-1-5-21-7", "C:\\Users\\paul", True, "")


def test_stars_stay_within_a_component_and_two_span_all_below():
    data = hive("A/B/C", "A/D")
    assert [key for key, *_ in found(data, "A\\*")] == ["A\\B", "A\\D"]
    assert [key for key, *_ in found(data, "A\\**")] == ["A", "A\\B", "A\\B\\C", "A\\D"]
    assert found(data, "A\\B\\C\\*", "Software\\A\\X", "System\\CurrentControlSet\\A") == []


def test_the_walk_does_not_grow_with_the_patterns_that_share_a_place():
    def cells(count: int) -> int:
        opened = Keys.open(Evidence(CONFIG + "SYSTEM", files()["SYSTEM"]), HOST)
        before = opened._hive._visits_left
        opened.expect([Keys(f"System\\CurrentControlSet\\Services\\*\\Parameters{n}", f"Software\\None{n}") for n in range(count)])
        return before - opened._hive._visits_left

    assert cells(200) == cells(1) > 10


def test_a_torn_hive_is_one_ledger_line_and_each_artefact_still_reads_it(tmp_path):
    folder = tmp_path / "host" / "Windows" / "System32" / "config"
    folder.mkdir(parents=True)
    data = files()["SOFTWARE"]
    (folder / "SOFTWARE").write_bytes(data[:-8])
    process([tmp_path / "host"], tmp_path / "case", workers=1)
    rows = [row for row in ledger(tmp_path / "case") if row["member"] >= 0]
    cut = [row for row in rows if "hive is cut" in (row["reason"] or "")]
    assert [row["artefact"] for row in cut] == ["registry"]
    assert {row["artefact"] for row in rows} >= {"registry", "run_keys", "winlogon"}


@pytest.mark.skipif(sys.platform != "linux", reason="planted modules reach only forked workers")
def test_an_artefact_that_dies_on_a_hive_costs_no_record_of_the_others(tmp_path, monkeypatch):
    folder = tmp_path / "host" / "Windows" / "System32" / "config"
    folder.mkdir(parents=True)
    for name in ("SOFTWARE", "SYSTEM"):
        (folder / name).write_bytes(files()[name])
    process([tmp_path / "host"], tmp_path / "whole", workers=1)
    with planted(tmp_path, monkeypatch, "guilty", GUILTY):
        summary = process([tmp_path / "host"], tmp_path / "case", workers=1)
    for dataset in ("run_keys", "winlogon", "ifeo", "services"):
        assert records(tmp_path / "case", dataset) == records(tmp_path / "whole", dataset) != []
    lost = [row for row in ledger(tmp_path / "case") if row["artefact"] == "guilty"]
    assert [(row["path"], row["reason"]) for row in lost] == [(CONFIG + "SOFTWARE", "stopped: the parser ended its process (exit 3)")]
    assert not summary.whole


@pytest.mark.skipif(sys.platform != "linux", reason="planted modules reach only forked workers")
def test_the_artefact_of_the_guide_reads_machine_and_user_hives(tmp_path, monkeypatch):
    """The complete file that docs/guide/add-an-artefact.md shows, planted as an artefact."""
    page = (ROOT / "docs" / "guide" / "add-an-artefact.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```python\n(\"\"\"AppInit.*?)^```$", page, re.MULTILINE | re.DOTALL)
    image = Key("ROOT", TIME)
    for path in ("Microsoft", "Wow6432Node\\Microsoft"):
        image.at(f"{path}\\Windows NT\\CurrentVersion\\Windows").put(AppInit_DLLs=f"C:\\{path[:3]}.dll")
    host = tmp_path / "host" / "Windows" / "System32" / "config"
    host.mkdir(parents=True)
    (host / "SOFTWARE").write_bytes(Image(image, TIME, "x").hive())
    with planted(tmp_path, monkeypatch, "appinit", shown):
        process([tmp_path / "host"], tmp_path / "case", workers=1)
    assert [(r["registry.data.strings"], r["registry.hive"]) for r in records(tmp_path / "case", "appinit")] == [
        (["C:\\Mic.dll"], "HKLM\\SOFTWARE"),
        (["C:\\Wow.dll"], "HKLM\\SOFTWARE"),
    ]


@pytest.mark.parametrize(
    ("source", "at"),
    [
        ("C:\\Boot\\BCD", ("HKLM\\BCD00000000", "", "", "")),
        ("C:\\Users\\paul\\NTUSER.DAT", ("HKU\\S-1-5-21-7", "paul", "S-1-5-21-7", "C:\\Users\\paul")),
        ("D:\\Users\\eve\\ntuser.dat", ("HKU\\eve", "eve", "", "D:\\Users\\eve")),
        (
            "C:\\Windows\\ServiceProfiles\\LocalService\\NTUSER.DAT",
            ("HKU\\S-1-5-19", "LocalService", "S-1-5-19", "C:\\Windows\\ServiceProfiles\\LocalService"),
        ),
        ("C:\\System Volume Information\\_restore{1}\\RP4\\snapshot\\_REGISTRY_MACHINE_SYSTEM", ("HKLM\\SYSTEM", "", "", "")),
        ("C:\\snapshot\\_REGISTRY_USER_USRCLASS_S-1-5-21-7", ("HKU\\S-1-5-21-7_Classes", "paul", "S-1-5-21-7", "C:\\Users\\paul")),
        ("C:\\snapshot\\_REGISTRY_USER_.DEFAULT", ("HKU\\.DEFAULT", "", "S-1-5-18", "")),
        ("C:\\Windows\\AppCompat\\Programs\\Amcache.hve", ("?\\Amcache.hve", "", "", "")),
    ],
)
def test_a_hive_is_mounted_by_its_name_and_its_folder(source, at):
    view = Keys.open(Evidence(source, hive("A")), HOST).offer(Keys("A"))
    assert view is not None
    assert view.at[:4] == at


@pytest.mark.parametrize(
    ("path", "account"),
    [
        (r"\??\C:\Users\nfury\ntuser.dat", "nfury"),
        (r"nts and Settings\joe\ntuser.dat", "joe"),
        (r"tings\NetworkService\ntuser.dat", "NetworkService"),
        (r"\Microsoft\Windows\usrclass.dat", ""),
        (r"cal\Microsoft\Windows\usrclass.d", ""),
        (r"of-a-very-long-name\ntuser.dat", ""),
        (r"\??\C:\Temp\copies\ntuser.dat", ""),
        (r"ntuser.dat", ""),
        ("", ""),
    ],
)
def test_the_header_of_a_hive_names_its_account_only_where_it_shows_the_folder_of_profiles(path, account):
    assert _in_header(path) == account
