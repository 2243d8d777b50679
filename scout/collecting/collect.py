"""`scout collect`: live state, then files in the order of the plan, into one encrypted archive. Every wanted item gets a custody line.

    result = collect(CollectOptions(recipients=["age1…"], out=Path("/media/usb")), Screen())

Nothing is written on the examined host but the archive and its receipt. Ctrl-C, SIGTERM and a lost terminal (SIGHUP) end the current item,
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
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from scout import __version__
from scout.archive.receipt import Receipt
from scout.archive.writer import ArchiveWriter, Stopped
from scout.collecting import filelist, identity, images, manners, references, running_windows, sectors, signals
from scout.collecting.ahead import OpenedAhead
from scout.collecting.duplicates import KnownContents
from scout.collecting.examined import ExaminedHost, make_plan, open_host
from scout.collecting.options import CollectOptions
from scout.collecting.stages import StageProgress
from scout.collecting.taking import ItemTaker, SizeLimits
from scout.console import WRONG_USE, Complaint, Screen, escape, plural
from scout.delivering.delivery import STDOUT, Delivery, DeliveryResult, stdout_sink
from scout.live.windows._volume import WindowsVolume
from scout.sources import mounts
from scout.sources.source import Parts

ENDING = ".tar.zst.age"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionResult:
    """Result of a collection. `verdicts` counts custody lines by verdict, `lists` the lists of files that are whole.

    `signal` is the number of the signal that stopped it, 0 where all was done; `receipt_error`: why no receipt is beside it, or ''.
    """

    receipt: Receipt
    archive: Path
    host: dict[str, Any]
    verdicts: Counter[str]
    lists: int
    wanted: int
    read: int
    written: int
    seconds: float
    signal: int
    receipt_error: str
    over: Counter[str]
    """items that a limit left behind, by limit: `300.0 MB in all of LF13`, `1.0 GB in all (--max-total)`"""
    differences: dict[str, list[str]]
    """live source → what two ways of asking the host answer differently"""
    stuck: int
    """calls to the file system that never returned"""
    not_run: int
    """commands in definitions of other collectors"""
    delivered: DeliveryResult | None
    """what came of `--to` a server"""
    kept: bool
    """whether the archive is a file at `archive`"""


Fill = Callable[[ExaminedHost, ItemTaker, StageProgress, signals.CaughtSignal, CollectOptions, Screen], None]
"""puts into a begun archive what an examined host gives"""


def collect(options: CollectOptions, screen: Screen, fill: Fill | None = None) -> CollectionResult:
    """Collect into a new archive in `options.out`. Complaint for wrong use and for what ends it, a full disk for instance.

    fill: what goes in; none: every target of the options. A sweep is filled by `scout.sweeping.sweep.into_archive`.
    """
    from scout.keys import load_recipients

    keys, texts = load_recipients(options.recipients)
    examined = open_host(options)
    out, no_place = _place(options, examined)
    if options.allow_temp_file:
        if out is None:
            raise Complaint("--allow-temp-file needs a local directory.", "Give one with -o.", WRONG_USE)
        running_windows.allow_temporary_files(examined.sources, out)
    host = identity.host(examined.system, live=examined.live)
    identity.load_owners(examined.system, examined.gaps)
    started = datetime.now(UTC)
    path = _unused((out or Path()) / f"{_file_name(host['name'])}-{started:%Y%m%dT%H%M%SZ}-{options.label}{ENDING}")
    if options.gentle:
        manners.step_back()
    delivery, sink = _delivery(options, path.name, out, screen, no_place)
    _greet(screen, examined, host, options, len(texts))
    began = time.monotonic()
    delivered = None
    with signals.caught() as caught, ArchiveWriter(path, keys, _header(options, examined, host, started, texts), sink) as writer:
        caught.tell(writer.stop)
        taker = ItemTaker(writer, examined.timed, SizeLimits(options.max_file, options.max_total, options.min_free), lambda: caught.number)
        with StageProgress(screen) as stages:
            if delivery is not None:
                delivery.start(path, lambda: caught.number)
                stages.delivering(delivery.progress)
            try:
                (fill or _everything)(examined, taker, stages, caught, options, screen)
                receipt = writer.abort(caught.reason) if caught.number else writer.finish()
            except Complaint:
                if delivery is not None and delivery.lost():
                    delivery.end(writer.abort("the delivery failed"), stages.tick)  # its Complaint says why nothing could be written
                raise
            if delivery is not None:
                delivered = delivery.end(receipt, stages.tick)
        if delivered is not None and delivered.rest is not None:
            writer.keep_receipt(receipt)
    examined.close()
    return CollectionResult(
        receipt=receipt,
        archive=path,
        host=host,
        verdicts=taker.verdicts,
        lists=taker.lists,
        wanted=sum(taker.verdicts.values()),
        read=taker.read,
        written=receipt.size,
        signal=0 if receipt.state == "whole" else caught.number,
        receipt_error=writer.receipt_error,
        seconds=time.monotonic() - began,
        over=taker.over,
        differences=taker.differences,
        stuck=examined.stuck,
        not_run=sum(len(one.commands) for one in examined.foreign),
        delivered=delivered,
        kept=sink is None,
    )


def _everything(
    host: ExaminedHost,
    taker: ItemTaker,
    stages: StageProgress,
    caught: signals.CaughtSignal,
    options: CollectOptions,
    screen: Screen,  # noqa: ARG001
) -> None:
    gentle = manners.Gentleness() if options.gentle else None
    try:
        if host.live:
            sources = [(target, source) for target in host.targets for source in target.live]
            for _, source in stages.live(sources):
                if caught.number:
                    return
                if gentle is not None:
                    gentle.pause()
                taker.live(source, "windows" if host.system.windows else "linux")

            for target in host.targets:
                if target.images is not None and not host.system.windows:
                    images.take(target, taker, lambda: caught.number)
        if host.live or host.imaged is not None:
            for target in host.targets:
                if target.sectors and not caught.number:
                    sectors.take(host, target, taker, lambda: caught.number)

        def enters(folder: Parts) -> None:
            if caught.number:
                raise Stopped(caught.reason)
            if gentle is not None:
                gentle.pause()
            stages.now(host.system.native(folder))

        gc.disable()
        todo = make_plan(host, enters)
        references.follow(host, todo, enters)
        for path, error in host.gaps.items():
            taker.gap(host.system, path, error)
        for examined in host.sources:
            for parts, error in examined.problems.items():
                taker.problem(examined, parts, error)
        for unread in host.imaged.unread if host.imaged is not None else ():
            taker.unread(unread.name, unread.where, unread.why)
        for missing in todo.missing:
            taker.missing(missing)
        gc.freeze()  # the plan of a large host is no garbage: the collector need not visit it again and again
        gc.enable()
        if any(source.is_copy for source in host.sources):
            taker.known = KnownContents(todo.items, host.timed, lambda: caught.number)
        before = host.system
        with OpenedAhead(todo.items, host.timed) as ahead:
            for item in stages.files(todo.items):
                if caught.number:
                    return
                if item.source is not before:
                    before.forget()
                    before = item.source
                taker.take(item, ahead.take)
                if gentle is not None:
                    gentle.pause()
        todo.items.clear()
        for target in host.targets:
            if target.listing is not None and not caught.number:
                limits, listed = target.listing, filelist.volumes(host.sources, host.timed)
                if listed:
                    taker.files(filelist.FileList(listed, host.timed, enters, count=limits.count, seconds=limits.seconds))
    except Stopped:
        return
    except KeyboardInterrupt:  # a second Ctrl-C: end at once, but seal
        caught.number = caught.number or 2
    finally:
        gc.enable()
        gc.unfreeze()


def _place(options: CollectOptions, host: ExaminedHost) -> tuple[Path | None, str]:
    """Return the local directory, or None and the reason where a server gets the archive and no local file can be written."""
    if options.delivery.to == STDOUT:
        return None, ""
    try:
        return _output(options, host), ""
    except Complaint as c:
        if not options.delivery.remote or options.delivery.keep:
            raise
        return None, c.what


def _delivery(options: CollectOptions, name: str, out: Path | None, screen: Screen, no_place: str) -> tuple[Delivery | None, int | None]:
    """Return the delivery after its test upload, and the descriptor that the archive is written into; None for a file in a directory."""
    if options.delivery.to == STDOUT:
        return None, stdout_sink()
    if not options.delivery.remote:
        return None, None
    delivery = Delivery.prepared(options.delivery, name, out)
    screen.note(f"Delivers to {escape(delivery.where)}: the test upload succeeded.")
    if out is None:
        screen.note(f"If the server fails, the rest is lost: {escape(no_place)}", "yellow")
    return delivery, delivery.sink


def _output(options: CollectOptions, host: ExaminedHost) -> Path:
    out = Path(options.out)
    if not out.is_dir():
        what = "is not a directory" if out.exists() else "does not exist"
        raise Complaint(f"The output directory {out} {what}.", f"Make it first (mkdir -p {out}) or give another with -o.", WRONG_USE)
    real = os.path.realpath(out)
    try:
        inside = not host.live and any(map(partial(mounts.inside, real), _examined(host, options)))
    except OSError as e:
        raise Complaint(f"The output directory {out} cannot be examined: {e.strerror}.", "Give another with -o.") from e
    if inside:
        place = "on the examined disk" if host.imaged else f"inside the examined root {options.root}, or on a second mount of the same disk"
        what = f"The output directory {out} is {place}."
        raise Complaint(what, "Nothing is written there. Give a directory of another disk with -o.", WRONG_USE)
    if not os.access(real, os.W_OK | os.X_OK):
        raise Complaint(f"The output directory {out} cannot be written.", "Give another with -o, or run with the rights to write there.")
    return out


def _examined(host: ExaminedHost, options: CollectOptions) -> list[str]:
    """Return the directories and devices on which nothing is written."""
    if host.imaged is None:
        return [source.path for source in host.sources]
    return [str(path) for path in options.images if path.is_block_device()]


def _unused(path: Path) -> Path:
    """Return the path, or one with a number where two collections began in the same second: `…-triage-2.tar.zst.age`."""
    name, number = path.name.removesuffix(ENDING), 2
    while path.exists():
        path, number = path.with_name(f"{name}-{number}{ENDING}"), number + 1
    return path


def _file_name(host: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", host)[:64].lstrip(".-") or "host"


def _header(
    options: CollectOptions, examined: ExaminedHost, host: dict[str, Any], started: datetime, recipients: list[str]
) -> dict[str, Any]:
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
        "profile": options.label,
        "targets": list(options.targets),
        "paths": list(options.paths),
        **({"not_run": {one.name: list(one.commands) for one in examined.foreign if one.commands}} if examined.foreign else {}),
        "recipients": recipients,
        "root": str(options.root) if options.root is not None else None,
        **({"images": [str(path) for path in options.images], "volumes": examined.imaged.volumes} if examined.imaged else {}),
        **({"foreign_objects": found} if (found := strangers(examined)) else {}),
        "limits": {"max_file": options.max_file, "max_total": options.max_total, "min_free": options.min_free, "gentle": options.gentle},
        **({"allow_temp_file": True} if options.allow_temp_file else {}),
    }


def user() -> str:
    """Return the account that this runs as: `root`, `uid 1000`, a Windows user name."""
    if hasattr(os, "geteuid"):
        return "root" if os.geteuid() == 0 else f"uid {os.geteuid()}"
    return running_windows.account()


def strangers(host: ExaminedHost) -> list[str]:
    """Return the objects that do not belong into this process: a preloaded library lies to every program of the host."""
    if not host.live or host.system.windows:
        return []
    from scout.live.linux import own_objects

    return own_objects.strangers()


def _greet(screen: Screen, examined: ExaminedHost, host: dict[str, Any], options: CollectOptions, recipients: int) -> None:
    if screen.quiet:
        return
    words = [
        f"SCOUT {__version__}",
        escape(host["name"]),
        escape(host.get("os_version") or host["os"]),
        f"as {user()}",
        plural(len(options.paths), "path") if options.paths else f"profile {options.profile} ({plural(len(examined.targets), 'target')})",
        f"for {plural(recipients, 'recipient')}",
    ]
    screen.say("  ".join(words), "bold")
    for path in strangers(examined):
        screen.note(f"Loaded into SCOUT itself: {escape(path)}. It may filter what SCOUT sees; collect the disk too.", "yellow")
    if examined.live and user() != "root" and hasattr(os, "geteuid"):
        screen.note("Not root: what only root may read will be listed as denied.", "yellow")
    for source in examined.sources:
        if examined.live and isinstance(source, WindowsVolume) and source.raw is None:
            what = f"Drive {source.letter}: is not read raw ({escape(source.raw_error)}): files in use will be listed as blocked."
            screen.note(what, "yellow")
