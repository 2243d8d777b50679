"""Tricks by which entries are hidden: each is planted in bytes, and must be an entry with the severity that it deserves."""

from __future__ import annotations

from struct import pack_into

import orjson
import pytest

from commodore.case.reader import CaseReader
from commodore.engine.process import process
from fixtures.hives import writer
from fixtures.hives.writer import BINARY, DWORD, EXPAND_SZ, MULTI_SZ, SZ, Image, Key, Value

TIME = 134_000_000_000_000_000
RUN, NT = "Microsoft\\Windows\\CurrentVersion\\Run", "Microsoft\\Windows NT\\CurrentVersion"
CONFIG = "Windows/System32/config/"
LINK = 6


def text(value: str) -> bytes:
    return (value + "\0").encode("utf-16-le")


def value(name: str, data: str | bytes, kind: int = SZ) -> Value:
    return Value(name, kind, data if isinstance(data, bytes) else text(data))


def software() -> dict[str, bytes]:
    """A SOFTWARE hive with tricks in names, types and paths, and a key behind a symbolic link."""
    root = Key("ROOT", TIME)
    root.at(NT).put(ProductName="Windows 10 Pro")
    root.at(RUN).values += [
        value("trick-nul\0hidden", "C:\\Users\\Public\\trick-nul.exe"),
        value("trick-long" + "x" * 3000, "C:\\Users\\Public\\trick-long-name.exe"),
        value("trick-type-binary", text("C:\\Users\\Public\\trick-binary.exe"), BINARY),
        value("trick-type-multi", text("C:\\Users\\Public\\trick-multi.exe") + b"\0\0", MULTI_SZ),
        value("trick-type-dword", text("C:\\Users\\Public\\trick-dword.exe"), DWORD),
        value("trick-type-unknown", text("C:\\Users\\Public\\trick-unknown.exe"), 0x77),
        value("trick-unended", "C:\\Users\\Public\\trick-unended.exe".encode("utf-16-le")),
        value("trick-behind", text("C:\\Windows\\explorer.exe") + text("x"), SZ),
        value("trick-blank", "C:\\Users\\Public\\trick-blank.exe "),
        value("trick-folder", "C:\\Windows \\System32\\trick-folder.exe"),
        value("trick-dot", "C:\\Users\\Public\\trick-dot.exe."),
        value("trick-short", "C:\\Users\\Public\\TRICKS~1.EXE"),
        value("trick-short-folder", "C:\\PROGRA~3\\trick-root.exe"),
        value("trick-long-prefix", "\\\\?\\C:\\ProgramData\\trick-prefix.exe"),
        value("trick-nt-prefix", "\\??\\C:\\ProgramData\\trick-nt.exe"),
        value("trick-stream", "C:\\Windows\\System32\\drivers\\etc\\hosts:trick-stream.exe"),
        value("trick-right-to-left", "C:\\Program Files\\A\\trick-\u202egpj.exe"),
        value("trick-dots", "C:\\Program Files\\..\\Users\\Public\\trick-dots.exe"),
        value("trick-slashes", "C:/Users/Public/trick-slashes.exe"),
        value("trick-variable", "%PUBLIC%\\trick-variable.exe", EXPAND_SZ),
    ]
    linked = root.at(f"{RUN}Once")
    linked.values.append(value("SymbolicLinkValue", "\\Registry\\Machine\\SOFTWARE\\Acme\\Store".encode("utf-16-le"), LINK))
    root.at("Acme\\Store").values.append(value("trick-link", "C:\\Users\\Public\\trick-link.exe"))
    image = Image(root, TIME, "SOFTWARE")
    flags = int.from_bytes(image.bins[linked.offset + 6 : linked.offset + 8], "little")
    pack_into("<H", image.bins, linked.offset + 6, flags | 0x10)
    return {CONFIG + "SOFTWARE": image.hive()}


def system() -> dict[str, bytes]:
    """A SYSTEM hive: a service of another control set, one whose key was deleted, and one that only the log has."""
    root = Key("ROOT", TIME)
    root.at("Select").put(Current=1, Default=1, LastKnownGood=2)
    services = root.at("ControlSet001\\Services")
    root.at("ControlSet002\\Services\\trick-set").put(ImagePath="C:\\Users\\Public\\trick-set.exe", Start=2, Type=16)
    services.at("other").put(ImagePath="C:\\Windows\\System32\\svchost.exe -k netsvcs", Start=2, Type=16)
    gone = services.at("trick-deleted").put(ImagePath="C:\\Users\\Public\\trick-deleted.exe", Start=2, Type=16)
    image = Image(root, TIME, "SYSTEM", sequence=7)
    services.keys.remove(gone)
    image.link_keys(services)
    size = -int.from_bytes(image.bins[gone.offset : gone.offset + 4], "little", signed=True)
    pack_into("<i", image.bins, gone.offset, size)
    primary, before = image.hive(dirty=True), bytes(image.bins)
    late = Key("trick-log", TIME).put(ImagePath="C:\\Users\\Public\\trick-log.exe", Start=2, Type=16)
    services.keys.append(late)
    image._key(late, services.offset)
    image.link_keys(services)
    entry = writer.entry(7, len(image.bins), image.pages(before.ljust(len(image.bins), b"\0")))
    return {CONFIG + "SYSTEM": primary, CONFIG + "SYSTEM.LOG1": writer.log(image.base_block(kind=6), entry)}


