"""`scout collect`: live state, then files in the order of the plan, into one encrypted archive; every wanted item gets a line in custody.

    outcome = collect(Options(recipients=["age1…"], out=Path("/media/usb")), Screen())

Nothing is written on the examined host but the archive and its receipt. Ctrl-C, SIGTERM and a lost terminal (SIGHUP) end the item at hand,
seal, and close the archive as interrupted.
"""

from __future__ import annotations

import gc
import os
import re
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scout import __version__
from scout.archive.writer import ArchiveWriter, Receipt
from scout.collecting import identity, plan, signals
from scout.collecting.stages import StageProgress
from scout.collecting.taking import ItemTaker, SizeLimits
from scout.console import WRONG_USE, Complaint, Screen
from scout.sources.directory import DirectorySource, Parts
from scout.sources.timed_calls import TimedCalls
from scout.targets import CollectionTarget, load, select

ANSWER = 30.0
"""seconds that one call to a file system that may hang is waited for"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectOptions:
    """What the command line says. `root` None: the live host. Sizes in bytes; 0: no limit beyond those of the targets."""

    recipients: Sequence[str | Path] = ()
    out: Path = field(default_factory=Path)
    root: Path | None = None
    profile: str = "triage"
    targets: Sequence[str] = ()
    max_file: int = 0
    max_total: int = 0
    system: str = ""
    """windows or linux, where the tree itself does not show it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionResult:
    """What a collection came to. `verdicts` counts custody lines by verdict; `signal` is the number of the signal that stopped it, 0
    where all was done; `receipt_error`: why no receipt lies beside the archive, or ''.
    """

    receipt: Receipt
    archive: Path
    host: dict[str, Any]
    verdicts: Counter[str]
    wanted: int
    read: int
    written: int
    seconds: float
    signal: int
    receipt_error: str
    stuck: int
    """calls that never came back"""


@dataclass(slots=True)
class ExaminedHost:
    """The examined host, opened: its root, its targets, and whether it is the one that this runs on."""

    root: DirectorySource
    targets: list[CollectionTarget]
    live: bool
    patience: TimedCalls


def open_scene(options: CollectOptions) -> ExaminedHost:
    """Check root, profile and targets. Complaint for what cannot be."""
    path = str(options.root) if options.root is not None else _own_root()
    live = options.root is None or os.path.realpath(path) == os.path.realpath(_own_root())
    if not Path(path).is_dir():
        what = "is not a directory" if Path(path).exists() else "does not exist"
        raise Complaint(f"{path} {what}.", "Give --root the directory under which the examined disk is mounted.", WRONG_USE)
    try:
        systems = [options.system] if options.system else [_own_system()] if live else identity.systems_of(path)
        root = DirectorySource(path, windows=systems == ["windows"]) if len(systems) == 1 else None
    except OSError as e:
        raise Complaint(f"{path} cannot be read: {e.strerror}.", "Run as root, or mount it so that it can be read.") from e
    if root is None and systems:
        raise Complaint(
            f"{path} looks like a Linux root (etc, usr, var) and like a Windows disk (Windows/System32).",
            "Say which one it is: --os linux or --os windows.",
            WRONG_USE,
        )
    if root is None:
        raise Complaint(
            f"{path} looks like neither a Windows disk (Windows/System32) nor a Linux root (etc, usr, var).",
            "Give the top of the mounted disk, or say what it is: --os windows or --os linux.",
            WRONG_USE,
        )
    running = live and sys.platform.startswith("linux")
    wanted = select(load(), os_name=systems[0], profile=options.profile, names=options.targets, live=running)
    if not wanted:
        what = f"None of the targets {', '.join(options.targets)} applies to {path} ({systems[0]})."
        raise Complaint(what, "scout targets lists them by system.", WRONG_USE)
    return ExaminedHost(root, wanted, live, TimedCalls(0 if root.answers else ANSWER))


def make_plan(scene: ExaminedHost, on_folder: Callable[[Parts], None] | None = None) -> plan.CollectionPlan:
    """Walk the root once: what is there, in the order of work. Reads no content but passwd or ProfileList, which name the homes."""
    files = [target for target in scene.targets if target.paths or target.first]
    root = scene.root
    return plan.make(root, files, identity.profiles(root), identity.variables(root), scene.patience, on_folder)


