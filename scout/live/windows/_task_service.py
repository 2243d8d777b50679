"""The task scheduler through its COM interfaces, called by position. Source: Microsoft, taskschd.h; "Task Scheduler reference"."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

from scout.live.windows import _native

HIDDEN = 1
"""TASK_ENUM_HIDDEN"""
MOST = 100_000


@cache
def _interfaces() -> dict[str, Any]:
    """Return the interfaces: those of their methods that this uses, and the number of those before."""
    comtypes, automation = _native.module("comtypes"), _native.module("comtypes.automation")
    method, hresult, bstr, variant = comtypes.COMMETHOD, comtypes.HRESULT, comtypes.BSTR, automation.VARIANT
    long, flag, date = ctypes.c_long, automation.VARIANT_BOOL, ctypes.c_double

    def out(kind: Any) -> Any:
        return (["out", "retval"], ctypes.POINTER(kind), "out")

    def given(kind: Any) -> Any:
        return (["in"], kind)

    def unused(count: int) -> list[Any]:
        return [method([], hresult, f"unused{number}") for number in range(count)]

    def interface(name: str, guid: str, methods: list[Any]) -> Any:
        made: Any = type(name, (automation.IDispatch,), {"_case_insensitive_": True, "_iid_": comtypes.GUID(guid)})
        made._methods_ = methods
        return made

    task = interface(
        "IRegisteredTask",
        "{9C86F320-DEE3-4DD1-B972-A303F26B061E}",
        [
            method([], hresult, "Name", out(bstr)),
            method([], hresult, "Path", out(bstr)),
            method([], hresult, "State", out(ctypes.c_int)),
            method([], hresult, "Enabled", out(flag)),
            *unused(4),
            method([], hresult, "LastRunTime", out(date)),
            method([], hresult, "LastTaskResult", out(long)),
            method([], hresult, "Missed", out(long)),
            method([], hresult, "NextRunTime", out(date)),
            *[method([], hresult, "Definition")],
            method([], hresult, "Xml", out(bstr)),
        ],
    )

    def collection(name: str, guid: str, of: Any) -> Any:
        item = method([], hresult, "Item", given(variant), out(ctypes.POINTER(of)))
        return interface(name, guid, [method([], hresult, "Count", out(long)), item])

    tasks = collection("IRegisteredTaskCollection", "{86627EB4-42A7-41E4-A4D9-AC33A72F2D52}", task)
    folder = interface("ITaskFolder", "{8CFAC062-A080-4C15-9A88-AA7C2AF80DFC}", [])
    folders = collection("ITaskFolderCollection", "{79184A66-8664-423F-97F1-637356A5D812}", folder)
    return {"task": task, "tasks": tasks, "folders": folders, "folder": _folder(folder, task, tasks, folders, unused, given, out)}


def _folder(folder: Any, task: Any, tasks: Any, folders: Any, unused: Any, given: Any, out: Any) -> Any:
    comtypes = _native.module("comtypes")
    method, hresult, bstr, pointer = comtypes.COMMETHOD, comtypes.HRESULT, comtypes.BSTR, ctypes.POINTER
    folder._methods_ = [
        method([], hresult, "Name", out(bstr)),
        method([], hresult, "Path", out(bstr)),
        method([], hresult, "GetFolder", given(bstr), out(pointer(folder))),
        method([], hresult, "GetFolders", given(ctypes.c_long), out(pointer(folders))),
        *unused(2),
        method([], hresult, "GetTask", given(bstr), out(pointer(task))),
        method([], hresult, "GetTasks", given(ctypes.c_long), out(pointer(tasks))),
    ]
    return folder


class TaskScheduler:
    """The scheduler of this host. Raises OSError where it does not answer."""

    def __init__(self) -> None:
        comtypes, automation = _native.module("comtypes"), _native.module("comtypes.automation")
        self.errors = (comtypes.COMError, OSError, ValueError)
        comtypes.CoInitialize()
        parts, variant = _interfaces(), automation.VARIANT
        method, hresult = comtypes.COMMETHOD, comtypes.HRESULT
        service = type("ITaskService", (automation.IDispatch,), {"_iid_": comtypes.GUID("{2FABA4C7-4DA9-4013-9697-20CC3FD40F85}")})
        service_any: Any = service
        service_any._methods_ = [
            method([], hresult, "GetFolder", (["in"], comtypes.BSTR), (["out"], ctypes.POINTER(ctypes.POINTER(parts["folder"])))),
            method([], hresult, "unused0"),
            method([], hresult, "unused1"),
            method([], hresult, "Connect", *[(["in"], variant)] * 4),
        ]
        try:
            made = comtypes.CoCreateInstance(comtypes.GUID("{0F87369F-A4E5-4CFC-BD3E-73E6154572DD}"), interface=service)
            made.Connect(variant(), variant(), variant(), variant())
            self._root = made.GetFolder("\\")
        except comtypes.COMError as e:
            raise OSError(f"the task scheduler does not answer: 0x{e.hresult & 0xFFFFFFFF:08x}") from e
        self._variant = variant

    def listed(self) -> Iterator[Any]:
        """Yield the tasks of all folders, hidden ones too. Raises one of `errors` where the scheduler does not list them."""
        todo, count = [self._root], 0
        while todo and count < MOST:
            folder = todo.pop()
            tasks = folder.GetTasks(HIDDEN)
            for number in range(1, tasks.Count() + 1):
                count += 1
                yield tasks.Item(self._variant(number))
            below = folder.GetFolders(0)
            todo += [below.Item(self._variant(number)) for number in range(1, below.Count() + 1)]

    def task(self, path: str) -> Any:
        """Return a task by its path, None where the scheduler does not know it."""
        with suppress(*self.errors):
            return self._root.GetTask(path)
        return None