def user() -> dict[str, bytes]:
    """The hive of a user who is not logged on: nothing but the file tells of it."""
    root = Key("ROOT", TIME)
    root.at(f"Software\\{RUN}").put(**{"trick-user": "C:\\Users\\Public\\trick-user.exe"})
    return {"Users/someone.else/NTUSER.DAT": Image(root, TIME, "ntuser.dat").hive()}


LINUX = {
    "etc/hostname": "linux\n",
    "etc/os-release": "ID=debian\n",
    "etc/passwd": "root:x:0:0::/root:/bin/bash\ntrick-twin:x:0:0::/root:/bin/bash\nagnes:x:1000:1000::/home/agnes:/bin/bash\n",
    "usr/lib/systemd/system/cron.service": "[Service]\nExecStart=/usr/sbin/cron -f\n",
    "etc/systemd/system/cron.service.d/trick-override.conf": "[Service]\nExecStart=\nExecStart=/dev/shm/trick-override\n",
    "etc/cron.d/trick": "* * * * * root /tmp/trick-return #\r* * * * * root /usr/bin/true                              \n",
    "etc/cron.d/other": "* * * * * root /usr/bin/trick-overwritten #\r* * * * * root /usr/bin/true                    \n",
    "home/agnes/.ssh/authorized_keys": 'command="/tmp/trick-command" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAVR2FjfKdGw1Sm2c x\n',
    "home/agnes/.bashrc": ". ~/.bash_aliases\n",
    "home/agnes/.bash_aliases": "alias sudo='~/bin/trick-alias'\n",
    "etc/systemd/system-generators/trick-generator": "#!/bin/sh\n/tmp/trick-generated &\n",
    "etc/ld.so.preload": "  /lib/x86_64-linux-gnu/libc.so.6 \t /dev/shm/trick-preload.so  \n",
}


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    root = tmp_path_factory.mktemp("tricks")
    for host, files in (("windows", software() | system() | user()), ("linux", {name: given.encode() for name, given in LINUX.items()})):
        for name, content in files.items():
            (root / host / name).parent.mkdir(parents=True, exist_ok=True)
            (root / host / name).write_bytes(content)
    process([root / "windows", root / "linux"], root / "case", workers=1)
    return list(CaseReader(root / "case").records("persistence"))


TRICKS = {
    "trick-nul": "W001",
    "trick-long-name": "W001",
    "trick-binary": "W001",
    "trick-multi": "W001",
    "trick-dword": "W001",
    "trick-unknown": "W001",
    "trick-unended": "W001",
    "trick-blank": "W001",
    "trick-dot": "W001",
    "trick-folder": "W001",
    "TRICKS~1": "W001",
    "trick-root": "W001",
    "trick-prefix": "W001",
    "trick-nt": "W001",
    "trick-stream": "W001",
    "trick-\u202egpj": "W001",
    "trick-dots": "W001",
    "trick-slashes": "W001",
    "trick-variable": "W001",
    "trick-link": "W002",
    "trick-set": "W050",
    "trick-log": "W050",
    "trick-user": "W001",
    "trick-twin": "L060",
    "trick-override": "L010",
    "trick-return": "L001",
    "trick-overwritten": "L001",
    "trick-command": "L062",
    "trick-alias": "L031",
    "trick-generat": "L013",
    "trick-preload": "L050",
}


@pytest.mark.parametrize("mark", TRICKS)
def test_what_a_trick_hides_is_a_grave_entry(entries: list[dict], mark: str) -> None:
    found = [e for e in entries if mark.lower() in orjson.dumps([e["message"], e["target"]]).decode().lower()]
    assert found, "no entry"
    assert any(e.get("escadre.severity") in ("high", "critical") and e["escadre.state"] != "deleted" for e in found), [
        (e["rule.id"], e["message"]) for e in found
    ]
    assert TRICKS[mark] in {e["rule.id"] for e in found}


PAYLOADS = {
    "trick-blank": "C:\\Users\\Public\\trick-blank.exe",
    "trick-dot.": "C:\\Users\\Public\\trick-dot.exe",
    "trick-prefix": "C:\\ProgramData\\trick-prefix.exe",
    "trick-nt": "C:\\ProgramData\\trick-nt.exe",
    "trick-root": "C:\\ProgramData\\trick-root.exe",
    "trick-dots": "C:\\Users\\Public\\trick-dots.exe",
    "trick-slashes": "C:\\Users\\Public\\trick-slashes.exe",
    "trick-preload": "/dev/shm/trick-preload.so",
}


@pytest.mark.parametrize("mark", PAYLOADS)
def test_the_file_is_named_as_the_system_finds_it(entries: list[dict], mark: str) -> None:
    """That file is hashed, looked for in $MFT, and removed: a blank, dot or prefix in its name would lose it."""
    found = [e for e in entries if mark in orjson.dumps([e["message"], e["target"]]).decode()]
    assert [PAYLOADS[mark]] in [e["target"]["payload"] for e in found], [e["target"]["payload"] for e in found]


def test_a_deleted_key_is_reported_as_deleted(entries: list[dict]) -> None:
    found = [e for e in entries if "trick-deleted" in e["message"]]
    assert [(e["rule.id"], e["escadre.state"], e["escadre.severity"]) for e in found] == [("W050", "deleted", "medium")]
    assert found[0]["message"].startswith("Deleted, not live") and found[0]["target"]["remove"] == "MM"


def test_what_stands_behind_the_end_of_a_text_starts_nothing(entries: list[dict]) -> None:
    (entry,) = [e for e in entries if "trick-behind" in orjson.dumps(e["target"]).decode()]
    assert "escadre.severity" not in entry
