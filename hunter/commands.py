"""Commands of HUNTER that prepare and follow a removal: add, contain, bundle, pack, status, report. `hunter.cli` has the others."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from scout.console import DONE, PARTIAL, WRONG_USE, Complaint, Screen
from scout.options import Json

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan (YAML).")]
Root = Annotated[Path | None, typer.Option("--root", help="A mounted root instead of this host.")]
Recipients = Annotated[
    list[str] | None,
    typer.Option("-r", "--recipient", metavar="RECIPIENT", help="Who can open the backups, for a new plan (age1…, ssh-…)."),
]
Known = Annotated[
    list[str] | None,
    typer.Option("--i-know", metavar="TARGET", help="Override the guard list for exactly this target. May be given again."),
]


def add_command(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="The plan (YAML); a new one is made with -r.")],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET", help=r"A path, a registry key (HKLM\…, HKU\SID\…), or unit:NAME, task:NAME, service:NAME, account:NAME."
        ),
    ] = "",
    line: Annotated[str | None, typer.Option("--line", metavar="TEXT", help="Remove this line of the file, byte for byte.")] = None,
    element: Annotated[str | None, typer.Option("--element", metavar="TEXT", help="Remove this element of a list.")] = None,
    value: Annotated[str | None, typer.Option("--value", metavar="NAME", help="Remove this value of the key ('' is its default).")] = None,
    number: Annotated[int | None, typer.Option("--number", metavar="N", min=1, help="Which of several equal lines, by its number.")] = None,
    word: Annotated[
        list[str] | None,
        typer.Option("--word", metavar="NAME=VALUE", help="Name the target by a word of a plan instead of TARGET. May be given again."),
    ] = None,
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="Kind of removal, where several fit.", show_default=False)] = "",
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for who reads the plan.", show_default=False)] = "",
    root: Root = None,
    case: Annotated[Path | None, typer.Option("--case", metavar="CASE", help="Take what is expected from the case, not a host.")] = None,
    known: Known = None,
    recipient: Recipients = None,
    json_lines: Json = False,
) -> int:
    """Add an action by hand: the same guard, and what is expected is taken from the host or the case."""
    from hunter.planning.added import added
    from hunter.planning.adding import add
    from hunter.planning.byhand import WantedByHand

    words = dict(each.partition("=")[::2] for each in word or ())
    if bool(target) == bool(words):
        raise Complaint("One target is needed.", "hunter add PLAN /path (or --word NAME=VALUE).", WRONG_USE)
    account = target.startswith("account:")
    wanted = WantedByHand(target, line, target[8:] if account else element, value, number, kind, words, why)
    screen = Screen(json_lines=json_lines)
    added(screen, add(place(plan), wanted, root=root, case=case, known=known or (), recipients=recipient or ()), root)
    return DONE


def contain_command(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="The plan (YAML); a new one is made with -r.")],
    allow: Annotated[
        list[str], typer.Option("--allow", metavar="ADDRESS", help="Stays reachable: an address or network. May be given again.")
    ],
    hours: Annotated[float, typer.Option("--hours", metavar="N", help="It ends by itself after so many hours (at most 168).")] = 4,
    script: Annotated[
        Path | None, typer.Option("--script", metavar="FILE", help="Write a script for Windows to read and run, instead of an action.")
    ] = None,
    recipient: Recipients = None,
    json_lines: Json = False,
) -> int:
    """Add the isolation of this host to a plan: off the network but for the responder, until it expires."""
    from hunter.planning.added import added
    from hunter.planning.adding import add
    from hunter.planning.byhand import WantedByHand

    screen, minutes = Screen(json_lines=json_lines), round(hours * 60)
    if script is not None:
        from hunter.show.contained import script_written

        script_written(screen, script, " ".join(allow), minutes)
        return DONE
    wanted = WantedByHand("", words={"allow": " ".join(allow), "minutes": str(minutes)})
    added(screen, add(place(plan), wanted, root=None, case=None, known=(), recipients=recipient or ()), None)
    return DONE


def blocklist_command(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="A case of commodore.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the lists.")],
    json_lines: Json = False,
) -> int:
    """Write block lists of what the case found: firewall, DNS, hosts file, hashes. Text to read; nothing is applied."""
    from hunter.contain.blocklist import write
    from hunter.show.contained import listed

    listed(Screen(json_lines=json_lines), *write(case, output))
    return DONE


def bundle_command(
    plan: PlanFile,
    signers: Annotated[
        Path | None,
        typer.Option("--allowed-signers", metavar="FILE", help="Who may sign. Without it: escadre/allowed_signers of your configuration."),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the bundle.")] = Path(),
    runtime: Annotated[
        str, typer.Option("--runtime-dir", metavar="PATH", help="Where it unpacks itself; /dev/shm on Linux.", show_default=False)
    ] = "",
    json_lines: Json = False,
) -> int:
    """Make one file of HUNTER and a signed plan, for a host without Python."""
    from hunter.bundle.build import bundle
    from hunter.show.packed import bundled

    bundled(Screen(json_lines=json_lines), *bundle(place(plan), signers, output, runtime))
    return DONE


def pack_command(
    plan: PlanFile,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the archive.")] = Path(),
    json_lines: Json = False,
) -> int:
    """Pack an applied plan with journal, backups and proofs into an encrypted archive for the analyst."""
    from hunter.record.pack import pack
    from hunter.show.packed import packed

    packed(Screen(json_lines=json_lines), pack(place(plan), output))
    return DONE


def status_command(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="A case of commodore.")],
    returned: Annotated[
        list[Path] | None, typer.Argument(metavar="[RETURNED]...", help="Take in: archives of hunter pack, plans, journals.")
    ] = None,
    identity: Annotated[Path | None, typer.Option("-i", "--identity", metavar="KEY", help="Your key file, for archives.")] = None,
    json_lines: Json = False,
) -> int:
    """Show how far the removal is: host by host and action by action. Takes in what came back from hosts."""
    from hunter.record.status import status
    from hunter.show import fleet

    found = status(case, returned or (), identity)
    fleet.status(Screen(json_lines=json_lines), case, found)
    return PARTIAL if found["refused"] or any(a["verdict"] == "THERE" for run in found["runs"] for a in run["actions"]) else DONE


def report_command(
    journals: Annotated[list[Path], typer.Argument(metavar="JOURNAL...", help="PLAN.journal.jsonl, with PLAN beside it.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The report: .md or .html.")],
    json_lines: Json = False,
) -> int:
    """Write the section of an incident report: actions, reasons, before and after, proofs."""
    from hunter.record import report
    from hunter.show.fleet import reported

    forms = {".md": report.markdown, ".html": report.html}
    if output.suffix not in forms:
        raise Complaint(f"{output}: a report is Markdown or HTML.", "Give -o report.md or -o report.html.", WRONG_USE)
    found = report.records(journals)
    try:
        output.write_text(forms[output.suffix](found), encoding="utf-8")
    except OSError as e:
        raise Complaint(f"{output} cannot be written: {e.strerror}.", "Give another place with -o.") from e
    reported(Screen(json_lines=json_lines), found, output)
    return DONE


def place(path: Path) -> Path:
    """Resolve links to a plan or journal, so that the files beside it do not depend on who changes a link."""
    real = Path(os.path.realpath(path))
    return path if real == Path(os.path.abspath(path)) else real  # noqa: PTH100  (without `..` being resolved by links)


COMMANDS: dict[str, Callable[..., int]] = {
    "add": add_command,
    "contain": contain_command,
    "blocklist": blocklist_command,
    "bundle": bundle_command,
    "pack": pack_command,
    "status": status_command,
    "report": report_command,
}
