r"""Task cache: scheduled tasks as the task scheduler keeps them in the registry, also where the file of the task is gone."""

from __future__ import annotations

from struct import error, unpack_from
from typing import Any

from commodore.readers.hives.task_triggers import task_triggers
from commodore.registry import COMMAND_FIELDS, At, Made, Part, Problem, each_key, registry_artefact
from scout.formats.commandline import expand_windows
from scout.formats.regf import Key, Value
from scout.formats.regf.data import filetime
from scout.formats.shell.folders import guid

_KINDS = {0x6666: "exec", 0x7777: "com handler", 0x8888: "mail", 0x9999: "message"}


def _dynamic(value: Value | None) -> dict[str, Any]:
    """Return creation, last start and last end from DynamicInfo: version 3, 28 bytes (Windows 7, 8) or 36 (10 and later).

    Raises ValueError for any other.
    """
    if value is None:
        return {}
    raw = value.raw
    if len(raw) not in (28, 36) or unpack_from("<I", raw)[0] != 3:
        raise ValueError(f"task times of {len(raw)} bytes, version {raw[:4].hex()}: only version 3 with 28 or 36 bytes is known")
    created, started = unpack_from("<QQ", raw, 4)
    (state, result) = unpack_from("<II", raw, 20)
    ended = unpack_from("<Q", raw, 28)[0] if len(raw) == 36 else 0
    made = {"event.created": filetime(created), "event.start": filetime(started), "event.end": filetime(ended)}
    return {name: time for name, time in made.items() if time} | {"escadre.settings": [f"State={state}", f"Result={result:#010x}"]}


def _actions(value: Value | None) -> tuple[str, list[str], list[str]]:
    """Return context, one line for each action, and its command line. Raises ValueError for a version but 1 to 3, and where cut.

    Layout: version (2 bytes), the context's length and text (version 2 and 3), then actions: magic (2), id, for exec command, arguments,
    folder, from version 3 on two bytes of flags; for a COM handler the class id and its data.
    """
    raw = value.raw if value else b""
    if not raw:
        return "", [], []
    version, at = unpack_from("<H", raw)[0], 2
    if version not in (1, 2, 3):
        raise ValueError(f"task actions of version {version}: only 1 to 3 are known")
    context = ""
    if version > 1:
        context, at = _text(raw, at)
    lines, commands = [], []
    while at + 6 <= len(raw):
        kind = unpack_from("<H", raw, at)[0]
        if kind not in _KINDS:
            raise ValueError(f"task action of an unknown kind {kind:#06x}")
        _, at = _text(raw, at + 2)
        if kind == 0x6666:
            command, at = _text(raw, at)
            arguments, at = _text(raw, at)
            at = _text(raw, at)[1] + 2 * (version >= 3)
            commands.append(f"{command} {arguments}".strip())
            lines.append(f"exec {commands[-1]}")
        elif kind == 0x7777:
            identity = raw[at : at + 16]
            data, at = _text(raw, at + 16)
            lines.append(f"com {{{guid(identity)}}} {data}".strip())
            commands.append("")
        else:
            lines.append(_KINDS[kind])
            commands.append("")
            break
    return context, lines, commands


def _triggers(at: At, value: Value | None) -> dict[str, Any]:
    """Return what starts a task, and its account. Raises ValueError for a version that is not known."""
    if value is None or not value.raw:
        return {}
    found = task_triggers(value.raw)
    return {
        "escadre.trigger": found.lines or None,
        "escadre.task.enabled": found.enabled,
        "escadre.task.hidden": found.hidden,
        "user.id": found.sid or None,
        "user.name": at.host.users.get(found.sid) or found.account or None,
        "escadre.settings": ["RunLevel=HighestAvailable"] if found.highest else [],
    }


def _text(raw: bytes, at: int) -> tuple[str, int]:
    (length,) = unpack_from("<I", raw, at)
    if at + 4 + length > len(raw):
        raise ValueError("task actions are cut")
    return raw[at + 4 : at + 4 + length].decode("utf-16-le", "backslashreplace"), at + 4 + length


def _task(at: At, key: Key) -> Made:
    path = key.text("Path")
    if not path and key.value("Actions") is None:
        return None
    made: dict[str, Any] = {"escadre.task.path": path or None, "escadre.task.id": key.name}
    made |= {"escadre.description": key.text("Description") or None, "escadre.author": key.text("Author") or None}
    problems: list[Part | Problem] = []
    try:
        made |= _dynamic(key.value("DynamicInfo"))
    except ValueError as reason:
        problems.append(Problem(str(reason), f"{key.name}/DynamicInfo"))
    try:
        added = _triggers(at, key.value("Triggers"))
    except ValueError as reason:
        problems.append(Problem(str(reason), f"{key.name}/Triggers"))
    else:
        made |= added | {"escadre.settings": [*made.get("escadre.settings", ()), *added.get("escadre.settings", ())] or None}
    try:
        context, lines, commands = _actions(key.value("Actions"))
    except (ValueError, error) as reason:
        problems.append(Problem(str(reason), f"{key.name}/Actions"))
    else:
        made |= {"escadre.task.context": context or None}
        if lines:
            made |= {"escadre.task.actions": lines, "escadre.task.commands": commands}
            first = next((command for command in commands if command), "")
            made |= at.command(expand_windows(first, at.host.system_root or "C:\\Windows")) if first else {}
    return [Part("", made | {"@timestamp": made.get("event.created") or key.last_written or None}), *problems]


ARTEFACT, parse, expected = registry_artefact(
    name="task_cache",
    title="Task cache",
    about="Scheduled tasks as the task scheduler keeps them in the registry: path, actions, triggers, account, creation, last start and "
    "end. A task whose file was deleted, or whose SD value was removed to hide it, still runs from here.",
    proves_not="That the task ran more than once: only the last start is kept. A task without a tree entry or file is odd, not proof "
    "of an attack.",
    keys=(r"Software\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tasks\*",),
    read=each_key(_task),
    fields=(
        "escadre.task.path",
        "escadre.task.id",
        "escadre.task.context",
        "escadre.task.actions",
        "escadre.task.commands",
        "escadre.author",
        "escadre.description",
        "escadre.settings",
        "escadre.trigger",
        "escadre.task.enabled",
        "escadre.task.hidden",
        "event.created",
        "event.start",
        "event.end",
        *COMMAND_FIELDS,
    ),
    needs=("system_root", "users"),
    times={
        "@timestamp": "registration of the task; where that is not kept, the last write of its key",
        "event.created": "registration of the task",
        "event.start": "last start of the task",
        "event.end": "last successful end of the task",
    },
    category=("configuration", "process"),
    action="scheduled-task-observed",
    attack=("T1053.005",),
    message="The[{?escadre.task.hidden} hidden] task {escadre.task.path!q} [runs {escadre.task.actions!q}|has no action]"
    "[ as {user.name!q}| as {user.id}| as {escadre.task.context!q}][, last started at {event.start}].",
    sources=(
        "Task Scheduler keys, libyal winreg-kb",
        "[MS-TSCH] Task Scheduler Service Remoting Protocol",
        "TaskCache research, R. Rhodes and WithSecure",
        "Windows Registry Analysis: Tasks, G DATA Advanced Analytics",
    ),
    version=2,
)
