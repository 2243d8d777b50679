"""The background transfers (BITS) through its COM interfaces. Nothing is changed. Source: Microsoft, bits.h, bits1_5.h."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

from scout.live.windows import _native

MOST = 10_000
"""jobs that are listed at most, and files of one job"""
ALL_USERS = 1
STATES = ("queued", "connecting", "transferring", "suspended", "error", "transient error", "transferred", "acknowledged", "cancelled")
TYPES = ("download", "upload", "upload and reply")


@cache
def _interfaces() -> dict[str, Any]:
    comtypes = _native.module("comtypes")
    method, hresult, pointer = comtypes.COMMETHOD, comtypes.HRESULT, ctypes.POINTER
    text, number = ctypes.c_wchar_p, ctypes.c_ulong

    def out(kind: Any) -> Any:
        return (["out"], pointer(kind), "out")

    def unused(count: int) -> list[Any]:
        return [method([], hresult, f"unused{at}") for at in range(count)]

    def interface(name: str, guid: str, methods: list[Any], base: Any = comtypes.IUnknown) -> Any:
        made: Any = type(name, (base,), {"_iid_": comtypes.GUID(guid)})
        made._methods_ = methods
        return made

    def listing(name: str, guid: str, of: Any) -> Any:
        following = method(
            [], hresult, "Next", (["in"], number), (["out"], pointer(pointer(of)), "item"), (["out"], pointer(number), "got")
        )
        return interface(name, guid, [following])

    file = interface(
        "IBackgroundCopyFile",
        "{01B7BD23-FB88-4A77-8490-5891D3E4653A}",
        [method([], hresult, "GetRemoteName", out(text)), method([], hresult, "GetLocalName", out(text))],
    )
    files = listing("IEnumBackgroundCopyFiles", "{CA51E165-C365-424C-8D41-24AAA4FF3C40}", file)
    job = interface(
        "IBackgroundCopyJob",
        "{37668D37-507E-4160-9316-26306D150B12}",
        [
            *[method([], hresult, "AddFileSet"), method([], hresult, "AddFile", (["in"], text), (["in"], text))],
            method([], hresult, "EnumFiles", out(pointer(files))),
            *[method([], hresult, name) for name in ("Suspend", "Resume", "Cancel", "Complete")],
            method([], hresult, "GetId", out(comtypes.GUID)),
            method([], hresult, "GetType", out(ctypes.c_int)),
            *[method([], hresult, "GetProgress"), method([], hresult, "GetTimes", out(ctypes.c_ulonglong * 3))],
            method([], hresult, "GetState", out(ctypes.c_int)),
            method([], hresult, "GetError"),
            method([], hresult, "GetOwner", out(text)),
            method([], hresult, "SetDisplayName"),
            method([], hresult, "GetDisplayName", out(text)),
            method([], hresult, "SetDescription"),
            method([], hresult, "GetDescription", out(text)),
            *unused(16),
        ],
    )
    more = interface(
        "IBackgroundCopyJob2",
        "{54B50739-686F-45EB-9DFF-D6A9A0FAA9AF}",
        [
            method([], hresult, "SetNotifyCmdLine", (["in"], text), (["in"], text)),
            method([], hresult, "GetNotifyCmdLine", out(text), (["out"], pointer(text), "parameters")),
        ],
        job,
    )
    jobs = listing("IEnumBackgroundCopyJobs", "{1AF4F612-3B71-466F-8F58-7B6F73AC57AD}", job)
    created = [(["out"], pointer(comtypes.GUID), "id"), (["out"], pointer(pointer(job)), "job")]
    manager = interface(
        "IBackgroundCopyManager",
        "{5CE34C0D-0DC9-4C1F-897C-DAA1B78CEE7C}",
        [
            method([], hresult, "CreateJob", (["in"], text), (["in"], ctypes.c_int), *created),
            method([], hresult, "GetJob"),
            method([], hresult, "EnumJobs", (["in"], number), (["out"], pointer(pointer(jobs)), "jobs")),
        ],
    )
    return {"manager": manager, "more": more}


def manager() -> Any:
    """Return the manager of transfers. Raises OSError where the host has none or refuses it."""
    comtypes, client = _native.module("comtypes"), _native.module("comtypes.client")
    try:
        return client.CreateObject("{4991D34B-80A1-4291-83B6-3328366B9097}", interface=_interfaces()["manager"])
    except (comtypes.COMError, OSError) as e:
        raise OSError(f"BITS: {e}") from e


def jobs() -> Iterator[dict[str, Any]]:
    """Yield the jobs of all users; without the right for that, the own ones, with `own_only`. Raises OSError."""
    comtypes = _native.module("comtypes")
    own_only, of = False, manager()
    try:
        listed = of.EnumJobs(ALL_USERS)
    except (comtypes.COMError, OSError):
        own_only = True
        try:
            listed = of.EnumJobs(0)
        except (comtypes.COMError, OSError) as e:
            raise OSError(f"BITS: the jobs are not listed: {e}") from e
    for job in _items(listed):
        yield {**_job(job), **({"own_only": True} if own_only else {})}


def _items(listed: Any) -> Iterator[Any]:
    comtypes = _native.module("comtypes")
    for _ in range(MOST):
        try:
            item, got = listed.Next(1)
        except (comtypes.COMError, OSError):
            return
        if not got or not item:
            return
        yield item


def _job(job: Any) -> dict[str, Any]:
    comtypes = _native.module("comtypes")
    known: dict[str, Any] = {}

    def take(key: str, ask: Any) -> None:
        with suppress(comtypes.COMError, OSError, ValueError):
            known[key] = ask()

    take("id", lambda: str(job.GetId()))
    take("name", lambda: _native.text(job.GetDisplayName() or ""))
    take("description", lambda: _native.text(job.GetDescription() or ""))
    take("owner", lambda: _native.text(job.GetOwner() or ""))
    take("state", lambda: _word(STATES, job.GetState()))
    take("type", lambda: _word(TYPES, job.GetType()))
    take(
        "files",
        lambda: [
            f"{_native.text(one.GetRemoteName() or '')} → {_native.text(one.GetLocalName() or '')}" for one in _items(job.EnumFiles())
        ],
    )
    take("command", lambda: _command(job))
    return {key: value for key, value in known.items() if value not in ("", None)}


def _command(job: Any) -> str:
    program, parameters = job.QueryInterface(_interfaces()["more"]).GetNotifyCmdLine()
    return " ".join(_native.text(one) for one in (program, parameters) if one)


def _word(words: tuple[str, ...], number: int) -> str:
    return words[number] if 0 <= number < len(words) else str(number)
