"""Services and drivers, which Windows starts without a user, from every control set of the SYSTEM hive."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from struct import iter_unpack, unpack_from
from typing import Any

from commodore.readers.hives import fields as registry
from commodore.readers.hives.mount import Mount
from commodore.registry import COMMAND_FIELDS, At, Made, Part, Problem, each_subkey, registry_artefact
from scout.formats.regf import Key, Value

_STARTS = {0: "boot", 1: "system", 2: "auto", 3: "demand", 4: "disabled"}
_TYPES = {
    1: "kernel driver",
    2: "file system driver",
    4: "adapter",
    8: "recognizer driver",
    16: "own process",
    32: "shared process",
    64: "user service",
    128: "user service instance",
    256: "interactive",
    512: "package service",
}
_TEXTS = {"description": "escadre.description", "servicedll": "escadre.service.dll"}
_SETTINGS = ("displayname", "objectname", "failurecommand", "delayedautostart", "requiredprivileges", "launchprotected")
"""Values that `escadre.settings` holds under their own names."""
_ACTIONS = ("none", "restart", "reboot", "run command", "own restart")
"""SC_ACTION_TYPE"""


def _service(at: At, key: Key) -> Made:
    """Return the fields of one service."""
    fields: dict[str, Any] = {"service.name": key.name}
    problems: list[Part | Problem] = []
    parameters = key.subkey("Parameters")
    hosted = parameters.value("ServiceDll") if parameters else None
    for value in (*key.values(), *((hosted,) if hosted else ())):
        name = value.name.lower()
        if name in _TEXTS:
            if text := value.text or value.disguised:
                fields[_TEXTS[name]] = text
        elif name == "imagepath":
            fields |= at.command(value.text or value.disguised)
        elif name in _SETTINGS:
            if text := ", ".join(value.strings):
                fields.setdefault("escadre.settings", []).append(f"{value.name}={text}")
        elif name == "failureactions":
            try:
                text = _failure_actions(value.raw)
            except ValueError as reason:
                problems.append(Problem(str(reason), f"{key.name}/{value.name}"))
            else:
                fields.setdefault("escadre.settings", []).append(f"{value.name}={text}")
        elif name in ("start", "type"):
            fields |= _number(name, value)
    fields |= _account(key.text("ObjectName"))
    started = [("ImagePath", key, key.value("ImagePath")), *_library(key, parameters)]
    fields["escadre.service.values"] = _lossless(at.hive.at, key, started) or None
    if dll := fields.get("escadre.service.dll"):
        fields["dll.path"] = at.command(dll).get("process.executable", dll)
    return [Part("", fields), *problems]


def _failure_actions(raw: bytes) -> str:
    """Return what Windows does when the service fails, in words: SERVICE_FAILURE_ACTIONS with pointers of 32 bits, then pairs of action and
    delay. Raises ValueError for another form.
    """
    head, rest = raw[:20], raw[20:]
    steps = list(iter_unpack("<II", rest[: len(rest) // 8 * 8]))
    if len(head) < 20 or len(rest) != 8 * unpack_from("<I", head, 12)[0] or any(kind >= len(_ACTIONS) for kind, _ in steps):
        raise ValueError(f"failure actions of {len(raw)} bytes: only 20 bytes, and 8 for each known action, are known")
    (reset,) = unpack_from("<I", head)
    words = [_ACTIONS[kind] + (f" after {delay} ms" if kind else "") for kind, delay in steps]
    return ", ".join([*words, "failures are never forgotten" if reset == 0xFFFFFFFF else f"failures are forgotten after {reset} s"])


def _account(name: str) -> dict[str, str]:
    r"""Return the account of a service from its ObjectName. That of a driver is the name of a driver object, `\Driver\x`."""
    domain, _, user = name.rpartition("\\")
    if not user or name.startswith("\\"):
        return {}
    return {"user.name": user} | ({"user.domain": domain} if domain else {})


def _library(key: Key, parameters: Key | None) -> Iterator[tuple[str, Key, Value | None]]:
    """Yield ServiceDll from `Parameters`, else from the key itself."""
    for place in (parameters, key):
        if place is not None and (value := place.value("ServiceDll")) is not None:
            yield "ServiceDll", place, value
            return


def _lossless(at: Mount, key: Key, values: Iterable[tuple[str, Key, Value | None]]) -> dict[str, str]:
    """Return `<value>.data_type`, `.data_bytes` (base64) and, for a subkey, `.value_key` of the values that start something."""
    out: dict[str, str] = {}
    for name, place, value in values:
        if value is not None:
            out |= {f"{name}.data_type": value.type, f"{name}.data_bytes": b64encode(value.raw[: registry.LARGEST_VALUE]).decode("ascii")}
            if place is not key:
                out[f"{name}.value_key"] = registry.registry_path(at, place)
    return out


def _number(name: str, value: Value) -> dict[str, Any]:
    number = value.number
    if number is None:
        return {}
    if name == "start":
        return {"escadre.service.start": _STARTS.get(number, str(number))}
    return {"service.type": [word for bit, word in _TYPES.items() if number & bit] or [str(number)]}


ARTEFACT, parse, expected = registry_artefact(
    name="services",
    title="Services and drivers",
    about="Every key below Services in every control set: program, account, start type, library of a shared host process, what Windows "
    "does when it fails, privileges. Proves that the service was registered.",
    proves_not="That the service ever started, or when it was made: the time is the last change of its key, which an update makes too.",
    keys=(r"System\CurrentControlSet\Services",),
    read=each_subkey(_service, counted=True),
    fields=(
        "service.name",
        "service.type",
        "user.domain",
        "escadre.description",
        "escadre.settings",
        "escadre.service.start",
        "escadre.service.dll",
        "escadre.service.values",
        "dll.path",
        *COMMAND_FIELDS,
    ),
    needs=("system_root", "control_set"),
    times={"@timestamp": "last write of the service's key: creation, or a later change of its settings"},
    category=("configuration", "driver"),
    action="service-observed",
    attack=("T1543.003",),
    message="The service {service.name!q} ([start type {escadre.service.start}|no start type]) "
    "[runs `{process.command_line}`|has no image path].",
    sources=(
        "HKLM\\SYSTEM\\CurrentControlSet\\Services Registry Tree, Microsoft Learn",
        "CreateServiceW and SERVICE_FAILURE_ACTIONS, Microsoft Win32",
    ),
    version=4,
)
