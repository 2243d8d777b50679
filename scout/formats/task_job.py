"""Legacy scheduled tasks: .JOB files of Task Scheduler 1.0 (Windows 95 to XP, and at.exe later), from bytes.

Source: [MS-TSCH] section 2.4 ".JOB File Format".
"""

from __future__ import annotations

from struct import unpack_from

from scout.formats.task_xml import Action, BadTask, ScheduledTask, Trigger

_FIXED, _TRIGGER = 68, 48
"""bytes"""
_KINDS = ("Once", "Daily", "Weekly", "MonthlyDate", "MonthlyDOW", "Idle", "SystemStart", "Logon")
_DISABLED, _HIDDEN = 0x4, 0x200


def is_job(data: bytes) -> bool:
    """Return whether the fixed part is that of a job: file version 1, followed by the variable part."""
    return len(data) >= _FIXED + 2 and data[2:4] == b"\1\0" and data[20:22] == b"\x46\0"


def read(data: bytes) -> tuple[ScheduledTask, str]:
    """Return the job and its last run, `2013-08-24T12:42:00.112` in the host's local time ('' if it never ran). Raises BadTask."""
    if not is_job(data):
        raise BadTask("no .job file: the fixed part is wrong")
    (triggers_at,) = unpack_from("<H", data, 22)
    (flags,) = unpack_from("<I", data, 48)
    year, month, _, day, hour, minute, second, millisecond = unpack_from("<8H", data, 52)
    texts, position = [], _FIXED + 2
    for _ in range(5):
        text, position = _text(data, position)
        texts.append(text)
    command, arguments, folder, author, comment = texts
    parts = {"Command": command, "Arguments": arguments, "WorkingDirectory": folder}
    task = ScheduledTask(
        version="",
        uri="",
        author=author,
        description=comment,
        registered="",
        user="",
        group="",
        run_level="",
        logon_type="",
        enabled=not flags & _DISABLED,
        hidden=bool(flags & _HIDDEN),
        actions=(Action("Exec", {k: v for k, v in parts.items() if v}),),
        triggers=_triggers(data, triggers_at),
    )
    last = f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.{millisecond:03d}" if year else ""
    return task, last


def cut(data: bytes) -> str:
    """Return how a job that `read` took is cut, '' where it is complete: its triggers are behind everything that `read` needs."""
    (at,) = unpack_from("<H", data, 22)
    count = unpack_from("<H", data, at)[0] if at + 2 <= len(data) else 0
    there = max(len(data) - at - 2, 0) // _TRIGGER
    if at + 2 > len(data):
        return f".job file is cut at {len(data)} bytes: its triggers are missing"
    return f".job file is cut at {len(data)} bytes: {there} of {count} triggers are there" if there < count else ""


def _text(data: bytes, position: int) -> tuple[str, int]:
    """Return a counted string (the count includes its NUL) and the offset behind it."""
    if position + 2 > len(data):
        raise BadTask(f".job file is cut at {len(data)} bytes")
    (count,) = unpack_from("<H", data, position)
    end = position + 2 + 2 * count
    if end > len(data):
        raise BadTask(f".job file is cut at {len(data)} bytes")
    return data[position + 2 : end].decode("utf-16-le", "backslashreplace").partition("\0")[0], end


def _triggers(data: bytes, position: int) -> tuple[Trigger, ...]:
    if position + 2 > len(data):
        return ()
    (count,) = unpack_from("<H", data, position)
    result = []
    for start in range(position + 2, min(position + 2 + _TRIGGER * count, len(data) - _TRIGGER + 1), _TRIGGER):
        year, month, day, end_year, end_month, end_day, hour, minute = unpack_from("<8H", data, start + 4)
        duration, interval, flags, kind = unpack_from("<4I", data, start + 20)
        parts = {"StartBoundary": f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:00"} if year else {}
        if flags & 1 and end_year:
            parts["EndBoundary"] = f"{end_year:04d}-{end_month:02d}-{end_day:02d}"
        if interval:
            parts |= {"Repetition/Interval": f"PT{interval}M", "Repetition/Duration": f"PT{duration}M"}
        if flags & 4:
            parts["Enabled"] = "false"
        result.append(Trigger(_KINDS[kind] if kind < len(_KINDS) else f"type {kind}", parts))
    return tuple(result)
