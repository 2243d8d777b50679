"""Fixtures of all tests: the evidence corpus, and the rule that a missing part skips a test with its reason, or fails it in CI."""

from __future__ import annotations

import faulthandler
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
_SETTINGS = TemporaryDirectory(prefix="escadre-settings-")
os.environ["XDG_CONFIG_HOME"] = os.environ["APPDATA"] = _SETTINGS.name  # programs under test write no settings of the user who tests
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # with it, each program that a test starts compiles all modules anew
sys.dont_write_bytecode = False

# on a busy machine an example may take any time: no test depends on that
settings.register_profile("escadre", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("escadre")

_SHARED = {
    **dict.fromkeys(("tests/eye/test_elastic", "tests/eye/test_kibana"), "elasticsearch"),
    **dict.fromkeys(("tests/scout/test_nspawn", "tests/hunter/test_live"), "debian"),
    "tests/wine/": "wine",
}
"""Beginning of the path of a test file → what a machine has only one of."""
_LONG = (
    "elasticsearch",
    "tests/test_chain.py",
    "wine",
    "debian",
    *("tests/test_docs.py", "tests/eye/test_browser.py", "tests/hunter/test_offline_windows.py", "tests/commodore/test_tables.py"),
    *("tests/commodore/test_registry.py", "tests/hunter/test_kill.py", "tests/scout/test_regf.py", "tests/hunter/test_bundle.py"),
    *("tests/scout/test_archive_writer.py", "tests/scout/test_delivery.py", "tests/scout/test_agent.py"),
    *(
        "tests/commodore/test_tutorial.py",
        "tests/commodore/test_evtx.py",
        "tests/commodore/test_hostile_elements.py",
        "tests/commodore/test_redo.py",
    ),
    *("tests/commodore/test_resume.py", "tests/commodore/test_inputs.py", "tests/range/test_range.py", "tests/scout/test_images.py"),
    *("tests/scout/test_collect.py", "tests/scout/test_collect_hostile.py", "tests/escadre/test_demo.py"),
)
"""the groups and files that take longest, in this order: they begin first, so that no process has one left when the others are done"""

for name in ("SIGINT", "SIGHUP"):
    # a run in the background of a script, or under nohup, starts with these ignored, and every program that a test starts inherits that
    if (number := getattr(signal, name, None)) and signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)

if hasattr(os, "register_at_fork"):
    # pytest enables faulthandler, and a forked worker inherits it: a test that makes a worker crash would print a wall of stacks
    os.register_at_fork(after_in_child=faulthandler.disable)


def need(condition: object, what: str) -> None:
    """Skip the test where a part of the system is absent; fail where `CI=true`, so that nothing is missing unnoticed there."""
    if condition:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is required in CI", pytrace=False)
    pytest.skip(f"needs {what}")


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """`-n auto`: one process more than processors where Wine, machines and servers run too: their tests wait more than they compute."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ or os.environ.get("CI") != "true":
        return None
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Where tests run side by side: those of one file, and those of one server, run in one process, one after the other, the longest first.

    The marks `xdist_group` of pytest-xdist 3.8 do not reach the names that pytest 9.2 gives to tests: nothing would be grouped.
    """
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped,unused-ignore]

    class Grouped(LoadScopeScheduling):  # type: ignore[misc,unused-ignore]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return next((group for name, group in _SHARED.items() if file.startswith(name)), file)

        def _assign_work_unit(self, node: object) -> None:
            if (first := next((scope for scope in _LONG if scope in self.workqueue), None)) is not None:
                self.workqueue.move_to_end(first, last=False)
            super()._assign_work_unit(node)

    return Grouped(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print each reason for skipped tests on one line, with how many tests it skipped."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in reports if isinstance(report.longrepr, tuple))
    if reasons:
        terminalreporter.section("skipped tests, by reason")
    for reason, count in sorted(reasons.items(), key=lambda each: (-each[1], each[0])):
        terminalreporter.line(f"{count:5}  {reason}")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The unpacked evidence corpus: `$ESCADRE_CORPUS`, or packs in `shared/corpus` beside the checkout, unpacked into `.corpus/`."""
    given = os.environ.get("ESCADRE_CORPUS")
    if given:
        return Path(given)
    packs = ROOT.parent / "shared" / "corpus"
    need((packs / "unpack").exists(), "the evidence corpus (ESCADRE_CORPUS names its folder)")
    target = ROOT / ".corpus"
    with alone("corpus"):
        subprocess.run([sys.executable, str(packs / "unpack"), str(target)], check=True)
    return target


def once(name: str, factory: pytest.TempPathFactory, make: Callable[[Path], object]) -> Path:
    """Return a folder that `make` filled once for all processes of this run. Tests do not change what is in it."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # that of the whole run; each process has its own below it
    place, ready = base / f"once-{name}", base / f"once-{name}.ready"
    with alone(f"once-{name}", base):
        if not ready.exists():
            shutil.rmtree(place, ignore_errors=True)  # what a process left that failed
            place.mkdir()
            make(place)
            ready.touch()
    return place


PATIENCE = 120.0
"""seconds that a test waits for another process before it calls it stuck: the machine may have much else to do meanwhile"""


def free_port() -> int:
    """A port of 127.0.0.1 for a server that a test starts. None of those that the system gives to outgoing connections meanwhile."""
    for port in random.SystemRandom().sample(range(10_000, 32_000), 200):
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[Path]:
    """A folder for hundreds of synced runs: in memory where the system has a file system there, else on disk."""
    shm = Path("/dev/shm")
    if not (shm.is_dir() and os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > 1 << 28):
        yield tmp_path
        return
    with TemporaryDirectory(prefix="escadre-test-", dir=shm) as place:
        yield Path(place)


@contextmanager
def alone(what: str, folder: Path = ROOT / ".cache") -> Iterator[None]:
    """Wait until no other process of a test run does `what`, in this checkout or in a folder that several checkouts share."""
    folder.mkdir(exist_ok=True)
    with (folder / f"{what}.lock").open("w") as lock:
        try:
            import fcntl
        except ImportError:  # Windows, where tests run one after the other
            yield
            return
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
