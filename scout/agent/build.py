"""`scout build`: make the one-file agent for the system that this runs on, with PyInstaller (the extra `agent`).

The agent contains Python, what SCOUT imports to collect, and its settings. Its boot loader unpacks it into the folder `runtime_dir`: memory
(`/dev/shm`) on Linux, the current folder on Windows, unless another is given; never a fixed place on the disk of the host.
"""

from __future__ import annotations

import ast
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import scout
from scout import __version__
from scout.agent import sbom, settings
from scout.console import WRONG_USE, Complaint

LEFT_OUT = (
    *("typer", "click", "rich", "pygments", "shellingham", "yara", "tkinter", "unittest", "pydoc"),
    *("sqlite3", "test", "distutils", "setuptools", "pip", "lib2to3", "xmlrpc", "curses", "numpy", "cryptography", "IPython", "scout.cli"),
    *(
        "win32ui",
        "pythonwin",
        "Pythonwin",
        "isapi",
        "adodbapi",
        "win32comext",
        "pyewf",
        "pyvhdi",
        "pyvmdk",
        "pyqcow",
        "pyvshadow",
        "pdb",
        "zstandard._cffi",
        "cffi",
    ),
)
"""what a collection does not need; images and YARA stay with the full installation"""
WINDOWS_MODULES = (
    "winreg",
    "msvcrt",
    "win32net",
    "win32security",
    "pythoncom",
    "pywintypes",
    "win32com.client.dynamic",
    "comtypes.automation",
)
DEFAULT_RUNTIME = {"linux": "/dev/shm", "win32": "."}  # noqa: S108  (memory)


class BuiltAgent(NamedTuple):
    """The agent, its bill of materials, SHA-256 and size."""

    path: Path
    bill: Path
    sha256: str
    size: int


def build(known: settings.AgentSettings, out: Path) -> BuiltAgent:
    """Make `scout` (`scout.exe`) and `<agent>.cdx.json` in a folder. Complaint where PyInstaller is missing or fails."""
    if find_spec("PyInstaller") is None:
        raise Complaint("PyInstaller is not installed: it makes the one-file agent.", "pip install 'escadre[agent]'", WRONG_USE)
    if not known.recipients:
        raise Complaint("An agent without recipients could not encrypt.", "Give -r age1… (scout keygen makes a key pair).", WRONG_USE)
    runtime = known.runtime_dir or DEFAULT_RUNTIME.get(sys.platform, "")
    made = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    document = {**known.document(), "runtime_dir": runtime, "built": made, "version": __version__}
    settings.parse(json.loads(json.dumps(document)), "the settings")
    name = "scout.exe" if sys.platform == "win32" else "scout"
    with TemporaryDirectory(prefix="scout-build-") as folder:
        work = Path(folder)
        (work / "agent.json").write_text(json.dumps(document, indent=1))
        (work / "start.py").write_text("from scout.agent.main import main\n\nmain()\n")
        done = subprocess.run(list(_command(work, out, runtime)), cwd=work, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode != 0:
            raise Complaint(f"PyInstaller failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}.")
        agent = out / name
        bill = out / f"{name}.cdx.json"
        modules, libraries = _contents(work / "work" / "scout")
        bill.write_text(json.dumps(sbom.bill(agent, __version__, modules, libraries, made), indent=1) + "\n")
    return BuiltAgent(agent, bill, sbom.digest(agent), agent.stat().st_size)


def _command(work: Path, out: Path, runtime: str) -> Iterator[str]:
    root = Path(scout.__file__).parent
    yield from (sys.executable, "-m", "PyInstaller", "--onefile", "--console", "--noconfirm", "--log-level", "ERROR", "--name", "scout")
    yield from ("--distpath", str(out.resolve()), "--workpath", str(work / "work"), "--specpath", str(work), "--paths", str(root.parent))
    if sys.platform != "win32":
        yield "--strip"
    if runtime:
        yield from ("--runtime-tmpdir", runtime)
    for path in data_files(root):
        yield from ("--add-data", f"{path}{os.pathsep}{Path('scout') / path.relative_to(root).parent}")
    yield from ("--add-data", f"{work / 'agent.json'}{os.pathsep}{Path('scout') / 'agent'}")
    for name in _hidden():
        yield from ("--hidden-import", name)
    for name in LEFT_OUT:
        yield from ("--exclude-module", name)
    yield str(work / "start.py")


def data_files(root: Path) -> list[Path]:
    """Return the files of the package that are read at run time."""
    return sorted(path for path in root.rglob("*") if path.suffix in (".yaml", ".json") and path != settings.BAKED)


def _hidden() -> Iterator[str]:
    """Modules that are found by name at run time: live sources, readers of references and of configuration."""
    for package in (
        "scout.live.windows",
        "scout.live.linux",
        "scout.references.windows",
        "scout.references.linux",
        "scout.collecting.configured",
    ):
        found = import_module(package)
        yield from (info.name for info in pkgutil.walk_packages(found.__path__, f"{package}."))
    yield from WINDOWS_MODULES if sys.platform == "win32" else ()


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
