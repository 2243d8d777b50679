"""A Debian that systemd-nspawn boots, and HUNTER and SCOUT run in it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.conftest import ROOT, need


def debian() -> Path:
    """A minimal Debian root: `$ESCADRE_DEBIAN_ROOT`, or made once per machine with debootstrap. Skips where there is none."""
    need(os.name == "posix" and os.geteuid() == 0 and shutil.which("systemd-nspawn"), "root and systemd-nspawn")
    given = Path(os.environ.get("ESCADRE_DEBIAN_ROOT", Path(tempfile.gettempdir()) / "escadre-debian"))
    if not (given / "etc/debian_version").exists():
        need(shutil.which("debootstrap"), "debootstrap")
        made = given.with_name(given.name + ".new")
        shutil.rmtree(made, ignore_errors=True)
        done = subprocess.run(
            ["debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus,cron", "bookworm", str(made)],
            capture_output=True,
            text=True,
            check=False,
        )
        need(done.returncode == 0, f"a Debian mirror ({done.stdout[-200:]})")
        made.rename(given)
    return given


UNUSED = (
    *("_pyinstaller_hooks_contrib", "elasticsearch", "mypy", "mypyc", "numpy", "pandas", "pip", "playwright", "pyarrow", "PyInstaller"),
    *("pygments", "setuptools", "tantivy"),
)
"""packages of the environment that SCOUT and HUNTER do not import, with most of its files"""


def _unused() -> Iterator[Path]:
    """Yield folders of the mounted Python with nine tenths of its files: the machine sees them empty, as SCOUT looks at every file."""
    library = Path(sysconfig.get_path("stdlib"))
    if Path(sys.base_prefix) != Path("/usr"):
        folders = [library / name for name in ("test", "idlelib", *(("site-packages",) if sys.prefix != sys.base_prefix else ()))]
        yield from (folder for folder in folders if folder.is_dir())
    if sys.prefix != sys.base_prefix:
        packages = Path(sysconfig.get_path("purelib"))
        yield from (packages / name for name in UNUSED if (packages / name).is_dir())


class Machine:
    """One booted copy of the root."""

    def __init__(self, root: Path, shared: Path) -> None:
        self.root, self.shared = root, shared
        self.pid = 0
        self.boot()

    def boot(self) -> None:
        """Start it, and wait until systemd has."""
        root, shared = self.root, self.shared
        packages = {Path(p) for p in sys.path if p.endswith("site-packages") and not Path(p).is_relative_to(sys.prefix)}
        python = {Path(sys.prefix), Path(sys.base_prefix), *packages}
        # of the checkout the programs alone: SCOUT lists every file that the machine has, and the corpus has many
        ours = [ROOT / name for name in ("scout", "commodore", "hunter", "tests")]
        binds = [f"--bind-ro={p}" for p in (*python, *ours) if str(p) != "/usr"]
        binds += [f"--tmpfs={p}" for p in _unused()]
        self.process = subprocess.Popen(
            [
                "systemd-nspawn",
                "-q",
                "-D",
                str(root),
                "--private-network",
                "--register=no",
                "--keep-unit",
                "-b",
                "--console=pipe",
                f"--bind={shared}",
                *binds,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.pid = self._leader()

    def _leader(self) -> int:
        for _ in range(300):
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            self.pid = int(children[0]) if children else 0
            if children and self.run("systemctl", "is-system-running", pid=int(children[0])).stdout.strip() in ("running", "degraded"):
                return int(children[0])
            time.sleep(0.2)
        self.kill()
        raise AssertionError("the machine does not boot")

    def run(self, *command: object, pid: int = 0) -> subprocess.CompletedProcess:
        inside = [
            "env",
            "-i",
            "PATH=/usr/bin:/bin:/usr/sbin:/sbin",
            f"PYTHONPATH={os.pathsep.join([str(ROOT), *sys.path[1:]])}",
            "PYTHONDONTWRITEBYTECODE=1",
            *map(str, command),
        ]
        return subprocess.run(["nsenter", "-t", str(pid or self.pid), "-a", *inside], capture_output=True, text=True, check=False)

    def hunter(self, *arguments: object) -> subprocess.CompletedProcess:
        return self.run(sys.executable, "-m", "hunter", *arguments)

    def show(self, name: str) -> str:
        return self.run("systemctl", "show", "-p", name, "--value", "evil.service").stdout.strip()

    def commands(self) -> str:
        return self.run("sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null").stdout

    def stop(self) -> None:
        """Power it off, as a person does."""
        os.kill(self.pid, signal.SIGRTMIN + 4)
        try:
            self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once: all its processes end with the first one."""
        for pid in filter(None, (self.pid, self.process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def infected(plant) -> Iterator[Machine]:
    """A booted copy of the root, with what `plant(root)` puts there before it starts."""
    made = debian()
    base = Path(tempfile.mkdtemp(dir="/root", prefix="escadre-live-"))
    try:
        root, shared = base / "root", base / "shared"
        subprocess.run(["cp", "-a", str(made), str(root)], check=True)
        shared.mkdir(mode=0o700)
        (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        (root / "etc/hostname").write_text("live01\n")
        plant(root)
        machine = Machine(root, shared)
        try:
            yield machine
        finally:
            machine.kill()
    finally:
        shutil.rmtree(base)
