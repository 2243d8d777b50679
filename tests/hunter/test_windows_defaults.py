"""What Windows has instead of the intruder's: of csrss by the build, of Winsock by the provider; any other one is left to a person."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from uuid import UUID

import pytest

from tests.conftest import need
from tests.hunter.hive_readers import by_hivex
from tests.hunter.test_offline_windows import Disk
from tests.range import plants
from tests.range.plants import Planter

SESSIONS = "ControlSet001\\Control\\Session Manager"
CATALOG = "ControlSet001\\Services\\WinSock2\\Parameters\\Protocol_Catalog9\\Catalog_Entries\\000000000001"
TCP = "e70f1aa0-ab8b-11cf-8ca3-00805f48a192"
EVIL = b"C:\\Users\\Public\\evil.dll"
CSRSS = {"kind": "registry-subsystem", "do": "restore-default", "reboot": "yes"}
LIBRARY = {"kind": "winsock-library", "do": "restore-default", "reboot": "yes"}


def entry(library: bytes = EVIL, provider: str = TCP, chain: int = 1) -> bytes:
    """A PackedCatalogItem by winsock2.h: 260 bytes of path, five words of flags, the provider, its number, its chain, and more."""
    facts = struct.pack("<5I", 0x20066, 0, 0, 0, 8) + UUID(provider).bytes_le + struct.pack("<Ii", 1001, chain)
    return library.ljust(260, b"\0") + facts.ljust(628, b"\xab")


def disk(folder: Path, *, build: str = "19045", bits: str = "AMD64", packed: bytes = b"") -> Disk:
    need(os.name == "posix" and os.geteuid() == 0, "a Linux root account")
    need(plants.has_hivex(), "python3-hivex, which the planter runs")
    planter = Planter(folder / "hosts", 1)
    for hive, key, name, kind, data in (
        (plants.SYSTEM, "Select", "Current", "REG_DWORD", "1"),
        (plants.SYSTEM, f"{SESSIONS}\\Environment", "PROCESSOR_ARCHITECTURE", "REG_SZ", bits),
        (plants.SYSTEM, f"{SESSIONS}\\SubSystems", "Windows", "REG_EXPAND_SZ", "C:\\Windows\\Temp\\csrss.exe x"),
        (plants.SYSTEM, f"{SESSIONS}\\SubSystems", "Required", "REG_MULTI_SZ", "Debug"),
        (plants.SYSTEM, CATALOG, "PackedCatalogItem", "REG_BINARY", (packed or entry()).hex()),
        (plants.SOFTWARE, plants.NT, "CurrentBuildNumber", "REG_SZ", build),
    ):
        planter.value("win", hive, key, name, kind, data)
    planter.build()
    return Disk(folder / "hosts/win", folder / "work")


def at(key: str, value: str) -> dict[str, dict[str, str]]:
    return {"target": {"key": f"HKLM\\SYSTEM\\{key}", "value": value}}


def values(place: Disk, key: str) -> dict[str, bytes]:
    return {name: bytes.fromhex(data) for name, _, data in by_hivex(place.root / plants.SYSTEM)[f"\\{key}"][-1]}


def test_csrss_and_the_library_of_tcp_come_back_and_undo_restores_the_bytes(tmp_path) -> None:
    place = disk(tmp_path)
    place.write(
        {**CSRSS, **at(f"{SESSIONS}\\SubSystems", "Windows")},
        {**CSRSS, **at(f"{SESSIONS}\\SubSystems", "Required")},
        {**LIBRARY, **at(CATALOG, "PackedCatalogItem")},
    )
    assert place.run("check", "--seal")[0] == 0
    before = place.hives(), place.files()
    code, out, err = place.run("apply", "--yes")
    assert (code, "Done: 3 of 3, verified." in out) == (0, True), out + err
    system = values(place, f"{SESSIONS}\\SubSystems")
    assert system["Windows"].decode("utf-16-le").split()[:2] == ["%SystemRoot%\\system32\\csrss.exe", "ObjectDirectory=\\Windows"]
    assert system["Required"] == "Debug\0Windows\0\0".encode("utf-16-le")
    assert values(place, CATALOG)["PackedCatalogItem"] == entry(b"%SystemRoot%\\system32\\mswsock.dll")
    assert place.run("undo")[0] == 0
    assert (place.hives(), place.files()) == before


@pytest.mark.parametrize(
    ("build", "bits", "told"),
    [("7601", "AMD64", "this is build 7601 (AMD64)"), ("19045", "x86", "this is build 19045 (x86)"), ("x", "", "build x (unknown)")],
)
def test_what_another_windows_starts_with_is_not_guessed(tmp_path, build, bits, told) -> None:
    place = disk(tmp_path, build=build, bits=bits)
    place.write({**CSRSS, **at(f"{SESSIONS}\\SubSystems", "Windows")})
    assert place.run("check", "--seal")[0] == 0
    code, out, err = place.run("apply", "--yes")
    assert (code, told in " ".join(out.split())) == (3, True), out + err


@pytest.mark.parametrize(
    ("packed", "told"),
    [
        (entry(chain=0), "layered provider of Winsock (chain of 0)"),
        (entry(chain=2), "layered provider of Winsock (chain of 2)"),
        (entry(provider="00000000-1111-2222-3333-444444444444"), "a provider that Windows does not have"),
        (entry()[:-1], "has 888 bytes, this one 887"),
    ],
)
def test_an_entry_that_others_count_on_is_left_to_a_person(tmp_path, packed, told) -> None:
    place = disk(tmp_path, packed=packed)
    place.write({**LIBRARY, **at(CATALOG, "PackedCatalogItem")})
    assert place.run("check", "--seal")[0] == 0
    code, out, err = place.run("apply", "--yes")
    assert (code, told in " ".join(out.split())) == (3, True), out + err


def test_the_value_that_windows_starts_with_is_never_removed(tmp_path) -> None:
    place = disk(tmp_path)
    place.write({**CSRSS, "kind": "registry-subsystem-value", **at(f"{SESSIONS}\\SubSystems", "Windows")})
    assert place.run("check", "--seal")[0] == 0
    code, out, err = place.run("apply", "--yes")
    assert (code, "only its default may come back" in " ".join(out.split())) == (3, True), out + err
