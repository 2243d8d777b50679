"""The program in a bundle: `hunter-HOST [check | apply | verify | undo | pack | close | show]`. Without a command it only checks.

A lean parser over the same functions as the full command line. `apply --yes` ends with `verify` and `pack`, so that one archive goes back.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hunter.bundle.contents import OpenedBundle, default_folder, opened
from hunter.host.host import RemovalHost
from scout import __version__
from scout.agent.screen import PlainScreen
from scout.console import COULD_NOT, DONE, PARTIAL, STOPPED, WRONG_USE, Complaint, complain, escape, use_unicode

COMMANDS = ("check", "apply", "verify", "undo", "pack", "close", "show")


class BundleScreen(PlainScreen):
    """Prints the program's own name where a command to paste begins with `hunter`."""

    def say(self, text: str = "", style: str = "") -> None:
        super().say(text.replace("hunter ", f"{_name()} "), style)

    def note(self, text: str, style: str = "") -> None:
        super().note(text.replace("hunter ", f"{_name()} "), style)


def _name() -> str:
    return sys.argv[0] or "hunter"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the bundle and exit."""
    use_unicode()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or (arguments[0] not in COMMANDS and arguments[0] not in ("-h", "--help", "--version")):
        arguments.insert(0, "check")
    try:
        sys.exit(_run(parser().parse_args(arguments)))
    except Complaint as c:
        complain("hunter", c.what, c.do.replace("hunter ", f"{_name()} "))
        sys.exit(c.code)
    except KeyboardInterrupt:
        complain("hunter", "stopped")
        sys.exit(STOPPED)
    except Exception as e:
        if os.environ.get("ESCADRE_DEBUG"):
            raise
        do = "The journal says what was done: undo takes it back. Set ESCADRE_DEBUG=1 and report what it prints."
        complain("hunter", f"a defect of hunter: {type(e).__name__}: {e}", do)
        sys.exit(COULD_NOT)


def parser() -> argparse.ArgumentParser:
    """Return the parser."""
    top = argparse.ArgumentParser("hunter", description=f"HUNTER {__version__} with one signed plan. Without a command: compare only.")
    top.add_argument("--version", action="version", version=f"hunter {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    told = {
        "check": "compare the plan with this host; changes nothing (the default)",
        "apply": "dry run; with --yes: apply, verify, and pack the results",
        "verify": "check that every target is gone",
        "undo": "take the run back",
        "pack": "pack journal, backups and results for the analyst, encrypted",
        "close": "delete the run key: afterwards only a recipient's key opens the backups",
        "show": "print the plan",
    }
    for name, text in told.items():
        one = commands.add_parser(name, help=text)
        one.add_argument("file", nargs="?", metavar="FILE", help=argparse.SUPPRESS)
        one.add_argument("--dir", metavar="DIR", help="folder for plan, journal and backups [beside this program]")
        one.add_argument("--root", metavar="DIR", help="a mounted root instead of this host")
        one.add_argument("--json", action="store_true", help="for machines")
        if name in ("check", "apply"):
            one.add_argument("--i-know", action="append", default=[], metavar="TARGET", help="override the guard for exactly this target")
        if name == "apply":
            one.add_argument("--yes", action="store_true", help="apply the plan; without it nothing is changed")
        if name in ("apply", "pack"):
            one.add_argument("-o", "--output", metavar="DIR", help="folder for the archive [that of --dir]")
        if name == "undo":
            one.add_argument("--action", action="append", default=[], metavar="ID", help="only this action")
    return top


def _run(given: argparse.Namespace) -> int:
    screen = BundleScreen(json_lines=given.json, goes_on=given.command == "undo" or getattr(given, "yes", False))
    bundle = opened(Path(given.dir) if given.dir else default_folder(), acts=given.command in ("check", "apply"))
    if given.file and not Path(given.file).resolve().name.startswith(bundle.path.name):
        raise Complaint(f"{escape(given.file)} is not the plan of this bundle.", "Leave it out: a bundle has one plan.", WRONG_USE)
    if bundle.signer is not None:
        screen.note(f"Signed by {escape(bundle.signer.name)} with the key {bundle.signer.fingerprint}.")
    if given.command == "show":
        screen.say(bundle.path.read_text("utf-8").rstrip("\n"))
        return DONE
    if given.command == "pack":
        return _pack(bundle, given, screen)
    if given.command == "close":
        from hunter.run.undo import close
        from hunter.show import ran

        there, way_back = close(_journal(bundle))
        ran.closed(screen, _journal(bundle), way_back, there=there)
        return DONE
    root = Path(given.root) if given.root else None
    try:
        host = RemovalHost(root)
    except OSError as e:
        raise Complaint(f"{root or '/'} cannot be opened: {e.strerror}.", "Give the mounted root of the host.", WRONG_USE) from e
    with host:
        code = {"check": _check, "apply": _apply, "verify": _verify, "undo": _undo}[given.command](bundle, host, given, screen)
        if given.command == "apply" and given.yes and code in (DONE, PARTIAL):
            code = max(code, _verify(bundle, host, given, screen))
            _pack(bundle, given, screen)
    return code


def _journal(bundle: OpenedBundle) -> Path:
    return bundle.path.with_name(f"{bundle.path.name}.journal.jsonl")


def _check(bundle: OpenedBundle, host: RemovalHost, given: argparse.Namespace, screen: BundleScreen) -> int:
    from hunter.run.check import check
    from hunter.show import checked

    report = check(bundle.plan, bundle.path, host, given.i_know)
    checked.report(screen, report, bundle.path, Path(given.root) if given.root else None, "Check")
    return DONE if report.ready else COULD_NOT


def _apply(bundle: OpenedBundle, host: RemovalHost, given: argparse.Namespace, screen: BundleScreen) -> int:
    from hunter.run.apply import apply, standing
    from hunter.run.check import Report
    from hunter.show import checked, ran

    root = Path(given.root) if given.root else None
    if not given.yes:
        if (so_far := standing(bundle.plan, bundle.path, host)) is None:
            return _check(bundle, host, given, screen)
        if so_far.already:
            ran.applied(screen, so_far)
        else:
            ran.interrupted(screen, so_far, bundle.path, root)
        return DONE
    outcome = apply(bundle.plan, bundle.path, host, given.i_know, ran.ticker(screen, bundle.plan))
    if isinstance(outcome, Report):
        checked.report(screen, outcome, bundle.path, root, "Checked" if outcome.ready else "Refused")
        return DONE if outcome.ready and not outcome.count("ready") else COULD_NOT
    ran.applied(screen, outcome)
    return PARTIAL if outcome.unexplained or outcome.left_out or outcome.returned else DONE


def _verify(bundle: OpenedBundle, host: RemovalHost, given: argparse.Namespace, screen: BundleScreen) -> int:
    from hunter.record import proofs
    from hunter.run.verify import verify
    from hunter.show import verified

    verdicts = verify(bundle.plan, bundle.path, host)
    how = "the mounted root" if given.root else "the host"
    if _journal(bundle).exists() and (why := proofs.keep(bundle.path, bundle.plan.seal(), how, verdicts)):
        screen.note(f"The result was not kept: {why}.")
    verified.verdicts(screen, bundle.plan, verdicts, bundle.path, Path(given.root) if given.root else None)
    return DONE if all(v.gone for v in verdicts) else PARTIAL


def _undo(bundle: OpenedBundle, host: RemovalHost, given: argparse.Namespace, screen: BundleScreen) -> int:
    from hunter.run.undo import undo
    from hunter.show import ran

    outcome = undo(_journal(bundle), host, given.action, None, ran.undo_ticker(screen))
    ran.undone(screen, outcome)
    return PARTIAL if outcome.unexplained or outcome.left_out else DONE


def _pack(bundle: OpenedBundle, given: argparse.Namespace, screen: BundleScreen) -> int:
    from hunter.record.pack import pack
    from hunter.show.packed import packed

    packed(screen, pack(bundle.path, Path(given.output) if given.output else bundle.folder))
    return DONE
