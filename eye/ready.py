"""An index that is up to date before a command asks it, with what a person sees meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scout.console import NoProgress, Screen, duration, escape, plural

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress

    from eye.index.build import Built


def build(case: Path, screen: Screen) -> Built:
    from eye.index.build import index

    def waiting(process: str) -> None:
        who = f" (process {process})" if process else ""
        screen.note(f"Another eye{who} is indexing {escape(case)}: waiting until it has ended, then using what it has built.")

    with screen.progress() as bar:
        return index(case, progress=counted(bar, "indexing"), waiting=waiting)


def counted(bar: Progress | NoProgress, what: str) -> Callable[[str, int], None]:
    """A progress call that shows how many records were read, and of which dataset."""
    task = bar.add_task(what, total=None, now="")
    seen = 0

    def tell(dataset: str, n: int) -> None:
        nonlocal seen
        seen += n
        bar.update(task, advance=n, now=f"{plural(seen, 'record')}, {escape(dataset)}")

    return tell


def ready(case: Path, screen: Screen) -> None:
    """Bring the index up to date where it is not, and say so."""
    from eye.case import told_versions
    from eye.index.build import missing, outdated

    for line in told_versions(case):
        screen.note(f"Made with other versions than the rest: {escape(line)}")
    told = outdated(case)
    if told:
        screen.note(f"{told}: building it, as `eye index` does.")
        done = build(case, screen)
        if done.built:  # nothing where another process has done it meanwhile
            screen.note(f"Indexed {plural(done.built_records, 'record')} in {duration(done.seconds)}.")
    for line in missing(case):
        screen.note(f"Not in the index: {escape(line)}.")
