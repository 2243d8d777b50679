r"""What all artefacts that read registry hives share: the group, the one-time replay, the place a hive is mounted at, fields of a value.

The file name decides the view: `SOFTWARE` → `HKLM\SOFTWARE`, `NTUSER.DAT` → `HKU\<SID>` (or the profile's name), else `?\<file name>`.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from commodore.artefact import Group, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.commandline import parse_windows
from scout.formats.regf import BadHive, Hive, Key, Value
from scout.formats.regf_data import strings

GROUP = Group({"log1": "{name}.LOG1", "log2": "{name}.LOG2", "log": "{name}.LOG"})
"""a hive and its transaction logs"""
MAGIC = ((0, b"regf"),)
SOFTWARE = ("**/config/SOFTWARE",)
SYSTEM = ("**/config/SYSTEM",)
USERS = ("**/NTUSER.DAT", "**/NTUSER.MAN", "**/config/DEFAULT")
"""hives that are mounted below HKU"""
REGISTRY_FIELDS = (
    "registry.hive",
    "registry.key",
    "registry.value",
    "registry.path",
    "registry.data.type",
    "registry.data.strings",
    "registry.data.bytes",
    "escadre.registry.last_written",
)
TIMES = {
    "@timestamp": "last write of the key: when one of its values, not necessarily this one, was last set or deleted",
    "escadre.registry.last_written": "the same",
}
SOURCES = ("Windows registry file format specification, M. Suhanov",)
LARGEST_VALUE = 1 << 20
"""bytes of one value that a record holds; what is longer is cut, and the ledger says so"""

_MACHINE = ("SOFTWARE", "SYSTEM", "SAM", "SECURITY", "HARDWARE", "COMPONENTS", "DRIVERS", "BCD")
_SERVICE_PROFILES = {"systemprofile": "S-1-5-18", "localservice": "S-1-5-19", "networkservice": "S-1-5-20"}
_PROFILE_PARENTS = ("users", "documents and settings", "serviceprofiles", "config")


class Mount(NamedTuple):
    r"""Where a hive hangs in the registry: `path` (`HKLM\SOFTWARE`), and for user hives the owner's name and SID as far as known."""

    path: str
    user: str = ""
    sid: str = ""


def open_hive(evidence: Evidence) -> Hive | str:
    """The hive with its logs replayed, or why it cannot be read. For `evidence.once`: made one time for all artefacts."""
    logs = [evidence.companions[role].data for role in ("log1", "log2", "log") if role in evidence.companions]
    try:
        return Hive.open(evidence.data, logs)
    except BadHive as reason:
        return str(reason)


def read(evidence: Evidence, host: Host, records: Callable[[Hive, Mount], Iterator[Record]]) -> Iterator[Record | Problem]:
    """The frame of every hive parser: open once, say what is wrong with the hive, give the `records`, say what was broken on the way."""
    opened = evidence.once(open_hive)
    if isinstance(opened, str):
        yield Problem(opened)
        return
    hive = opened.view()
    yield from _problems(hive, evidence)
    if hive.root is not None:
        yield from records(hive, mount(evidence, host, hive))
    for offset, reason in sorted(hive.damage.items()):
        yield Problem(reason, locator=f"{offset:#x}")


def promised(evidence: Evidence, count: Callable[[Hive], int]) -> int | None:
    """The frame of `expected`: None where there is no hive to ask."""
    opened = evidence.once(open_hive)
    return None if isinstance(opened, str) else count(opened.view())


def _problems(hive: Hive, evidence: Evidence) -> Iterator[Problem]:
    """What is wrong with a hive as such: refused logs, missing logs, a cut file."""
    for reason in hive.refused:
        yield Problem(reason)
    if hive.dirty and not hive.applied and not hive.refused:
        yield Problem("hive is dirty and has no transaction log: its latest changes are not seen")
    if hive.cut:
        yield Problem(f"hive is cut: {hive.cut} bytes that its base block promises are missing", locator=str(evidence.size))


