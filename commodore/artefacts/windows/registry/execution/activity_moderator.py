r"""Background and desktop activity moderators (BAM, DAM): programs of each user with the time of the last run."""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack_from

from commodore.registry import At, Part, Problem, each_value, program_fields, registry_artefact
from scout.formats.regf import Value
from scout.formats.regf.data import filetime

_COUNTERS = ("version", "sequencenumber")
_SIZE = 24
"""bytes of an entry: a FILETIME, then 16 whose meaning is not known"""


def _entry(at: At, value: Value) -> Iterator[Part | Problem]:
    if value.name.lower() in _COUNTERS and value.number is not None:
        return
    version, raw = at.found.key.value("Version"), value.raw
    if version is not None and version.number != 1:
        yield Problem(f"activity entries of version {version.number}: only version 1 is known", value.name, lost=1)
        return
    if len(raw) != _SIZE:
        yield Problem(f"activity entry of {len(raw)} bytes: only {_SIZE} are known", value.name, lost=1)
        return
    when = filetime(unpack_from("<Q", raw)[0]) or None
    sid = at.parts[-1]
    made = {"escadre.execution.program": value.name, "@timestamp": when, "process.start": when, "user.id": sid}
    yield Part("", made | program_fields(value.name) | {"user.name": at.host.users.get(sid) or None})


ARTEFACT, parse, expected = registry_artefact(
    name="activity_moderator",
    title="Background and desktop activity moderator",
    about="Full device path of each program that ran, by user, and when it last ran, from Windows 10 1709 on. Entries older than a week "
    "are removed when the host starts. `bam` is of desktops and servers, `dam` of devices that sleep connected.",
    proves_not="How often the program ran, or that it never ran because it is not listed: entries age, and programs on removable media and "
    "shares are not recorded.",
    keys=tuple(
        f"System\\CurrentControlSet\\Services\\{service}\\{state}UserSettings\\*" for service in ("bam", "dam") for state in ("", "State\\")
    ),
    read=each_value(_entry),
    fields=("escadre.execution.program", "process.start", "process.executable", "process.name"),
    needs=("users",),
    times={"@timestamp": "last run of the program, as the moderator saw it", "process.start": "the same"},
    category=("process",),
    type=("start",),
    action="program-run-observed",
    message="[{user.name}|{user.id}|A user] ran {escadre.execution.program!q}[, last at {process.start}|, at no recorded time].",
    sources=("Background Activity Moderator, notes of dfir.ru and of libyal winreg-kb",),
)
