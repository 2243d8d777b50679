r"""Scheduled tasks: the definition files below `System32\Tasks`, and legacy .job files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.hives.fields import command_fields
from scout.formats import task_job, task_xml
from scout.formats.task_xml import ScheduledTask

ARTEFACT = Artefact(
    name="scheduled_tasks",
    title="Scheduled tasks",
    about="Definition of each task: actions, account, triggers, whether it is hidden or disabled. Proves that the file exists, not that "
    "the task is registered or ran: TaskCache in the registry and the event log show that. Author and registration date are as its author "
    "wrote them.",
    match=("**/System32/Tasks/**", "**/SysWOW64/Tasks/**", "**/System32/Tasks_Migrated/**", "Windows/Tasks/*.job", "WINNT/Tasks/*.job"),
    targets=("WP01",),
    needs=("timezone", "system_root", "users"),
    fields=(
        "escadre.task.path",
        "escadre.task.actions",
        "escadre.task.commands",
        "escadre.description",
        "escadre.format",
        "escadre.settings",
        "escadre.trigger",
        "group.id",
        "group.name",
        "escadre.task.hidden",
        "escadre.task.enabled",
        "escadre.time_inferred",
        "process.command_line",
        "process.executable",
        "process.name",
        "process.working_directory",
        "user.name",
        "user.domain",
        "user.id",
        "file.path",
        "file.mtime",
    ),
    times={
        "@timestamp": "registration date as its author wrote it; without a zone it is local time, and escadre.time_inferred has `zone`",
        "file.mtime": "last change of the definition file",
    },
    kind="state",
    category=("configuration",),
    type=("info",),
    action="scheduled-task-observed",
    attack=("T1053.005",),
    message="The[{?escadre.task.hidden} hidden][{!escadre.task.enabled} disabled] task {escadre.task.path!q} runs "
    "[{escadre.task.actions!q}|nothing]"
    "[ as [{user.domain}\\]{user.name!q}| as {user.id}| as {group.name!q}| as {group.id}].",
    version=3,
    sources=("[MS-TSCH] Task Scheduler Service Remoting Protocol, sections 2.4 and 2.5",),
)


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:
    """Yield one record per file."""
    if evidence.size > task_xml.LARGEST:
        yield Problem(f"no task definition: {evidence.size} bytes", lost=1)
        return
    data, last_run = evidence.data, ""
    try:
        if task_job.is_job(data):
            task, last_run = task_job.read(data)
        else:
            task = task_xml.read(data)
    except task_xml.BadTask as reason:
        yield Problem(str(reason), lost=1 if data else 0)
        return
    yield Record("0", _fields(task, last_run, evidence, host))
    if task_job.is_job(data) and (cut := task_job.cut(data)):
        yield Problem(cut)


def _fields(task: ScheduledTask, last_run: str, evidence: Evidence, host: Host) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "escadre.task.path": _path(evidence.source) or task.uri or evidence.name,
        "escadre.task.actions": [action.line for action in task.actions],
        "escadre.task.commands": [action.command_line for action in task.actions],
        "escadre.trigger": [trigger.line for trigger in task.triggers],
        "escadre.task.hidden": task.hidden,
        "escadre.task.enabled": task.enabled,
        "file.path": evidence.source,
        "escadre.description": task.description,
        "escadre.format": task.version,
        "escadre.settings": _settings(task, last_run),
    }
    fields = {name: value for name, value in fields.items() if value not in ([], "")}
    first = next((a for a in task.actions if a.command_line), None)
    if first is not None:
        fields |= command_fields(first.command_line, host)
        if folder := first.parts.get("WorkingDirectory"):
            fields["process.working_directory"] = folder
    if mtime := evidence.facts.get("mtime"):
        fields["file.mtime"] = mtime
    return fields | _user(task.user, host) | _group(task.group) | _time(task.registered, host)


def _settings(task: ScheduledTask, last_run: str) -> list[str]:
    """Return the settings of a task that have no field of their own, with the names of [MS-TSCH]; legacy jobs have `LastRun`."""
    texts = {
        "UserId": task.user,
        "GroupId": task.group,
        "RunLevel": task.run_level,
        "LogonType": task.logon_type,
        "Author": task.author,
        "Date": task.registered,
        "URI": task.uri,
        "LastRun": last_run,
    }
    return [f"{name}={text}" for name, text in (*texts.items(), *task.others) if text]


def _group(group: str) -> dict[str, str]:
    return {"group.id" if group.startswith("S-1-") else "group.name": group} if group else {}


def _path(source: str) -> str:
    r"""Return the path in the task tree, which begins after the `Tasks` folder; '' if there is none."""
    parts = source.replace("/", "\\").split("\\")
    at = next((i for i, part in enumerate(parts[:-1]) if part.casefold() in ("tasks", "tasks_migrated")), None)
    return "\\" + "\\".join(parts[at + 1 :]) if at is not None else ""


def _user(user: str, host: Host) -> dict[str, Any]:
    if user.startswith("S-1-"):
        name = host.users.get(user, "")
        return {"user.id": user} | ({"user.name": name} if name else {})
    domain, _, name = user.rpartition("\\")
    return ({"user.domain": domain} if domain else {}) | ({"user.name": name} if name else {})


def _time(written: str, host: Host) -> dict[str, Any]:
    """Return `@timestamp` from a registration date. Without a zone it is local time of the host; if that zone is not known, nothing."""
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return {}
    inferred: dict[str, Any] = {}
    if moment.tzinfo is None:
        zone = _zone(host.timezone)
        if zone is None:
            return {}
        moment, inferred = moment.replace(tzinfo=zone), {"escadre.time_inferred": ["zone"]}
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        return {}
    digits = written.partition(".")[2]
    digits = digits[: len(digits) - len(digits.lstrip("0123456789"))] or f"{moment:%f}".rstrip("0")
    return {"@timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}{'.' if digits else ''}{digits}Z".rjust(20, "0"), **inferred}


def _zone(name: str) -> tzinfo | None:
    """Return the zone of an IANA name or a fixed offset `+01:00`, or None."""
    if name[:1] in ("+", "-") and name[1:3].isdigit() and name[4:6].isdigit():
        offset = timedelta(hours=int(name[1:3]), minutes=int(name[4:6]))
        return timezone(-offset if name[0] == "-" else offset)
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def expected(evidence: Evidence) -> int | None:
    """Return 1 for a file that is not empty."""
    return 1 if evidence.size else 0