def mount(evidence: Evidence, host: Host, hive: Hive) -> Mount:
    """The view of a hive, from its file name, its place, and the host's profiles."""
    name = evidence.name.upper()
    if name in _MACHINE:
        return Mount(f"HKLM\\{name}")
    if name == "DEFAULT":
        return Mount("HKU\\.DEFAULT", sid="S-1-5-18")
    if name not in ("NTUSER.DAT", "NTUSER.MAN"):
        return Mount(f"?\\{evidence.name}")
    folder = evidence.source.replace("/", "\\").rpartition("\\")[0]
    for sid, profile in host.profiles.items():
        if profile.rstrip("\\").casefold() == folder.casefold():
            return Mount(f"HKU\\{sid}", host.users.get(sid, _last(folder)), sid if sid.startswith("S-1-") else "")
    owner = _last(folder) if _last(folder.rpartition("\\")[0]).casefold() in _PROFILE_PARENTS else ""
    owner = owner or _last(hive.name.rpartition("\\")[0])
    sid = _SERVICE_PROFILES.get(owner.casefold(), "")
    return Mount(f"HKU\\{sid or owner or '?'}", owner, sid)


def _last(path: str) -> str:
    return path.rpartition("\\")[2]


def value_fields(at: Mount, key: Key, value: Value) -> dict[str, Any]:
    """The fields that any record of one value has: path, type, data as strings and as bytes, owner, last write of the key."""
    raw = value.raw
    if len(raw) > LARGEST_VALUE:
        value.hive.note(value.offset, f"{LARGEST_VALUE:,} of {len(raw):,} bytes of a value were kept")
        raw = raw[:LARGEST_VALUE]
    texts = strings(value.kind, raw)
    fields: dict[str, Any] = {
        **key_fields(at, key),
        "registry.value": value.name,
        "registry.path": registry_path(at, key, value.name),
        "registry.data.type": value.type,
        "registry.data.bytes": b64encode(raw).decode("ascii"),
    }
    if texts:
        fields["registry.data.strings"] = texts
    return fields


def command_value_fields(at: Mount, key: Key, value: Value, host: Host) -> dict[str, Any]:
    """The fields of a value whose data is a command line, which `process.*` then tells."""
    fields = value_fields(at, key, value)
    texts = fields.get("registry.data.strings") or [""]
    return fields | command_fields(texts[0], host)


def key_fields(at: Mount, key: Key) -> dict[str, Any]:
    """The fields that any record of one key has."""
    fields: dict[str, Any] = {"registry.hive": at.path, "registry.key": key.path, "registry.path": registry_path(at, key)}
    if written := key.last_written:
        fields["@timestamp"] = fields["escadre.registry.last_written"] = written
    if at.user:
        fields["user.name"] = at.user
    if at.sid:
        fields["user.id"] = at.sid
    return fields


def registry_path(at: Mount, key: Key, value: str = "") -> str:
    """As an analyst writes it; a default value has the path of its key."""
    return "\\".join(part for part in (at.path, key.path, value) if part)


def command_fields(line: str, host: Host) -> dict[str, Any]:
    """`process.command_line`, and the program where the line says which one: an absolute path, else only its name."""
    if not line.strip():
        return {}
    program = parse_windows(line, system_root=host.system_root or "C:\\Windows").executable.rstrip(", ")
    fields: dict[str, Any] = {"process.command_line": line}
    if re.match(r"[A-Za-z]:\\|\\\\", program) and "%" not in program:
        fields["process.executable"] = program
    if program:
        fields["process.name"] = program.rpartition("\\")[2]
    return fields


def state(*cells: Key | Value) -> str:
    """`replayed` if one of the cells came from a log, else `allocated`."""
    return "replayed" if any(cell.replayed for cell in cells) else "allocated"


def locator(key: Key, value: Value | None = None) -> str:
    """Offsets of the cells in the hive bins data: `0x1c20` for a key, `0x1c20/0x1d80` for a value of it."""
    return f"{key.offset:#x}/{value.offset:#x}" if value else f"{key.offset:#x}"