def collect(options: CollectOptions, screen: Screen) -> CollectionResult:
    """Collect into a new archive in `options.out`. Complaint for wrong use and for what ends it, a full disk for instance."""
    from scout.keys import load_recipients

    keys, texts = load_recipients(options.recipients)
    scene = open_scene(options)
    out = _output(options, scene)
    host = identity.host(scene.root, live=scene.live)
    identity.load_owners(scene.root)
    started = datetime.now(UTC)
    path = out / f"{_file_name(host['name'])}-{started:%Y%m%dT%H%M%SZ}-{options.profile}.tar.zst.age"
    _greet(screen, scene, host, options, len(texts))
    began = time.monotonic()
    with signals.caught() as caught, ArchiveWriter(path, keys, _header(options, host, started, texts)) as writer:
        caught.tell(writer.stop)
        taker = ItemTaker(scene.root, writer, scene.patience, SizeLimits(options.max_file, options.max_total), lambda: caught.number)
        with StageProgress(screen) as stages:
            _everything(scene, taker, stages, caught)
        receipt = writer.abort(caught.reason) if caught.number else writer.finish()
    scene.patience.close()
    scene.root.close()
    return CollectionResult(
        receipt=receipt,
        archive=path,
        host=host,
        verdicts=taker.verdicts,
        wanted=sum(taker.verdicts.values()),
        read=taker.read,
        written=receipt.size,
        signal=0 if receipt.state == "whole" else caught.number,
        receipt_error=writer.receipt_error,
        seconds=time.monotonic() - began,
        stuck=scene.patience.given_up,
    )


def _everything(scene: ExaminedHost, taker: ItemTaker, stages: StageProgress, caught: signals.CaughtSignal) -> None:
    from scout.archive.writer import Stopped

    try:
        if scene.live:
            sources = [(target, source) for target in scene.targets for source in target.live]
            for _, source in stages.live(sources):
                if caught.number:
                    return
                taker.live(source)

        def enters(folder: Parts) -> None:
            if caught.number:
                raise Stopped(caught.reason)
            stages.now(scene.root.native(folder))

        gc.disable()
        todo = make_plan(scene, enters)
        for target, pattern in todo.missing:
            taker.missing(target, pattern)
        gc.freeze()  # the plan of a large host is no garbage: it need not be looked through again and again
        gc.enable()
        for item in stages.files(todo.items):
            if caught.number:
                return
            taker.take(item)
    except Stopped:
        return
    except KeyboardInterrupt:  # a second Ctrl-C: end at once, but seal
        caught.number = caught.number or 2
    finally:
        gc.enable()
        gc.unfreeze()


def _own_system() -> str:
    """Of this very host nobody needs to guess, least of all by folders that may have been put there."""
    return "windows" if sys.platform == "win32" else "linux"


def _own_root() -> str:
    if sys.platform == "win32":
        return os.environ.get("SYSTEMDRIVE", "C:") + "\\"
    return "/"


def _output(options: CollectOptions, scene: ExaminedHost) -> Path:
    out = Path(options.out)
    if not out.is_dir():
        what = "is not a directory" if out.exists() else "does not exist"
        raise Complaint(f"The output directory {out} {what}.", f"Make it first (mkdir -p {out}) or give another with -o.", WRONG_USE)
    real = os.path.realpath(out)
    if not scene.live and (real == scene.root.path or real.startswith(scene.root.path.rstrip(os.sep) + os.sep)):
        what = f"The output directory {out} lies inside the examined root {options.root}."
        raise Complaint(what, "Nothing is written there. Give another with -o.", WRONG_USE)
    if not os.access(real, os.W_OK | os.X_OK):
        raise Complaint(f"The output directory {out} cannot be written.", "Give another with -o, or run with the rights to write there.")
    return out


def _file_name(host: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", host)[:64].lstrip(".-") or "host"


def _header(options: CollectOptions, host: dict[str, Any], started: datetime, recipients: list[str]) -> dict[str, Any]:
    now = f"{started:%Y-%m-%dT%H:%M:%S.%f}Z"
    return {
        "collection": str(uuid.uuid4()),
        "schema": 1,
        "host": host,
        "started": now,
        "clock_offset": None,
        "clock": {"utc": now, "local_offset": time.localtime().tm_gmtoff, "monotonic": round(time.monotonic(), 3)},
        "tool": {"name": "scout", "version": __version__, "python": sys.version.split()[0], "platform": sys.platform, "pid": os.getpid()},
        "command_line": sys.argv,
        "user": user(),
        "profile": options.profile,
        "targets": list(options.targets),
        "recipients": recipients,
        "root": str(options.root) if options.root is not None else None,
        "limits": {"max_file": options.max_file, "max_total": options.max_total},
    }


def user() -> str:
    """Account that this runs as: `root`, `uid 1000`, a Windows user name."""
    if hasattr(os, "geteuid"):
        return "root" if os.geteuid() == 0 else f"uid {os.geteuid()}"
    return os.environ.get("USERNAME", "")


def _greet(screen: Screen, scene: ExaminedHost, host: dict[str, Any], options: CollectOptions, recipients: int) -> None:
    from scout.console import escape, plural

    if screen.quiet:
        return
    words = [
        f"SCOUT {__version__}",
        escape(host["name"]),
        escape(host.get("os_version") or host["os"]),
        f"as {user()}",
        f"profile {options.profile} ({plural(len(scene.targets), 'target')})",
        f"for {plural(recipients, 'recipient')}",
    ]
    screen.say("  ".join(words), "bold")
    if scene.live and user() != "root" and hasattr(os, "geteuid"):
        screen.note("Not root: what only root may read will be listed as denied.", "yellow")
    if scene.live and scene.root.windows:
        what = "On a live Windows host this version takes the files that an ordinary read opens; live state and locked files are not taken."
        screen.note(what, "yellow")
