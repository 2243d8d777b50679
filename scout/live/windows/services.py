r"""Services and drivers, by the service manager and by the registry (`services/1`): the first fields are those of Linux hosts.

unit                name of the service; display_name
active, pids        whether it runs, in which process; state in words
path                file that it runs, resolved: `C:\Windows\System32\svchost.exe`; for a shared service service_dll is the code
image_path, account, start_type (boot, system, auto, demand, disabled), service_type (kernel driver, file system driver, own process …)
failure_command     started when the service fails
key_written         RFC 3339 UTC, last write of its registry key
seen_by             manager, registry: both, or the only one that shows it. A driver service that was deleted is gone from the registry
                    and in the manager's memory until it stops; a key without a type, such as a performance counter's, is no service
differences         what manager and registry do not agree in: `image_path`, `start_type`, `account`
error               why the manager does not tell its settings

Source: Microsoft, EnumServicesStatusExW, QueryServiceConfigW; "HKLM\SYSTEM\CurrentControlSet\Services Registry Tree".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scout.live.windows import _devices, _native, _registry, _service_manager

SCHEMA = 1
KEY = r"SYSTEM\CurrentControlSet\Services"
_STARTS = ("boot", "system", "auto", "demand", "disabled")
_TYPES = ((1, "kernel driver"), (2, "file system driver"), (8, "recognizer driver"), (0x10, "own process"), (0x20, "shared process"))


def collect() -> Iterator[dict[str, Any]]:
    """Yield every service that either list has."""
    managed = {one["unit"].lower(): one for one in _service_manager.services()}
    written = {one["unit"].lower(): one for one in registered(_registry.RunningRegistry())}
    devices = _devices.drives()
    for name in sorted(managed.keys() | written.keys()):
        yield _merged(managed.get(name), written.get(name), devices)


def difference(row: dict[str, Any]) -> str:
    """Return the sentence for the summary, '' for a row that shows no difference."""
    if len(row["seen_by"]) == 1:
        return f"service {row['unit']} is shown by the {row['seen_by'][0]} only"
    return f"service {row['unit']}: manager and registry differ in {', '.join(row['differences'])}" if row.get("differences") else ""


def registered(registry: _registry.RunningRegistry) -> Iterator[dict[str, Any]]:
    """Yield the services of the registry: keys with a type."""
    for name in registry.subkeys(_registry.HKLM, KEY):
        path = f"{KEY}\\{name}"
        values = {key.lower(): data for key, (data, _) in registry.values(_registry.HKLM, path).items()}
        if not isinstance(values.get("type"), int):
            continue
        dll = registry.text(_registry.HKLM, f"{path}\\Parameters", "ServiceDll") or _text(values.get("servicedll"))
        yield {
            "unit": name,
            "display_name": _text(values.get("displayname")),
            "type": values["type"],
            "start": values.get("start") if isinstance(values.get("start"), int) else None,
            "image_path": _text(values.get("imagepath")),
            "account": _text(values.get("objectname")),
            "service_dll": dll,
            "failure_command": _text(values.get("failurecommand")),
        }


def _text(value: object) -> str:
    return _native.text(value) if isinstance(value, str) else ""


def _merged(managed: dict[str, Any] | None, written: dict[str, Any] | None, devices: dict[str, str]) -> dict[str, Any]:
    one = {**(written or {}), **{key: value for key, value in (managed or {}).items() if value not in ("", None)}}
    start, kind = one.pop("start", None), one.pop("type", 0)
    image = one.get("image_path", "")
    one["start_type"] = _STARTS[start] if isinstance(start, int) and start < len(_STARTS) else None
    one["service_type"] = next((word for bit, word in _TYPES if kind & bit), f"0x{kind:x}")
    one["path"] = program(image, devices)
    one["seen_by"] = [word for word, found in (("manager", managed), ("registry", written)) if found]
    if managed and written and "error" not in managed:
        one["differences"] = _differences(managed, written) or None
    one.setdefault("active", False)
    one.setdefault("pids", [])
    return _native.known(one)


def _differences(managed: dict[str, Any], written: dict[str, Any]) -> list[str]:
    out = []
    for key, name in (("image_path", "image_path"), ("start", "start_type"), ("account", "account")):
        here, there = managed.get(key), written.get(key)
        if here not in (None, "") and there not in (None, "") and _compared(here) != _compared(there):
            out.append(name)
    return out


def _compared(value: object) -> object:
    return _expanded(value).lower() if isinstance(value, str) else value


def _expanded(value: str) -> str:
    winreg = _native.module("winreg")
    return str(winreg.ExpandEnvironmentStrings(value))


def program(command: str, devices: dict[str, str]) -> str:
    """Return the file that an ImagePath starts, without its arguments; '' where there is none."""
    text = _expanded(command).strip()
    if text.startswith('"'):
        text = text[1:].partition('"')[0]
    else:
        end = text.lower().find(".exe")
        text = text[: end + 4] if end >= 0 and text[end + 4 : end + 5] in ("", " ", "\t") else text
    return _devices.native(text, devices) if text else ""
