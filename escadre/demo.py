"""The complete chain on two small demo hosts: build, collect, process, search, clean, undo.

Every step is a command that a user could type; it is printed before it runs. The exit code is 0 only if each step ends as expected.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import typer

from scout.console import COULD_NOT, DONE, PARTIAL, STOPPED, WRONG_USE, Complaint, Screen, duration, run

MARK = ".escadre-demo"
LINUX, WINDOWS = "web-vitrine", "PC-ACCUEIL-03"


def fixtures() -> tuple[Path, str]:
    """Return the folder of the fixtures and the package name that imports them.

    An installed Escadre carries them inside its own package, a checkout has them beside it. Complaint where neither is there.
    """
    here = Path(__file__).resolve().parent
    for place, package in ((here / "fixtures", f"{__package__}.fixtures"), (here.parent / "fixtures", "fixtures")):
        if (place / "windows" / "build.py").is_file():
            return place, package
    raise Complaint("The fixtures of the demo are not installed.", "Install Escadre again: pip install --force-reinstall escadre.")


def demo(directory: Path, screen: Screen) -> int:
    """Run the chain in `directory`, which is created; only the directory of an earlier demo is replaced. Return an exit code.

    With `--json` the output of the tools goes to stderr, and one document to stdout. Complaint where `directory` cannot be written.
    """
    begun = time.monotonic()
    chain = _Chain(directory, screen)
    try:
        with contextlib.redirect_stdout(sys.stderr) if screen.json_lines else contextlib.nullcontext():
            chain.prepare()
            chain.collect()
            chain.process()
            chain.look()
            chain.clean()
    except _StoppedError as stop:
        screen.note(f"escadre: the demo stopped at `{stop}`. Its files so far are in {directory}.")
        return stop.code
    seconds = time.monotonic() - begun
    screen.say()
    screen.say(f"The complete chain ran in {duration(seconds)}. All its files are in {directory}/.")
    screen.say(f"Open the page:  {_program('eye')} serve {chain.case}")
    screen.say(f"Remove it all:  rm -r {directory}")
    if screen.json_lines:
        screen.emit({"directory": str(directory), "case": str(chain.case), "plan": str(chain.plan), "seconds": round(seconds, 3)})
    return DONE


def _program(tool: str) -> str:
    """Return the command for a tool: its name where the shell finds it, else its path."""
    beside = Path(sys.executable).with_name(tool)
    return os.path.relpath(beside) if beside.exists() and not shutil.which(tool) else tool


class _StoppedError(Exception):
    """A step failed; `code` is the exit code of the demo."""

    def __init__(self, step: str, code: int = COULD_NOT) -> None:
        super().__init__(step)
        self.code = code


class _Chain:
    """The paths of the demo and its steps, in order."""

    def __init__(self, directory: Path, screen: Screen) -> None:
        self.directory, self.screen = directory, screen
        self.key, self.case, self.plan = directory / "key.txt", directory / "case", directory / "plans" / f"{LINUX}.yaml"
        self.roots = {LINUX: directory / "hosts" / LINUX, WINDOWS: directory / "hosts" / WINDOWS}
        self.recipient = ""

    def prepare(self) -> None:
        """Create the directory, the hosts and the key."""
        builders = {LINUX: _builder("linux"), WINDOWS: _builder("windows")}
        if self.directory.exists() and not (self.directory / MARK).is_file():
            raise Complaint(f"{self.directory} exists already, and no demo made it.", "Name another directory with -o.", WRONG_USE)
        try:
            if self.directory.exists():
                shutil.rmtree(self.directory)
            self.directory.mkdir(parents=True, mode=0o700)
            (self.directory / MARK).touch()
            self.plan.parent.mkdir(mode=0o700)
            for name, root in self.roots.items():
                builders[name](root)
        except OSError as e:
            raise Complaint(f"{self.directory} cannot be written: {e.strerror}.", "Name another directory with -o.") from e
        self.before = {name: _manifest(root) for name, root in self.roots.items()}
        self.screen.say(
            f"Built two hosts in {self.directory}/hosts, with malware that cannot run: {LINUX} (Linux) and {WINDOWS} (Windows)."
        )
        self.step("scout", "keygen", "-o", str(self.key))
        from scout.keys import recipients_of

        self.recipient = recipients_of(self.key)[0]

    def collect(self) -> None:
        """Collect one archive per host, and verify each with its receipt."""
        archives = self.directory / "archives"
        archives.mkdir()
        for root in self.roots.values():
            self.step("scout", "collect", "-r", self.recipient, "--root", str(root), "-o", str(archives))
        self.archives = sorted(str(p) for p in archives.glob("*.age"))
        for archive in self.archives:
            self.step("scout", "verify", archive, "-i", str(self.key), "--receipt", archive + ".receipt.json")

    def process(self) -> None:
        """Turn the archives into records and findings."""
        rules = fixtures()[0] / "rules"
        self.step(
            "commodore",
            "process",
            *self.archives,
            "-i",
            str(self.key),
            "-o",
            str(self.case),
            "--rules",
            str(rules),
            "--ioc",
            str(rules / "indicators.txt"),
            good=(DONE, PARTIAL),
        )
        self.step("commodore", "findings", str(self.case), good=(DONE, PARTIAL))

    def look(self) -> None:
        """Build the index, and search for one keyword."""
        self.step("eye", "index", str(self.case))
        self.step("eye", "search", str(self.case), "wh.exe", "--limit", "8")

    def clean(self) -> None:
        """Plan, dry run, apply, verify, undo. Afterwards the host must be identical to its first state."""
        root, plan = str(self.roots[LINUX]), str(self.plan)
        known = self.plan.with_name("known.txt")
        known.write_text("# the keys of our own: none\n")
        self.step("hunter", "plan", str(self.case), "--host", LINUX, "--known", str(known), "-r", self.recipient, "-o", plan)
        self.step("hunter", "apply", plan, "--root", root)
        self.step("hunter", "apply", plan, "--root", root, "--yes")
        self.step("hunter", "verify", plan, "--root", root)
        if _manifest(self.roots[LINUX]) == self.before[LINUX]:
            raise _StoppedError("hunter apply: nothing was removed")
        self.step("hunter", "undo", plan + ".journal.jsonl", "--root", root)
        for name, tree in self.roots.items():
            changed = sorted(set(_manifest(tree).items()) ^ set(self.before[name].items()))
            if changed:
                raise _StoppedError(f"{name} is not as it was: {changed[0][0]}")
        self.screen.say("Both hosts are as they were before: content, mode, owner and times of every file compared.")

    def step(self, tool: str, *arguments: str, good: tuple[int, ...] = (DONE,)) -> None:
        """Print the command and run it. Stop the demo where its exit code is not in `good`."""
        self.screen.say()
        self.screen.say(f"$ {tool} {' '.join(arguments)}", style="bold")
        app: Callable[[], typer.Typer] = importlib.import_module(f"{tool}.cli").build_app
        code = run(tool, app, arguments)
        if code not in good:
            raise _StoppedError(f"{tool} {arguments[0]} (exit code {code})", code if code >= STOPPED else COULD_NOT)


def _builder(kind: str) -> Callable[[Path], None]:
    """Return `build` of the fixtures' module `<kind>/build.py`."""
    place, package = fixtures()
    if package == "fixtures":
        sys.path.insert(0, str(place.parent))
    build: Callable[[Path], None] = importlib.import_module(f"{package}.{kind}.build").build
    return build


def _manifest(root: Path) -> dict[str, tuple[object, ...]]:
    """Return path → mode, owner, mtime and content of everything below `root`."""
    result: dict[str, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = Path(folder) / name
            stat = path.lstat()
            content = str(path.readlink()) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            result[str(path.relative_to(root))] = (
                stat.st_mode,
                stat.st_uid,
                stat.st_gid,
                stat.st_mtime_ns if path.is_file() else 0,
                content,
            )
    return result
