"""`commodore diff` and `commodore baseline`: what starts by itself on a host, compared with another time or with a good host."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from scout.console import Screen, escape, plural
from scout.options import Json

Case = Annotated[Path, typer.Argument(metavar="CASE", help="Case directory.", readable=False, show_default=False)]


def baseline_app() -> typer.Typer:
    """The typer app of `commodore baseline`."""
    app = typer.Typer(no_args_is_help=True, help="What starts by itself on hosts that are known to be good.")
    app.command("add")(add)
    app.callback()(lambda: None)
    return app


def add(
    case: Case,
    output: Annotated[Path, typer.Option("-o", "--output", help="Baseline: a new file, or one to add to.", show_default=False)],
    json_lines: Json = False,
) -> int:
    """Learn a baseline from the hosts of a case: add all that starts by itself on them to a file."""
    from commodore.case.inventory import learn

    screen = Screen(json_lines=json_lines)
    new, total = learn(case, output)
    screen.say(f"{escape(str(output))}: {plural(new, 'new entry', 'new entries')}, {total:,} in all.")
    if json_lines:
        screen.emit({"file": str(output), "new": new, "entries": total})
    return 0


def diff(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="Earlier case, or a baseline.", readable=False, show_default=False)],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="Later case.", readable=False, show_default=False)],
    json_lines: Json = False,
) -> int:
    """Show what appeared, went and changed of what starts by itself: between two cases of a host, or a baseline and a case."""
    from commodore.case.inventory import compare

    screen, counts = Screen(json_lines=json_lines), Counter[str]()
    for change in compare(before, after):
        counts[change.kind] += 1
        entry = change.after or change.before
        if entry is None:
            continue
        if json_lines:
            screen.emit(
                {
                    "change": change.kind,
                    "host": change.host,
                    "before": change.before._asdict() if change.before else None,
                    "after": change.after._asdict() if change.after else None,
                }
            )
            continue
        old = f" (before: {escape(change.before.starts)})" if change.kind == "changed" and change.before else ""
        severity = f" [{entry.severity}]" if entry.severity else ""
        screen.say(f"{change.kind:<9} {escape(change.host)}  {entry.rule}  {escape(entry.place)}{severity}")
        screen.say(f"          {escape(entry.starts) or 'starts what its file contains'}{old}")
    screen.say(f"{counts['appeared']:,} appeared, {counts['went']:,} went, {counts['changed']:,} changed.")
    return 0
