"""Scheduled tasks of the running Windows, by the Task Scheduler (COM).

The scheduler writes a task's file and its keys of TaskCache, which only the system may write.
Source: [MS-TSCH] 2.4, 2.5.1; the Task Scheduler's scripting objects (ITaskService, ITaskFolder, IRegisteredTask).
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from defusedxml import ElementTree

from hunter.unsafe import UnsafeError

_SCHEDULER = "{0F87369F-A4E5-4CFC-BD3E-73E6154572DD}"
_CREATE = 2
_OWNER_GROUP_DACL = 7
_ABSENT = {0x80070002, 0x80070003}
_LOGON = {"Password": 1, "S4U": 2, "InteractiveToken": 3, "InteractiveTokenOrPassword": 6}
_GROUP, _SERVICE = 4, 5
_OWN = {"S-1-5-18", "S-1-5-19", "S-1-5-20", "SYSTEM", "LOCAL SERVICE", "NETWORK SERVICE"}
_NAMES = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


@cache
def _interfaces() -> tuple[Any, Any]:
    """Return (ITaskService, ITaskFolder): their methods by position, those that are used with their arguments. Source: taskschd.h."""
    com, automation = _module("comtypes"), _module("comtypes.automation")
    call, result, text, number = com.COMMETHOD, com.HRESULT, com.BSTR, ctypes.c_long

    def interface(name: str, guid: str, *methods: Any) -> Any:
        made: Any = type(name, (automation.IDispatch,), {"_iid_": com.GUID(guid)})
        made._methods_ = [call([], result, f"{name}{n}") if m is None else call([], result, *m) for n, m in enumerate(methods)]
        return made

    def given(*kinds: Any) -> list[Any]:
        return [(["in"], kind) for kind in kinds]

    def out(kind: Any) -> Any:
        return (["out"], ctypes.POINTER(kind))

    any_value = automation.VARIANT
    task = interface(
        "IRegisteredTask",
        "{9C86F320-DEE3-4DD1-B972-A303F26B061E}",
        *([None] * 13),
        ("Xml", out(text)),
        ("GetSecurityDescriptor", *given(number), out(text)),
    )
    folder = interface(
        "ITaskFolder",
        "{8CFAC062-A080-4C15-9A88-AA7C2AF80DFC}",
        *([None] * 6),
        ("GetTask", *given(text), out(ctypes.POINTER(task))),
        None,
        ("DeleteTask", *given(text, number)),
        ("RegisterTask", *given(text, text, number, any_value, any_value, ctypes.c_int, any_value), out(ctypes.POINTER(task))),
    )
    service = interface(
        "ITaskService",
        "{2FABA4C7-4DA9-4013-9697-20CC3FD40F85}",
        ("GetFolder", *given(text), out(ctypes.POINTER(folder))),
        *([None] * 2),
        ("Connect", *given(*([any_value] * 4))),
    )
    return service, any_value


@contextmanager
def _scheduler(what: str) -> Iterator[Any]:
    """Yield the root folder of the Task Scheduler. UnsafeError where it does not answer, or refuses."""
    com = _module("comtypes")
    service, empty = _interfaces()
    try:
        made = com.CoCreateInstance(com.GUID(_SCHEDULER), interface=service)
        made.Connect(*(empty() for _ in range(4)))  # this computer, as this user
        yield made.GetFolder("\\")
    except com.COMError as e:
        raise UnsafeError(f"{what}: the Task Scheduler answers {_number(e):#010x} ({e.text or 'no text'})") from e
    except OSError as e:
        raise UnsafeError(f"{what}: the Task Scheduler cannot be reached ({e.strerror or e})") from e


def read(path: str) -> tuple[str, str] | None:
    """Return (definition as XML, security descriptor as SDDL or '') of a task; None where the scheduler does not know it."""
    com = _module("comtypes")
    with _scheduler(path) as root:
        try:
            task = root.GetTask(path)
        except (com.COMError, OSError) as e:
            if _number(e) in _ABSENT:
                return None
            raise
        try:
            descriptor = str(task.GetSecurityDescriptor(_OWNER_GROUP_DACL))
        except (com.COMError, OSError):  # not every account may read it, and not every scheduler has it
            descriptor = ""
        return str(task.Xml()), descriptor


def delete(path: str) -> None:
    """Delete a task. UnsafeError where the scheduler refuses."""
    with _scheduler(path) as root:
        root.DeleteTask(path, 0)


def register(path: str, xml: str, descriptor: str) -> None:
    """Register a task that is not there. UnsafeError where the scheduler refuses."""
    _, value = _interfaces()
    with _scheduler(path) as root:
        security = value(descriptor) if descriptor else value()
        root.RegisterTask(path, xml, _CREATE, value(), value(), logon_type(xml), security)


def _module(name: str) -> Any:
    return importlib.import_module(name)


def logon_type(xml: str) -> int:
    """Return the logon type with which a definition is registered (TASK_LOGON_TYPE); 1 needs a password."""
    principal = _parsed(xml).find(f"{_NAMES}Principals/{_NAMES}Principal")
    if principal is None:
        return 0
    if principal.findtext(f"{_NAMES}GroupId"):
        return _GROUP
    if (principal.findtext(f"{_NAMES}UserId") or "").rpartition("\\")[2].upper() in _OWN:
        return _SERVICE
    return _LOGON.get(principal.findtext(f"{_NAMES}LogonType") or "", 0)


def canonical(xml: str) -> str:
    """Return a definition in one form: white space between elements and the declaration do not count."""
    text: str = ElementTree.tostring(_parsed(xml), encoding="unicode")
    from xml.etree.ElementTree import canonicalize

    return canonicalize(text, strip_text=True)


def _parsed(xml: str) -> Any:
    try:
        return ElementTree.fromstring(xml.lstrip("\ufeff").encode("utf-16"))
    except (ElementTree.ParseError, ValueError) as e:
        raise UnsafeError(f"the definition of the task cannot be read: {e}") from e


def _number(error: Exception) -> int:
    return int(getattr(error, "hresult", None) or getattr(error, "winerror", 0) or 0) & 0xFFFFFFFF
