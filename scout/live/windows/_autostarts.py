"""Files that something on this host starts by itself, and running programs: path → what names it."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from scout.formats.commandline import parse_windows
from scout.live.windows import _devices, _native, _processes, _registry, _service_manager, services, users

_RUN_KEYS = (
    r"Microsoft\Windows\CurrentVersion\Run",
    r"Microsoft\Windows\CurrentVersion\RunOnce",
    r"Microsoft\Windows\CurrentVersion\RunOnceEx",
    r"Microsoft\Windows\CurrentVersion\RunServices",
    r"Microsoft\Windows\CurrentVersion\Policies\Explorer\Run",
)
_VALUES = (
    (r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon", ("Shell", "Userinit", "Taskman", "GinaDLL", "AppSetup")),
    (r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Windows", ("AppInit_DLLs", "Load", "Run", "IconServiceLib")),
    (r"SYSTEM\CurrentControlSet\Control\Session Manager", ("BootExecute", "SetupExecute", "Execute")),
    (r"SYSTEM\CurrentControlSet\Control\Lsa", ("Authentication Packages", "Notification Packages", "Security Packages")),
    (r"SYSTEM\CurrentControlSet\Control\BootVerificationProgram", ("ImagePath",)),
)
_BELOW = (
    (r"SOFTWARE\Microsoft\Active Setup\Installed Components", "StubPath"),
    (r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Image File Execution Options", "Debugger"),
    (r"SYSTEM\CurrentControlSet\Control\Print\Monitors", "Driver"),
    (r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon\GPExtensions", "DllName"),
)
_STARTUP = r"AppData\Roaming\Microsoft\Windows\Start Menu\Programs\Startup"
MOST = 50_000


class NamedFiles:
    """Collects paths with what names them; commands are taken apart as `scout.formats.commandline` does."""

    def __init__(self) -> None:
        self.root = _devices.system_root()
        self._devices = _devices.drives()
        self.found: dict[str, list[str]] = defaultdict(list)
        self._spelled: dict[str, str] = {}

    def command(self, line: str, by: str) -> None:
        """Add the files that a command line starts."""
        for path in parse_windows(line, system_root=self.root).files:
            self.path(path, by)

    def path(self, path: str, by: str) -> None:
        """Add a file; a bare name is searched in System32 and its drivers."""
        where = _devices.native(path.strip().strip('"'), self._devices)
        if where[1:3] != ":\\":
            bare = where.replace("/", "\\").lstrip("\\")
            folders = (f"{self.root}\\System32", f"{self.root}\\System32\\drivers", self.root)
            names = [bare] if "." in bare.rpartition("\\")[2] else [bare, f"{bare}.exe", f"{bare}.dll"]
            where = next((f"{f}\\{n}" for f in folders for n in names if bare and Path(f, n).is_file()), "")
        if where and len(self.found) < MOST:
            where = self._spelled.setdefault(where.lower(), where)
            if by not in self.found[where]:
                self.found[where].append(by)


def named() -> dict[str, list[str]]:
    r"""Return path → names: `service X`, `run key HKLM\…`, `task \X`, `process 123`."""
    files = NamedFiles()
    _services(files)
    for wow64 in (False, True):
        _registered(files, _registry.RunningRegistry(wow64=wow64))
    _tasks(files)
    _startup(files)
    for one in _processes.of_system():
        with _native.process(one.pid) as handle:
            if handle and (image := _processes.image(handle)):
                files.path(image, f"process {one.pid}")
    return dict(files.found)


def _services(files: NamedFiles) -> None:
    devices = _devices.drives()
    for one in (*services.registered(_registry.RunningRegistry()), *_service_manager.services()):
        if path := services.program(str(one.get("image_path", "")), devices):
            files.path(path, f"service {one['unit']}")
        files.command(str(one.get("image_path", "")), f"service {one['unit']}")
        for key in ("service_dll", "failure_command"):
            if one.get(key):
                files.command(str(one[key]), f"service {one['unit']} ({key})")


def _registered(files: NamedFiles, registry: _registry.RunningRegistry) -> None:
    winreg = _native.module("winreg")
    places = [(_registry.HKLM, f"SOFTWARE\\{key}") for key in _RUN_KEYS]
    places += [(_registry.HKU, f"{sid}\\Software\\{key}") for sid in registry.subkeys(_registry.HKU, "") for key in _RUN_KEYS]
    for root, key in places:
        for name, (data, _) in registry.values(root, key).items():
            if isinstance(data, str):
                files.command(winreg.ExpandEnvironmentStrings(data), f"{root}\\{key}, {_native.text(name)}")
    for key, names in _VALUES:
        values = registry.values(_registry.HKLM, key)
        for name in names:
            data = values.get(name, ("", 0))[0]
            for one in data if isinstance(data, list) else str(data).split(",") if data else ():
                files.command(winreg.ExpandEnvironmentStrings(str(one).removeprefix("autocheck ")), f"HKLM\\{key}, {name}")
    for key, name in _BELOW:
        for below in registry.subkeys(_registry.HKLM, key):
            if command := registry.text(_registry.HKLM, f"{key}\\{below}", name):
                files.command(winreg.ExpandEnvironmentStrings(command), f"HKLM\\{key}\\{below}, {name}")


def _tasks(files: NamedFiles) -> None:
    from defusedxml import ElementTree as SafeTree

    root = f"{files.root}\\System32\\Tasks"
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            with suppress(OSError, ET.ParseError, ValueError):
                if path.stat().st_size > 1 << 20:
                    continue
                for action in SafeTree.fromstring(path.read_bytes()).iter():
                    if action.tag.endswith("}Exec"):
                        parts = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in action}
                        files.command(f"{parts.get('Command', '')} {parts.get('Arguments', '')}", f"task {str(path)[len(root) :]}")


def _startup(files: NamedFiles) -> None:
    folders: list[str] = [f"{home}\\{_STARTUP}" for home in users.profiles(_registry.RunningRegistry()).values()]
    folders.append(f"{os.environ.get('PROGRAMDATA', 'C:/ProgramData')}\\Microsoft\\Windows\\Start Menu\\Programs\\Startup")
    for folder in folders:
        for path in _below(folder):
            files.path(str(path), "startup folder")


def _below(folder: str) -> Iterator[Path]:
    with suppress(OSError):
        yield from Path(folder).iterdir()
