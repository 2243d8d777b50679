"""`scout sweep` of the one-file agent: a lean parser over the same functions as the full command line."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from scout.agent.settings import AgentSettings
from scout.collecting.options import CollectOptions
from scout.collecting.sweep_options import MAX_FILE, SweepOptions
from scout.console import WRONG_USE, Complaint, Screen
from scout.delivering.delivery import DeliveryOptions
from scout.targets import parse_size


def add_to(commands: Any, known: AgentSettings) -> None:
    """Add the command to the agent's parser."""
    sweep = commands.add_parser("sweep", help="look for indicators and YARA rules on this host")
    sweep.add_argument("paths", nargs="*", metavar="PATH", help="folders or files; default: all")
    sweep.add_argument("--ioc", action="append", default=[], metavar="FILE", help="indicators: text, CSV, STIX 2.1, MISP, OpenIOC")
    sweep.add_argument("--rules", action="append", default=[], metavar="DIR", help="YARA rules (an agent built with --yara)")
    sweep.add_argument(
        "-r", "--recipient", action="append", metavar="RECIPIENT", help="who may read the archive; instead of those built in"
    )
    sweep.add_argument("-o", "--output", default=known.out, metavar="PATH", help="directory for the archive [%(default)s]")
    sweep.add_argument("--to", default=known.to, metavar="DIR|-|URL", help="deliver the archive, as collect does")
    sweep.add_argument("--lines", action="store_true", help="JSON lines on stdout, no archive")
    sweep.add_argument("--root", metavar="PATH", help="a mounted disk instead of this host")
    sweep.add_argument("--take", action="store_true", help="take the files that match along")
    sweep.add_argument("--exclude", action="append", default=[], metavar="PATTERN", help="leave these paths out")
    sweep.add_argument("--max-file", metavar="SIZE", help="compare larger files with hashes and names only [64MB]")
    sweep.add_argument("--max-time", type=int, default=0, metavar="SECONDS", help="end after so long")
    sweep.add_argument("--no-memory", action="store_true", help="YARA in files only, not in the memory of processes")
    sweep.add_argument("--gentle", action="store_true", help="use less than a quarter of one core")
    sweep.add_argument("-q", "--quiet", action="store_true", help="no notes")


def run(given: argparse.Namespace, known: AgentSettings, screen: Screen) -> int:
    """Sweep the host. With recipients the hits become an archive of profile sweep, else, and with --lines, JSON lines."""
    recipients = given.recipient or known.recipients
    lines = given.lines or not recipients
    if given.rules and find_spec("yara") is None:
        raise Complaint("This agent has no YARA.", "Build it with scout build --yara, or give --ioc only.", WRONG_USE)
    if lines and given.take:
        raise Complaint("--take needs an archive: files of a host are only written encrypted.", "Leave --lines out, or give -r.", WRONG_USE)
    try:
        max_file = parse_size(given.max_file) if given.max_file else MAX_FILE
    except ValueError as e:
        raise Complaint(f"--max-file: {e}.", "Write 500MB, 2G or a number of bytes.", WRONG_USE) from None
    looked_for = SweepOptions(
        rules=[Path(one) for one in given.rules],
        indicators=[Path(one) for one in given.ioc],
        exclude=given.exclude,
        max_file=max_file,
        seconds=given.max_time,
        memory=not given.no_memory,
        take=given.take,
    )
    delivery = DeliveryOptions(to="" if lines else given.to, pin=known.pin if given.to == known.to else "")
    options = CollectOptions(
        paths=given.paths,
        recipients=[] if lines else recipients,
        out=delivery.folder or Path(given.output),
        delivery=delivery,
        root=Path(given.root) if given.root else None,
        gentle=given.gentle,
        sweep=looked_for,
    )
    if lines:
        from scout.sweeping.sweep import as_lines

        return as_lines(options, screen, _emit)
    from scout.collecting.collect import collect
    from scout.collecting.summary import summary
    from scout.sweeping.sweep import into_archive

    return summary(collect(options, screen, into_archive), screen)


def _emit(line: Any) -> None:
    import json

    sys.stdout.write(json.dumps(line) + "\n")
