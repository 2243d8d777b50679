r"""Scheduled tasks as the scheduler sees them, beside its files and its cache in the registry (`tasks/1`).

path                `\Microsoft\Windows\Defrag\ScheduledDefrag`
seen_by             scheduler, file, cache: which of the three have it. A task without a file or without a descriptor in the cache is hidden
state               unknown, disabled, queued, ready, running; enabled
last_run, next_run  RFC 3339 UTC; last_result: exit code; missed: missed runs
xml                 definition as the scheduler writes it
cache_id            GUID in TaskCache; no_descriptor: true where the cache has no SD value for it, which hides it
error               (first object only, with kind `scheduler`) why it did not list its tasks; then it was asked for each path of the others

Source: Microsoft, "Task Scheduler reference"; keys of `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scout.live.windows import _devices, _native, _registry, _task_service

SCHEMA = 1
TREE = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree"
_STATES = ("unknown", "disabled", "queued", "ready", "running")
_MOST = 100_000
_OLE_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  (local time: the scheduler gives it so)


def collect() -> Iterator[dict[str, Any]]:
    """Yield every task that one of the three has."""
    files, cached = _files(), dict(_cache(_registry.RunningRegistry(), TREE, "", 0))
    scheduler: _task_service.TaskScheduler | None = None
    seen: dict[str, Any] = {}
    try:
        scheduler = _task_service.TaskScheduler()
        for task in scheduler.listed():
            seen[_native.text(task.Path())] = task
    except Exception as e:  # COM raises errors of many types; what files and cache have is listed all the same
        yield {"kind": "scheduler", "error": _native.text(e)}
    names = {path.lower(): path for path in (*files, *cached, *seen)}
    by_lower = {path.lower(): task for path, task in seen.items()}
    for lower, path in sorted(names.items()):
        task = by_lower.get(lower) or (scheduler.task(path) if scheduler is not None else None)
        yield _native.known(_described(path, task, {one.lower() for one in files}, {k.lower(): v for k, v in cached.items()}))


def difference(row: dict[str, Any]) -> str:
    """Return the sentence for the summary, '' for a row that shows no difference."""
    if row.get("no_descriptor"):
        return f"task {row['path']} has no descriptor: usual tools do not list it"
    seen = row.get("seen_by", ["", ""])
    return f"task {row['path']} is shown by the {seen[0]} only" if len(seen) == 1 else ""


def _described(path: str, task: Any, files: set[str], cached: dict[str, dict[str, Any]]) -> dict[str, Any]:
    lower = path.lower()
    seen = [name for name, found in (("scheduler", task is not None), ("file", lower in files), ("cache", lower in cached)) if found]
    out: dict[str, Any] = {"path": path, "seen_by": seen, **cached.get(lower, {})}
    if task is not None:
        state = _got(task.State)
        out["state"] = _STATES[state] if isinstance(state, int) and 0 <= state < len(_STATES) else None
        enabled = _got(task.Enabled)
        out["enabled"] = bool(enabled) if enabled is not None else None
        out["xml"] = _native.text(_got(task.Xml))
        out["last_run"], out["next_run"] = _moment(_got(task.LastRunTime)), _moment(_got(task.NextRunTime))
        result = _got(task.LastTaskResult)
        out["last_result"] = result & 0xFFFFFFFF if isinstance(result, int) else None
        out["missed"] = _got(task.Missed)
    return out


def _got(method: Any) -> Any:
    try:
        return method()
    except Exception:  # a property that this scheduler does not give is absent
        return None


def _moment(days: object) -> str | None:
    """Return an OLE date in local time (days since 1899-12-30) as UTC; None for `never`."""
    if not isinstance(days, float) or days < 25_570:
        return None
    try:
        local = _OLE_EPOCH + timedelta(days=days)
        return f"{local.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (OverflowError, OSError, ValueError):
        return None


def _files() -> list[str]:
    root = f"{_devices.system_root()}\\System32\\Tasks"
    found: list[str] = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not Path(folder, name).is_symlink()]
        below = folder[len(root) :]
        found += [_native.text(f"{below}\\{name}") for name in names]
        if len(found) >= _MOST:
            break
    return found


def _cache(registry: _registry.RunningRegistry, key: str, path: str, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    values = registry.values(_registry.HKLM, key)
    if path and "Id" in values:
        yield path, {"cache_id": _native.text(values["Id"][0]), "no_descriptor": "SD" not in values or None}
    if depth < 64:
        for name in registry.subkeys(_registry.HKLM, key):
            yield from _cache(registry, f"{key}\\{name}", f"{path}\\{name}", depth + 1)
