"""Commands of HUNTER that prepare and follow a removal: add, contain, bundle, pack, status, report. `hunter.cli` has the others."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from scout.console import DONE, WRONG_USE, Complaint, Screen
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
    from hunter.planning.adding import add
    from hunter.planning.byhand import WantedByHand
    from hunter.show.added import added

    words = dict(each.partition("=")[::2] for each in word or ())
    if bool(target) == bool(words):
        raise Complaint("One target is needed.", "hunter add PLAN /path (or --word NAME=VALUE).", WRONG_USE)
    account = target.startswith("account:")
    wanted = WantedByHand(target, line, target[8:] if account else element, value, number, kind, words, why)
    screen = Screen(json_lines=json_lines)
    added(screen, add(place(plan), wanted, root=root, case=case, known=known or (), recipients=recipient or ()), root)
    return DONE


def place(path: Path) -> Path:
    """Resolve links to a plan or journal, so that the files beside it do not depend on who changes a link."""
    real = Path(os.path.realpath(path))
    return path if real == Path(os.path.abspath(path)) else real  # noqa: PTH100  (without `..` being resolved by links)


COMMANDS: dict[str, Callable[..., int]] = {"add": add_command}
