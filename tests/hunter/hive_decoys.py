"""Four guilty things in the hives of a small Windows root among any number of decoys, and what is the same after a removal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from tests.hunter.hive_readers import by_hivex
from tests.hunter.test_offline_windows import Disk
from tests.range import plants
from tests.range.plants import Planter

RUN, WINLOGON, EVIL = f"{plants.CV}\\Run", f"{plants.NT}\\Winlogon", "C:\\Users\\Public\\evil.exe"
USERINIT = f"C:\\Windows\\system32\\userinit.exe,{EVIL},{EVIL} ,{EVIL}.bak,x{EVIL}"
"""with three elements that only look like the guilty one"""
SERVICE = "Services\\EvilSvc"
Value = tuple[str, str, str, str]
"""hive, key, name, data"""


def decoys() -> Iterator[Value]:
    """Yield twins without end: by a blank, by a letter, by case of the data, in another hive, view, control set or key, and copies."""
    for n in count():
        yield plants.SOFTWARE, RUN, f"Evil{' ' * (1 + n)}"[:200] + f"{n}", EVIL
        yield plants.SOFTWARE, RUN, f"xEvil{n}", EVIL.upper()
        yield plants.SOFTWARE, f"Wow6432Node\\{RUN}", "Evil" if not n else f"Evil{n}", EVIL
        yield plants.SOFTWARE, f"{plants.CV}\\Run{n}", "Evil", EVIL
        yield plants.SOFTWARE, WINLOGON, f"Userinit{n}", USERINIT
        yield plants.USER, f"Software\\{RUN}", f"Evil {n}", EVIL
        yield plants.USER, f"Software\\{plants.CV}\\RunOnce", "Evil" if not n else f"Evil{n}", EVIL
        yield plants.SYSTEM, f"ControlSet00{2 + n % 7}\\{SERVICE}" + ("" if n < 7 else f"\\{n}"), "ImagePath", EVIL
        yield plants.SYSTEM, f"ControlSet001\\{SERVICE}{n}", "ImagePath", EVIL
        yield plants.SYSTEM, f"ControlSet001\\Services\\{n}EvilSvc", "ImagePath", EVIL


def planted(folder: Path, number: int) -> Disk:
    """Plant the guilty things and `number` decoys below a folder, and plan the removal of the guilty by hand."""
    planter = Planter(folder / "hosts", 1)
    guilty = (
        (plants.SOFTWARE, RUN, "Evil", EVIL),
        (plants.SOFTWARE, WINLOGON, "Userinit", USERINIT),
        (plants.USER, f"Software\\{RUN}", "Evil", EVIL),
        (plants.SYSTEM, f"ControlSet001\\{SERVICE}", "ImagePath", EVIL),
        (plants.SYSTEM, "Select", "Current", "1"),
    )
    for hive, key, name, data in (*guilty, *islice(decoys(), number)):
        planter.value("win", hive, key, name, "REG_DWORD" if name == "Current" else "REG_SZ", data)
    planter.build()
    disk = Disk(folder / "hosts/win", folder / "work")
    user = f"HKU\\agnes\\Software\\{RUN}"
    disk.write(
        {"kind": "registry-value", "target": {"key": f"HKLM\\SOFTWARE\\{RUN}", "value": "Evil"}},
        {
            "kind": "registry-list",
            "do": "remove-entry",
            "target": {"key": f"HKLM\\SOFTWARE\\{WINLOGON}", "value": "Userinit", "element": EVIL},
        },
        {"kind": "registry-value", "target": {"key": user, "value": "Evil"}},
        {"kind": "service", "do": "remove-service", "reboot": "yes", "target": {"key": f"HKLM\\SYSTEM\\ControlSet001\\{SERVICE}"}},
    )
    code, out, err = disk.run("check", "--seal")
    assert code == 0, out + err
    return disk


def read(disk: Disk) -> dict[str, dict]:
    """Return what hivex reads of every hive: the other readers need minutes for a key of thousands of values."""
    return {hive: by_hivex(disk.root / hive) for hive in (plants.SOFTWARE, plants.USER, plants.SYSTEM)}


def values(hives: dict[str, dict]) -> set[tuple]:
    """Return (hive, key, name, data) of every value."""
    return {(hive, key, str(v[0]), repr(v[1:])) for hive, keys in hives.items() for key, facts in keys.items() for v in facts[-1]}


def changed(disk: Disk) -> tuple[int, set[tuple], bool]:
    """Apply and undo the plan: (values that were compared, those that went or came, whether undo gave the same hives)."""
    before = read(disk)
    code, out, err = disk.run("apply", "--yes")
    assert (code, "Done: 4 of 4, verified." in out) == (0, True), out + err
    gone = values(before) ^ values(read(disk))
    code, out, err = disk.run("undo")
    assert code == 0, out + err
    return len(values(before)), {(hive, key, name) for hive, key, name, _ in gone}, read(disk) == before


MEANT = {
    (plants.SOFTWARE, f"\\{RUN}", "Evil"),
    (plants.SOFTWARE, f"\\{WINLOGON}", "Userinit"),
    (plants.USER, f"\\Software\\{RUN}", "Evil"),
    (plants.SYSTEM, f"\\ControlSet001\\{SERVICE}", "ImagePath"),
}
