"""The program in the one-file agent: `scout [collect]`, `scout sweep`, `scout verify`, `scout targets`, `scout agent --show-config`.

A lean parser over the same functions as the full command line; what an option does is said there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scout import __version__
from scout.agent import settings, sweep
from scout.console import COULD_NOT, STOPPED, Complaint, Screen, complain, use_unicode

COMMANDS = ("collect", "sweep", "verify", "targets", "agent")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the agent and exit."""
    use_unicode()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or (arguments[0] not in COMMANDS and arguments[0] not in ("-h", "--help", "--version")):
        arguments.insert(0, "collect")
    try:
        sys.exit(_run(arguments))
    except Complaint as c:
        complain("scout", c.what, c.do)
        sys.exit(c.code)
    except KeyboardInterrupt:
        complain("scout", "stopped")
        sys.exit(STOPPED)
    except Exception as e:
        if os.environ.get("ESCADRE_DEBUG"):
            raise
        complain(
            "scout", f"a defect of scout: {type(e).__name__}: {e}", "Nothing more was done. Set ESCADRE_DEBUG=1 and report what it prints."
        )
        sys.exit(COULD_NOT)


def parser(known: settings.AgentSettings) -> argparse.ArgumentParser:
    """Return the parser; the settings of the agent are its defaults."""
    top = argparse.ArgumentParser(
        "scout", description=f"SCOUT {__version__}, one-file agent: collect this host into one encrypted archive."
    )
    top.add_argument("--version", action="version", version=f"scout {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    collect = commands.add_parser("collect", help="collect this host, or a mounted disk (the default)")
    collect.add_argument("-r", "--recipient", action="append", metavar="RECIPIENT", help="who may read it; instead of those built in")
    collect.add_argument("-o", "--output", default=known.out, metavar="PATH", help="directory for archive and receipt [%(default)s]")
    collect.add_argument("--to", default=known.to, metavar="DIR|-|URL", help="deliver: https://host/folder/, sftp://user@host/, s3:FILE, -")
    collect.add_argument("--keep", action="store_true", help="with --to URL: keep a local copy too")
    collect.add_argument("--ca", metavar="FILE", help="trust these certificates (PEM); for sftp a known_hosts file")
    collect.add_argument("--pin", metavar="SHA256", help="trust this one certificate, or this host key (sftp)")
    collect.add_argument("--ssh-key", metavar="FILE", help="private key that logs in for sftp")
    collect.add_argument("--retry-for", type=int, default=300, metavar="SECONDS", help="give a server up after so long [%(default)s]")
    collect.add_argument("--root", metavar="PATH", help="a mounted disk instead of this host")
    collect.add_argument("--profile", default=known.profile, help="triage, full, volatile, ransomware … [%(default)s]")
    collect.add_argument("--targets", action="append", metavar="ID", help="only these, by id or its beginning")
    collect.add_argument("--definitions", action="append", metavar="DIR", help="definitions of others (--targets kape:Prefetch)")
    collect.add_argument("--path", action="append", metavar="PATH", help="only this file or folder")
    collect.add_argument("--max-file", metavar="SIZE", help="leave files with more data than this")
    collect.add_argument("--max-total", metavar="SIZE", help="stop taking content after so much")
    collect.add_argument("--min-free", metavar="SIZE", help="leave so much space at the output")
    collect.add_argument("--gentle", action="store_true", help="use less than a quarter of one core")
    collect.add_argument("--allow-temp-file", action="store_true", help="loaded hives as temporary files beside the archive, in clear text")
    collect.add_argument("--removable", action="store_true", help="on a live Windows: removable drives too")
    collect.add_argument("--explain", action="store_true", help="show what would be taken; take nothing")
    collect.add_argument("-q", "--quiet", action="store_true", help="no notes")
    collect.add_argument("--json", action="store_true", help="for machines")
    sweep.add_to(commands, known)
    verify = commands.add_parser("verify", help="check an archive")
    verify.add_argument("archive", metavar="ARCHIVE")
    verify.add_argument("-i", "--identity", metavar="KEY", help="secret key; not for a suspect host")
    verify.add_argument("--receipt", metavar="FILE|CODE")
    targets = commands.add_parser("targets", help="what is collected")
    targets.add_argument("name", nargs="?", metavar="ID")
    agent = commands.add_parser("agent", help="this agent")
    agent.add_argument("--show-config", action="store_true", help="print what is built in")
    return top


def _run(arguments: list[str]) -> int:
    from scout.agent.screen import PlainScreen

    known, origin = settings.load()
    given = parser(known).parse_args(arguments)
    screen = PlainScreen(json_lines=getattr(given, "json", False), quiet=getattr(given, "quiet", False))
    if given.command == "agent":
        document = {"from": origin, "unpacked": getattr(sys, "_MEIPASS", None), **known.document()}
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
        return 0
    if given.command == "targets":
        from scout.collecting.explain import show_targets

        show_targets(given.name, screen)
        return 0
    if given.command == "verify":
        return _verify(given, screen)
    return sweep.run(given, known, screen) if given.command == "sweep" else _collect(given, known, screen)


def _verify(given: argparse.Namespace, screen: Screen) -> int:
    from scout.keys import load_identities
    from scout.verifying.verify import verify

    verdict = verify(Path(given.archive), load_identities(Path(given.identity)) if given.identity else None, given.receipt)
    for line in verdict.lines:
        screen.say(line)
    return verdict.code


def _collect(given: argparse.Namespace, known: settings.AgentSettings, screen: Screen) -> int:
    from scout.collecting.collect import collect
    from scout.collecting.explain import explain
    from scout.collecting.options import CollectOptions
    from scout.collecting.summary import summary
    from scout.delivering.delivery import DeliveryOptions
    from scout.targets import parse_size

    sizes: dict[str, Any] = {}
    for name in ("max_file", "max_total", "min_free"):
        text = getattr(given, name)
        try:
            sizes[name] = parse_size(text) if text else getattr(known, name, 0)
        except ValueError as e:
            raise Complaint(f"--{name.replace('_', '-')}: {e}.", "Write 500MB, 2G or a number of bytes.") from None
    delivery = DeliveryOptions(
        to=given.to,
        ca=Path(given.ca) if given.ca else None,
        pin=given.pin or (known.pin if given.to == known.to else ""),  # what is built in is of the place that is built in
        ssh_key=Path(given.ssh_key) if given.ssh_key else None,
        keep=given.keep,
        retry_for=given.retry_for,
    )
    options = CollectOptions(
        recipients=given.recipient or known.recipients,
        out=delivery.folder or Path(given.output),
        delivery=delivery,
        root=Path(given.root) if given.root else None,
        profile=given.profile,
        targets=[one for text in given.targets or known.targets for one in text.split(",") if one],
        definitions=[Path(one) for one in given.definitions or []],
        paths=given.path or [],
        gentle=given.gentle,
        allow_temp_file=given.allow_temp_file,
        removable=given.removable,
        **sizes,
    )
    return explain(options, screen) if given.explain else summary(collect(options, screen), screen)
