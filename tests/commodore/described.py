"""Hives described in YAML, so that a golden folder and its review are text. The bytes come from the writer, not from the reader.

time: 2026-10-31T19:03:07Z                    # of every key that has none of its own
keys:
  Software\\Microsoft\\Windows\\CurrentVersion\\Run:
    .time: 2026-10-31T20:00:00.1234567Z       # last write of this key
    Name: text                                # REG_SZ; REG_EXPAND_SZ where it has a %
    Number: 5                                 # REG_DWORD
    List: [a, b]                              # REG_MULTI_SZ
    Raw: !hex 0000 1a2b                       # REG_BINARY
        When: !parts [2026-10-31T19:00:00Z, 5, hex 00ff, text a, ansi a]  # REG_BINARY: FILETIME, DWORD, bytes, text to NUL
    Big: !qword 1234                          # REG_QWORD
    Odd: !typed [4294901776, hex 00ff]        # any type number
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from struct import pack
from typing import Any

import yaml

from fixtures.hives.writer import BINARY, QWORD, Image, Key, Value, made
from fixtures.windows import shellitems
from fixtures.wmi.writer import Repository
from tests import yamls

ENDING, WMI_ENDING = ".hive.yaml", ".wmi.yaml"
DEFAULT = "2026-10-31T19:03:07Z"
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?Z")


class _Loader(yamls.LOADER):
    """YAML without times: `2026-10-31T19:03:07Z` stays a text, to keep its seven decimals."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_constructor("!hex", lambda loader, node: Value("", BINARY, bytes.fromhex(loader.construct_scalar(node))))
_Loader.add_constructor("!qword", lambda loader, node: Value("", QWORD, pack("<Q", int(loader.construct_scalar(node), 0))))
_Loader.add_constructor("!when", lambda loader, node: Value("", QWORD, pack("<Q", ticks(loader.construct_scalar(node)))))
_Loader.add_constructor("!parts", lambda loader, node: Value("", BINARY, b"".join(map(part, loader.construct_sequence(node)))))


def _typed(loader: _Loader, node: Any) -> Value:
    kind, *parts = loader.construct_sequence(node)
    return Value("", kind, b"".join(map(part, parts)))


_Loader.add_constructor("!typed", _typed)


def ticks(moment: str) -> int:
    """FILETIME of an RFC 3339 UTC time with up to seven decimals."""
    found = _MOMENT.fullmatch(moment)
    assert found, moment
    seconds = int((datetime.fromisoformat(found[1] + "+00:00") - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds())
    return seconds * 10_000_000 + int((found[2] or "0").ljust(7, "0"))


def part(given: str | int) -> bytes:
    """Bytes of one part of a binary value."""
    if isinstance(given, int):
        return pack("<I", given & 0xFFFFFFFF)
    if _MOMENT.fullmatch(given):
        return pack("<Q", ticks(given))
    kind, _, rest = given.partition(" ")
    return {
        "hex": lambda: bytes.fromhex(rest),
        "zeros": lambda: bytes(int(rest)),
        "word": lambda: pack("<H", int(rest, 0)),
        "qword": lambda: pack("<Q", int(rest, 0)),
        "text": lambda: (rest + "\0").encode("utf-16-le"),
        "wide": lambda: rest.encode("utf-16-le"),
        "ansi": lambda: rest.encode("cp1252") + b"\0",
        "root": lambda: shellitems.root(rest),
        "volume": lambda: shellitems.volume(rest),
        "share": lambda: shellitems.share(rest),
        "folder": lambda: _entry(rest, folder=True),
        "file": lambda: _entry(rest, folder=False),
    }[kind]()


def _entry(text: str, *, folder: bool) -> bytes:
    """A shell item from `name | created | modified | accessed | MFT entry | sequence`."""
    name, created, modified, accessed, *mft = (each.strip() for each in text.split("|"))
    reference = (int(mft[0]), int(mft[1])) if mft else (0, 0)
    return shellitems.entry(name, created=created, modified=modified, accessed=accessed, folder=folder, mft=reference)


def described(text: str) -> bytes:
    """The hive that a YAML text describes."""
    given = yaml.load(text, _Loader)
    written = ticks(given.get("time", DEFAULT))
    root = Key("ROOT", written)
    for path, values in given["keys"].items():
        fill(root.at(path) if path != "." else root, values or {})
    return Image(root, written, given.get("name", "x")).hive()


def fill(key: Key, values: dict[str, Any]) -> Key:
    """Put values into a key; `.time` is its last write."""
    for name, value in values.items():
        if name == ".time":
            key.written = ticks(value)
        elif isinstance(value, Value):
            key.values.append(Value("" if name == "(default)" else name, value.kind, value.data))
        else:
            key.values.append(made("" if name == "(default)" else str(name), value))
    return key


def golden_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """(path below the folder, content) of golden input; a described hive or WMI repository is made."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name, data = path.relative_to(folder).as_posix(), path.read_bytes()
        if name.endswith(WMI_ENDING):
            for file, content in repository(data.decode()).items():
                yield f"{name.rpartition('/')[0]}/{file}", content
        else:
            yield (name.removesuffix(ENDING), described(data.decode())) if name.endswith(ENDING) else (name, data)


def repository(text: str) -> dict[str, bytes]:
    """File name → content of a repository from a list of `{namespace, class, …properties}`; `.indexed: false` for a deleted object."""
    made = Repository()
    for one in yaml.load(text, yamls.LOADER):
        if "define" in one:
            made.define(one["namespace"], one["define"], "", [tuple(each) for each in one["properties"]], **one.get("defaults", {}))
            continue
        values = {
            name: bytes.fromhex(value) if name == "CreatorSID" else value
            for name, value in one.items()
            if name[0].isupper() or name[0] == "_"
        }
        made.put(one["namespace"], one["class"], indexed=one.get("indexed", True), **values)
    return made.files()
