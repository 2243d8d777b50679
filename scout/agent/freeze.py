"""Freeze one program of the project into one file for the system that this runs on, with PyInstaller (the extra `agent`).

    parts = ProgramParts(name="scout", entry="scout.agent.main:main", packages=("scout",), baked={"scout/agent/agent.json": b"{}"})
    made = freeze(parts, Path("out"))

Every one-file agent of the project is made here: `scout/agent/build.py` has the parts of SCOUT's. The file contains Python, what `entry`
imports, the data files of `packages`, and the baked files, which the program reads beside its modules as any other data file. Its
boot loader unpacks it into `runtime_dir`, which cannot be changed afterwards.
"""

from __future__ import annotations

import ast
import json
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from scout import __version__
from scout.agent import sbom
from scout.console import WRONG_USE, Complaint

NEVER = (
    *("tkinter", "unittest", "pydoc", "test", "distutils", "setuptools", "pip", "lib2to3", "curses", "IPython", "pdb", "PyInstaller"),
    *("win32ui", "pythonwin", "Pythonwin", "isapi", "adodbapi", "win32comext", "zstandard._cffi", "cffi"),
)
"""what no program of the project needs at run time"""
WINDOWS_MODULES = (
    *("winreg", "msvcrt", "win32net", "win32security", "pythoncom", "pywintypes", "win32com.client.dynamic", "comtypes.automation"),
)
"""modules that the Windows parts of the project import inside functions"""
DEFAULT_RUNTIME = {"linux": "/dev/shm", "win32": "."}  # noqa: S108  (memory)
_GLIBC = re.compile(rb"\0GLIBC_2\.(\d+)(?:\.\d+)?(?=\0)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramParts:
    """What a one-file program consists of.

    name           its file name, without `.exe`
    entry          the function without arguments that it runs: `scout.agent.main:main`
    packages       packages of the project whose data files (`suffixes`) go in
    found_by_name  packages whose modules are imported by name at run time: all their modules go in
    modules        further modules that are imported by name
    left_out       modules that the program does without, besides `NEVER`
    baked          path in the program, as below the checkout (`scout/agent/agent.json`) → content
    runtime_dir    where it unpacks itself; '': see `runtime_of`
    """

    name: str
    entry: str
    packages: tuple[str, ...]
    found_by_name: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = (".yaml", ".json")
    baked: Mapping[str, bytes] = field(default_factory=dict)
    runtime_dir: str = ""


class FrozenProgram(NamedTuple):
    """The program, its bill of materials (`<program>.cdx.json`), SHA-256, size in bytes, and the oldest C library that it runs with.

    `glibc` is '2.31', or '' where the program is not for a system with glibc.
    """

    path: Path
    bill: Path
    sha256: str
    size: int
    glibc: str


def freeze(parts: ProgramParts, out: Path) -> FrozenProgram:
    """Make the program in the folder `out`. Complaint where PyInstaller is missing or fails, or the folder cannot be written."""
    if find_spec("PyInstaller") is None:
        raise Complaint("PyInstaller is not installed: it makes the one-file agent.", "pip install 'escadre[agent]'", WRONG_USE)
    _check_runtime(runtime_of(parts.runtime_dir))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise Complaint(f"The folder {out} cannot be made: {e.strerror}.", "Give another with -o.", WRONG_USE) from e
    module, _, function = parts.entry.partition(":")
    with TemporaryDirectory(prefix="escadre-build-", ignore_cleanup_errors=True) as folder:
        work = Path(folder)
        (work / "start.py").write_text(f"from {module} import {function}\n\n{function}()\n")
        for name, content in parts.baked.items():
            target = work / "baked" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        # to a file, not a pipe: what it starts in the background would hold the pipe open
        with (work / "errors.txt").open("wb") as errors:
            done = subprocess.run(list(_command(parts, work, out)), cwd=work, stdout=subprocess.DEVNULL, stderr=errors, check=False)
        if done.returncode != 0:
            said = (work / "errors.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise Complaint(f"PyInstaller failed: {(said or [f'exit code {done.returncode}'])[-1]}.")
        path = out / (f"{parts.name}.exe" if sys.platform == "win32" else parts.name)
        modules, libraries = _contents(work / "work" / parts.name)
        made = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        bill = out / f"{path.name}.cdx.json"
        bill.write_text(json.dumps(sbom.bill(parts.name, path, __version__, modules, libraries, made), indent=1) + "\n")
        glibc = oldest_glibc(library for _, library in libraries)
    return FrozenProgram(path, bill, sbom.digest(path), path.stat().st_size, glibc)


def runtime_of(given: str) -> str:
    """Return where a program unpacks itself: what was given, else memory on Linux and the current folder on Windows."""
    return given or DEFAULT_RUNTIME.get(sys.platform, "")


def _check_runtime(folder: str) -> None:
    if sys.platform != "win32" and folder and not folder.startswith("/"):
        what = f"--runtime-dir {folder}: a path that depends on the current folder could be on the examined disk."
        raise Complaint(what, "Give a complete path, such as /dev/shm or /run.", WRONG_USE)


def _command(parts: ProgramParts, work: Path, out: Path) -> Iterator[str]:
    yield from (sys.executable, "-m", "PyInstaller", "--onefile", "--console", "--noconfirm", "--log-level", "ERROR", "--name", parts.name)
    yield from ("--distpath", str(out.resolve()), "--workpath", str(work / "work"), "--specpath", str(work))
    if sys.platform != "win32":
        yield "--strip"
    if runtime := runtime_of(parts.runtime_dir):
        yield from ("--runtime-tmpdir", runtime)
    for package in parts.packages:
        root = _folder(package)
        yield from ("--paths", str(root.parent))
        for path in data_files(root, parts.suffixes):
            below = path.relative_to(root.parent)
            if below.as_posix() not in parts.baked:
                yield from ("--add-data", f"{path}{os.pathsep}{below.parent}")
    for baked in parts.baked:
        yield from ("--add-data", f"{work / 'baked' / baked}{os.pathsep}{Path(baked).parent}")
    for module in hidden_modules(parts):
        yield from ("--hidden-import", module)
    for module in (*NEVER, *parts.left_out):
        yield from ("--exclude-module", module)
    yield str(work / "start.py")


def _folder(package: str) -> Path:
    found = import_module(package)
    assert found.__file__ is not None
    return Path(found.__file__).parent


def data_files(root: Path, suffixes: tuple[str, ...] = (".yaml", ".json")) -> list[Path]:
    """Return the files of a package that are read at run time."""
    return sorted(path for path in root.rglob("*") if path.suffix in suffixes)


def hidden_modules(parts: ProgramParts) -> Iterator[str]:
    """Yield the modules that are found by name at run time."""
    for package in parts.found_by_name:
        yield package
        yield from (info.name for info in pkgutil.walk_packages(import_module(package).__path__, f"{package}."))
    yield from parts.modules
    yield from WINDOWS_MODULES if sys.platform == "win32" else ()


def oldest_glibc(libraries: Iterator[Path]) -> str:
    """Return the newest version of glibc that one of the ELF files asks for, `2.31`; '' where none does.

    The names of versions that a file needs are in its string table (System V ABI, GNU symbol versioning: section .gnu.version_r).
    """
    asked = {int(number) for path in libraries for number in _GLIBC.findall(path.read_bytes())}
    return f"2.{max(asked)}" if asked else ""


def _contents(work: Path) -> tuple[set[str], list[tuple[str, Path]]]:
    """Return the modules and the shared libraries that PyInstaller put in, from its tables of contents."""
    modules, libraries = set[str](), {}
    for toc in work.glob("*.toc"):
        for entry in _entries(ast.literal_eval(toc.read_text(encoding="utf-8"))):
            if entry[2] in ("PYMODULE", "EXTENSION"):
                modules.add(entry[0].replace(os.sep, ".").partition(".cp")[0])
            if entry[2] in ("BINARY", "EXTENSION") and entry[1]:
                libraries[entry[0]] = Path(entry[1])
    return modules, list(libraries.items())


def _entries(value: object) -> Iterator[tuple[str, str, str]]:
    """Yield the (name, path, type) triples of a table, at any depth."""
    if isinstance(value, tuple) and len(value) == 3 and all(isinstance(one, str) for one in value):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _entries(one)
