"""A local account of Windows is disabled in SAM: one flag, and a stolen number; what is left of a password is never touched."""

from __future__ import annotations

import struct

import pytest

from fixtures.hives.writer import Image, Key, made
from tests.conftest import need
from tests.hunter.hive_readers import everything
from tests.hunter.test_offline_windows import Disk
from tests.range import plants

SAM = "Windows/System32/config/SAM"
USERS = "HKLM\\SAM\\SAM\\Domains\\Account\\Users"
OWN = struct.pack("<III", 111, 222, 333)
TIME = 132_000_000_000_000_000


def facts(number: int, flags: int) -> bytes:
    """`F` of an account, 80 bytes: number at 48, flags at 56 (0x200 locked out of nothing, 0x10 ordinary, 1 disabled)."""
    return b"\3\0\1\0" + bytes(range(44)) + struct.pack("<II", number, 0x201) + struct.pack("<H", flags) + bytes(22)


def group(*members: bytes) -> bytes:
    """`C` of a group: a header of 52 bytes, then the SIDs of its members."""
    raw = b"".join(members)
    return struct.pack("<I", 0x220) + bytes(0x24) + struct.pack("<III", 0, len(raw), len(members)) + raw


def member(number: int, domain: bytes = OWN) -> bytes:
    return b"\1\5\0\0\0\0\0\5" + struct.pack("<I", 21) + domain + struct.pack("<I", number)


def disk_with(folder, accounts: dict[int, tuple[int, int]], *members: bytes) -> Disk:
    """A root with these accounts: key → (number, flags)."""
    need(plants.has_hivex(), "python3-hivex, one of the readers of hives")
    config = folder / "win" / "Windows/System32/config"
    config.mkdir(parents=True)
    top = Key("ROOT", TIME)
    domain = top.at("SAM\\Domains\\Account")
    domain.values.append(made("V", bytes(40) + OWN))
    for key, (number, flags) in accounts.items():
        user = domain.at(f"Users\\{key:08X}")
        user.values += [made("F", facts(number, flags)), made("V", b"never read" * 30)]
    top.at("SAM\\Domains\\Builtin\\Aliases\\00000220").values.append(made("C", group(*members)))
    (config / "SAM").write_bytes(Image(top, TIME, "SAM", 7).hive())
    for name in ("SYSTEM", "SOFTWARE"):
        (config / name).write_bytes(Image(Key("ROOT", TIME), TIME, name, 7).hive())
    return Disk(folder / "win", folder / "work")


def disable(disk: Disk, *keys: int) -> None:
    target = [{"key": f"{USERS}\\{key:08X}", "value": "F"} for key in keys]
    disk.write(*({"kind": "windows-account", "do": "disable-account", "target": each} for each in target))
    code, out, err = disk.run("check", "--seal")
    assert code == 0, out + err


def values(disk: Disk, key: int) -> dict[str, bytes]:
    seen = everything(disk.root / SAM)
    (reader,) = list(seen.values())[:1]
    return {name: bytes.fromhex(data) for name, _, data in reader[f"\\SAM\\Domains\\Account\\Users\\{key:08X}"][1]}


def test_the_flag_is_set_the_number_is_that_of_the_key_and_undo_gives_both_back(tmp_path) -> None:
    disk = disk_with(tmp_path, {500: (500, 0x210), 1001: (500, 0x214), 1002: (1002, 0x210)}, member(500), member(1001))
    before = disk.hives()
    disable(disk, 1001)
    assert disk.run("verify")[0] == 1
    code, out, err = disk.run("apply", "--yes")
    assert (code, "Done: 1 of 1, verified." in out) == (0, True), out + err
    assert values(disk, 1001) == {"F": facts(1001, 0x215), "V": b"never read" * 30}
    assert [values(disk, key)["F"] for key in (500, 1002)] == [facts(500, 0x210), facts(1002, 0x210)]
    assert disk.run("verify")[0] == 0
    plan, journal = disk.plan.read_text(), disk.journal.read_text()
    assert not [text for text in (plan, journal) if "bmV2ZXIgcmVhZ" in text or "never read" in text]
    assert disk.run("undo")[0] == 0
    assert disk.hives() == before


@pytest.mark.parametrize(
    ("accounts", "members", "keys", "code"),
    [
        ({500: (500, 0x211), 1001: (1001, 0x210)}, (member(500), member(1001)), (1001,), 3),
        ({500: (500, 0x210), 1001: (1001, 0x210)}, (member(500), member(1001)), (500, 1001), 3),
        ({500: (500, 0x210), 1001: (1001, 0x210)}, (member(500), member(1001)), (1001,), 0),
        ({500: (500, 0x211), 1001: (1001, 0x210)}, (member(1001), member(512, struct.pack("<III", 9, 9, 9))), (1001,), 0),
        ({500: (500, 0x211), 1001: (1001, 0x210)}, (), (1001,), 0),
    ],
)
def test_the_last_administrator_of_a_windows_stays(tmp_path, accounts, members, keys, code) -> None:
    disk = disk_with(tmp_path, accounts, *members)
    disable(disk, *keys)
    got, out, err = disk.run("apply", "--yes")
    assert (got, "last way in" in out) == (code, code == 3), out + err


@pytest.mark.parametrize(
    ("kind", "do", "value"),
    [
        ("windows-account", "disable-account", {"value": "V"}),
        ("registry-value", "delete-value", {"value": "V"}),
        ("registry-value", "delete-value", {"value": "F"}),
        ("registry-key", "delete-key", {}),
    ],
)
def test_nothing_else_of_sam_is_a_target(tmp_path, kind, do, value) -> None:
    disk = disk_with(tmp_path, {500: (500, 0x210), 1001: (1001, 0x210)}, member(500))
    disk.write({"kind": kind, "do": do, "target": {"key": f"{USERS}\\000003E9", **value}})
    disk.run("check", "--seal")
    before = disk.hives()
    assert disk.run("apply", "--yes")[0] == 3
    assert disk.hives() == before
