"""Plant the variants of `windows_variants.yaml` on as few hosts as hold them: registry values, files, names in $MFT, tasks, WMI objects."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from fixtures.hives.writer import BINARY, QWORD, Image, Key, Value, made
from fixtures.wmi.writer import Repository
from tests import yamls
from tests.commodore.described import DEFAULT, ticks
from tests.range import listed_files, wmi
from tests.range.variants import Variant

ROWS = yamls.read(Path(__file__).with_suffix(".yaml"))
CONFIG = "Windows/System32/config/"
HIVES = {
    "SW": CONFIG + "SOFTWARE",
    "SY": CONFIG + "SYSTEM",
    "SAM": CONFIG + "SAM",
    "DEF": CONFIG + "DEFAULT",
    "NT": "Users/agnes/NTUSER.DAT",
    "NT2": "Users/bruno/NTUSER.DAT",
    "UC": "Users/agnes/AppData/Local/Microsoft/Windows/UsrClass.dat",
}
SHORT = {"<cv>": "Microsoft\\Windows\\CurrentVersion", "<nt>": "Microsoft\\Windows NT\\CurrentVersion", "<cs>": "ControlSet001"}
BASE = (["SY\\Select", "Current", 1], ["SW\\<nt>", "ProductName", "Windows 10 Pro"])
"""values of every host"""


class Host:
    """What is planted on one host, by its place: no place twice."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], tuple[str, Value]] = {}
        self.files: dict[str, bytes] = {}
        self.listed: list[str] = []
        self.objects: list[dict[str, Any]] = []

    def build(self, folder: Path, written: int) -> None:
        """Write the files. `written`: last write of the hives; collections are told apart by the beginning of their files."""
        hives: dict[str, Key] = {}
        for place, value in self.values.values():
            hive, _, key = place.partition("\\")
            hives.setdefault(hive, Key("ROOT", ticks(DEFAULT))).at(key).values.append(value)
        for hive, root in hives.items():
            self.files[HIVES[hive]] = Image(root, written, "x").hive()
        if self.listed:
            self.files["$MFT"] = listed_files.written(sorted(self.listed))
        if self.objects:
            repository = Repository()
            for given in self.objects:
                wmi.put(repository, given)
            self.files |= {f"{wmi.FOLDER}/{name}": content for name, content in repository.files().items()}
        for path, content in self.files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


def plant(folder: Path) -> list[Variant]:
    """Write the hosts below a folder; return what was planted."""
    chance = random.Random(20261130)
    hosts: list[Host] = []
    planted = []
    for row, variants in ROWS.items():
        for given in variants:
            word = "".join(chance.choices(string.ascii_lowercase, k=9))
            guid = f"{{{chance.randrange(1 << 32):08X}-1111-4222-8333-{chance.randrange(1 << 48):012X}}}"
            one = _shaped(_filled(given, {"<word>": word, "<guid>": guid} | SHORT))
            number = next(n for n in range(200) if _fits(hosts, n, one))
            _put(hosts[number], one)
            about = str(one.get("value") or {k: v for k, v in one.items() if k != "want"})
            planted.append(Variant(row, f"win-{number:02}", about, one.get("mark", word), one.get("want", "high")))
    for number, host in enumerate(hosts):
        host.build(folder / f"win-{number:02}", ticks(DEFAULT) + number)
    return planted


def _shaped(given: Any) -> dict[str, Any]:
    """A list `[place, name, data, options]` is a registry value."""
    if isinstance(given, dict):
        return given
    options = given[3] if len(given) > 3 else {}
    return {"value": given[:3], **options}


def _values(one: dict[str, Any]) -> Iterator[tuple[str, str, Value]]:
    if "value" in one:
        place, name, data = one["value"]
        yield place, name, _value(name, data, one.get("type", ""), one.get("repeat", 1))
    for place, name, data in one.get("also", ()):
        yield place, name, _value(name, data, "", 1)


def _value(name: str, data: Any, kind: str, repeat: int) -> Value:
    if kind == "REG_HEX":
        return Value(name, BINARY, bytes.fromhex(data) * repeat)
    if kind == "REG_BINARY":
        return Value(name, BINARY, (data + "\0").encode("utf-16-le"))
    if kind == "REG_QWORD":
        return Value(name, QWORD, data.to_bytes(8, "little"))
    return made(name, data * repeat if repeat > 1 else data)


def _files(one: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    if "file" in one:
        yield one["file"], one["text"].encode(one.get("encoding", "utf-8"))
    if "task" in one:
        yield f"Windows/System32/Tasks/{one['task']}", _task(one).encode("utf-16")


def _task(one: dict[str, Any]) -> str:
    actions = ""
    given = one.get("exec", [])
    for command, arguments in zip(given[::2], given[1::2], strict=True):
        actions += f"<Exec><Command>{escape(command)}</Command><Arguments>{escape(arguments)}</Arguments></Exec>"
    if "handler" in one:
        actions += f"<ComHandler><ClassId>{one['handler']}</ClassId></ComHandler>"
    return (
        '<?xml version="1.0" encoding="UTF-16"?>\n<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">'
        f"<Triggers><LogonTrigger/></Triggers><Principals><Principal><UserId>{one.get('principal', 'S-1-5-32-545')}</UserId></Principal>"
        f"</Principals><Settings><Hidden>{str(one.get('hidden', False)).lower()}</Hidden></Settings><Actions>{actions}</Actions></Task>"
    )


def _places(one: dict[str, Any]) -> set[tuple[str, str]]:
    places = {(key.lower(), name.lower()) for key, name, _ in _values(one)} | {("file", path.lower()) for path, _ in _files(one)}
    return places | ({("mft", one["mft"].lower())} if "mft" in one else set())


def _fits(hosts: list[Host], number: int, one: dict[str, Any]) -> bool:
    if number == len(hosts):
        hosts.append(Host())
        for given in BASE:
            _put(hosts[-1], _shaped(_filled(given, SHORT)))
    host = hosts[number]
    kept = {*host.values, *(("file", path.lower()) for path in host.files), *(("mft", path.lower()) for path in host.listed)}
    return not _places(one) & kept


def _put(host: Host, one: dict[str, Any]) -> None:
    for key, name, value in _values(one):
        host.values[key.lower(), name.lower()] = (key, value)
    host.files |= dict(_files(one))
    if "mft" in one:
        host.listed.append(one["mft"])
    if "wmi" in one:
        host.objects.append({"namespace": one["wmi"]} | {name: value for name, value in one.items() if name not in ("wmi", "want", "also")})


def _filled(value: Any, words: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one, words) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, words) for one in value]
    if isinstance(value, str):
        for short, whole in words.items():
            value = value.replace(short, whole)
    return value
