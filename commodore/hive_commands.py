"""`commodore hive`: an analyst's view of one hive. Each command is a thin skin over a function of `commodore/hive.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from scout.console import DONE, PARTIAL, Complaint, Screen, escape, megabytes, plural
from scout.options import Json

if TYPE_CHECKING:
    from commodore.hive import HiveFile, ShownKey, ShownValue

File = Annotated[Path, typer.Argument(metavar="FILE", help="A hive.", show_default=False)]
Logs = Annotated[
    list[Path] | None,
    typer.Option("--log", metavar="LOG", help="A transaction log of the hive. Repeatable, in any order.", show_default="those beside FILE"),
]
Reader = Annotated[str, typer.Option("--reader", metavar="READER", help="escadre, or python-registry for a second opinion.")]


class FileFirst(TyperGroup):
    """Commands that may also stand behind the hive and its logs: `FILE LOG keys PATH` is `keys FILE PATH --log LOG`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command first."""
        return super().parse_args(ctx, _command_first(args, set(self.commands)))


def _command_first(args: list[str], commands: set[str]) -> list[str]:
    """Return the arguments with the command in front; without one, a file that is there has its root shown."""
    at = next((n for n, word in enumerate(args) if word in commands), None)
    if not args or at == 0 or args[0].startswith("-") or (at is None and not Path(args[0]).exists()):
        return args
    before, behind = args[:at], args[at + 1 :] if at is not None else []
    options = next((n for n, word in enumerate(before) if word.startswith("-")), len(before))
    logs = [word for log in before[1:options] for word in ("--log", log)]
    return [args[at] if at is not None else "keys", before[0], *behind, *logs, *before[options:]]


def hive_app() -> typer.Typer:
    """Return the group of commands."""
    app = typer.Typer(
        cls=FileFirst,
        no_args_is_help=True,
        help="One registry hive: keys, search, timeline, comparison, replay of its logs. `FILE [LOG…]` may come first.",
    )
    for command in (keys, search, timeline, diff, replay):
        app.command()(command)
    return app


def keys(
    file: File,
    path: Annotated[str, typer.Argument(metavar="PATH", help="A key below the root of the hive.", show_default="the root")] = "",
    log: Logs = None,
    reader: Reader = "escadre",
    json_lines: Json = False,
) -> int:
    """Show a key with its values, and the keys below it."""
    from commodore.hive import below

    screen, hive = Screen(json_lines=json_lines), _opened(file, log, reader)
    found = list(below(hive.keys(), path))
    for key in found:
        _show_key(screen, key)
        for value in key.values if key.path.casefold() == path.strip("\\").casefold() else ():
            _show_value(screen, key, value)
    code = _notes(screen, hive)
    if not found:
        raise Complaint(f"{path}: no such key in {file}.", "A path begins below the root of the hive: Microsoft\\Windows.")
    return code


def search(
    file: File,
    pattern: Annotated[
        str, typer.Argument(metavar="REGEX", help="Regular expression in the syntax of RE2, without case.", show_default=False)
    ],
    log: Logs = None,
    reader: Reader = "escadre",
    json_lines: Json = False,
) -> int:
    """Search the names of keys and values, and data as text."""
    from commodore.hive import search as find

    screen, hive = Screen(json_lines=json_lines), _opened(file, log, reader)
    count = 0
    for hit in find(hive.keys(), pattern):
        count += 1
        if hit.value is None:
            _show_key(screen, hit.key)
        else:
            _show_value(screen, hit.key, hit.value, whole=True)
    screen.say(f"{plural(count, 'hit')}.")
    return _notes(screen, hive)


def timeline(file: File, log: Logs = None, reader: Reader = "escadre", json_lines: Json = False) -> int:
    """List the keys by their last write. A value has no time of its own."""
    from commodore.hive import timeline as by_time

    screen, hive = Screen(json_lines=json_lines), _opened(file, log, reader)
    for key in by_time(hive.keys()):
        _show_key(screen, key)
    return _notes(screen, hive)


def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="The older hive.", show_default=False)],
    after: Annotated[Path, typer.Argument(metavar="B", help="The newer hive.", show_default=False)],
    reader: Reader = "escadre",
    json_lines: Json = False,
) -> int:
    """Compare two hives, each with the logs beside it. Exit 1 where they differ."""
    from commodore.hive import diff as compare

    screen, hives = Screen(json_lines=json_lines), [_opened(path, None, reader) for path in (before, after)]
    count = 0
    for change in compare(hives[0].keys(lost=False), hives[1].keys(lost=False)):
        count += 1
        place = escape(change.path if change.value is None else f"{change.path}\\{change.value or '(default)'}")
        sides = " → ".join(escape(side) for side in (change.before, change.after) if side)
        screen.say(f"{change.what:<8} {'key  ' if change.value is None else 'value'} {place}   {sides}".rstrip())
        if json_lines:
            screen.emit(change._asdict())
    screen.say(f"{plural(count, 'difference')}.")
    for hive in hives:
        _notes(screen, hive)
    return PARTIAL if count else DONE


def replay(
    file: File,
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write, which must not exist.", show_default=False)],
    log: Logs = None,
    json_lines: Json = False,
) -> int:
    """Write the hive as Windows would after the replay of its logs. Exit 1 where a log was refused."""
    from commodore.hive import write_replayed

    screen, hive = Screen(json_lines=json_lines), _opened(file, log, "escadre")
    size = write_replayed(hive, output)
    screen.say(f"{escape(output)}   {megabytes(size)}   {plural(hive.replay.applied, 'log entry', 'log entries')} applied")
    if json_lines:
        screen.emit({"file": str(output), "size": size, "applied": hive.replay.applied, "refused": list(hive.replay.refused)})
    return _notes(screen, hive)


def _opened(path: Path, logs: list[Path] | None, reader: str) -> HiveFile:
    from commodore.hive import HiveFile

    return HiveFile(path, logs, reader)


def _show_key(screen: Screen, key: ShownKey) -> None:
    screen.say(f"{key.last_written or 'no time':<28}  {key.state:<9}  {escape(key.path) or '(root)'}")
    if screen.json_lines:
        screen.emit({"key": key.path, "last_written": key.last_written or None, "state": key.state})


def _show_value(screen: Screen, key: ShownKey, value: ShownValue, *, whole: bool = False) -> None:
    name = value.name or "(default)"
    place = f"{key.path}\\{name}" if whole else name
    screen.say(f"  {escape(place)}   {value.type}   {escape(value.shown)}")
    if screen.json_lines:
        screen.emit({"key": key.path, "value": value.name, "type": value.type, "data": list(value.texts), "state": key.state})


def _notes(screen: Screen, hive: HiveFile) -> int:
    """Print what could not be read; return the exit code."""
    for note in _first(hive.notes):
        screen.note(escape(note))
    return PARTIAL if hive.notes else DONE


def _first(notes: list[str], most: int = 20) -> Iterator[str]:
    yield from notes[:most]
    if len(notes) > most:
        yield f"and {len(notes) - most:,} more"
