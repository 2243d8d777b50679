"""Output for people, the same in all tools: text, shape, complaints and exit codes.

Evidence is escaped before it is printed. Results go to stdout, progress and complaints to stderr. In a pipe there is no colour and no
progress. Errors are `Complaint`s: what happened, where, and what to do next.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self, TextIO

if TYPE_CHECKING:
    import typer
    from rich.console import Console
    from rich.progress import Progress

DONE, PARTIAL, WRONG_USE, COULD_NOT = 0, 1, 2, 3
STOPPED, UNHEARD = 130, 141
"""Exit codes: done; done, with findings or losses where that was asked for; wrong use; could not; stopped by Ctrl-C; stopped because
nobody reads on (`| head`)."""


_NAME = 200
"""characters of a file's name in a complaint"""


class Complaint(Exception):  # noqa: N818  (it is what the user reads, not a defect)
    """One clear error: `what` happened (with path or line), what to `do`. It ends a tool with `code`."""

    def __init__(self, what: str, do: str = "", code: int = COULD_NOT) -> None:
        super().__init__(what)
        self.what, self.do, self.code = what, do, code


def escape(text: object) -> str:
    r"""Escape evidence for a terminal: control, format and direction characters and lone surrogates become `\x1b`-like escapes."""
    raw = str(text)
    if raw.isascii() and raw.isprintable():
        return raw
    return "".join(c if c.isprintable() and unicodedata.category(c) not in ("Cf", "Cs") else ascii(c)[1:-1] for c in raw)


def megabytes(n: float) -> str:
    """Return bytes as `713 MB`, `1.1 GB`, `412 kB`, `87 B`: decimal units, three figures at most."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n >= size * 0.9995:
            value = n / size
            return f"{value:.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"
    return f"{n:.0f} B"


def duration(seconds: float) -> str:
    """Return seconds as `4.1 s`, `3 min 52 s`, `2 h 05 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def plural(n: int, one: str, many: str = "") -> str:
    """Return `1 record`, `2 records`, with thousands separated."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


class Screen:
    """Output of a tool: `say` to stdout, `note` to stderr, `emit` for `--json`. Nothing is interpreted as markup.

    Where stdout takes no more (`| head`, a lost terminal, a full disk), `say` raises OSError, which ends the tool. With `goes_on` the work
    continues without that output.
    """

    def __init__(self, *, json_lines: bool = False, quiet: bool = False, goes_on: bool = False) -> None:
        self.json_lines, self.quiet, self._goes_on = json_lines, quiet, goes_on
        self._out: Console | None = None
        self._err: Console | None = None

    @property
    def out(self) -> Console:
        """Rich console on stdout."""
        if self._out is None:
            self._out = _console(stderr=False)
        return self._out

    @property
    def err(self) -> Console:
        """Rich console on stderr."""
        if self._err is None:
            self._err = _console(stderr=True)
        return self._err

    def say(self, text: str = "", style: str = "") -> None:
        """Print one line of the result; silent under `--json`. Escape evidence first."""
        if self.json_lines:
            return
        try:
            self._print(text, style)
        except OSError:
            if not self._goes_on:
                raise
            _discard_output()

    def _print(self, text: str, style: str) -> None:
        self.out.print(text, style=style or None, markup=False, highlight=False, soft_wrap=True)

    def row(self, beginning: str, text: str) -> None:
        """Print `text` behind `beginning`. A terminal gets it wrapped between words, below its first column. Escape evidence first."""
        room = max(self.out.width - len(beginning), 20)
        lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) if self.out.is_terminal else [text]
        for line in lines or [""]:
            self.say(beginning + line)
            beginning = " " * len(beginning)

    def note(self, text: str, style: str = "") -> None:
        """Print one line on stderr: progress in words, warnings."""
        if not self.quiet:
            self.err.print(text, style=style or None, markup=False, highlight=False, soft_wrap=True)

    def emit(self, document: Any) -> None:
        """Print one JSON document or line on stdout, for machines."""
        sys.stdout.write(json.dumps(document, ensure_ascii=True, default=str) + "\n")

    def progress(self) -> Progress | NoProgress:
        """Return a progress display on stderr: bar, percentage, time spent, time left, current item.

        A terminal below 100 columns has a shorter bar and no time spent; only the current item is cut. Without a terminal, the display does
        nothing.
        """
        if self.quiet or self.json_lines or not self.err.is_terminal:
            return NoProgress()
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.table import Column

        wide = self.err.width >= 100
        return Progress(
            TextColumn("  {task.description:<14}", markup=False),
            BarColumn(bar_width=20 if wide else 10, table_column=Column(min_width=10)),
            TextColumn("{task.percentage:>3.0f}%"),
            *([TimeElapsedColumn(table_column=Column(min_width=7, no_wrap=True))] if wide else []),
            TimeRemainingColumn(table_column=Column(min_width=7, no_wrap=True)),
            TextColumn("{task.fields[now]}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
            console=self.err,
            transient=True,
            expand=True,
        )


class NoProgress:
    """Progress display without effect; Rich is not loaded for it."""

    disable = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def add_task(self, *_: object, **__: object) -> Any: ...
    def remove_task(self, *_: object) -> None: ...
    def update(self, *_: object, **__: object) -> None: ...
    def advance(self, *_: object, **__: object) -> None: ...


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    class QuietConsole(Console):
        def on_broken_pipe(self) -> None:
            """Raise BrokenPipeError: Rich itself would end the program with exit code 1."""
            _discard_output()
            raise BrokenPipeError

    console = QuietConsole(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 10_000  # a pipe has no width: never wrap what a program will read
    return console


@contextmanager
def ignore_lost_terminal() -> Iterator[None]:
    """Swallow EIO after a hang-up and send further output to /dev/null."""
    try:
        yield
        sys.stdout.flush()
    except OSError as e:
        if e.errno != errno.EIO:
            raise
        _discard_output(sys.stdout, sys.stderr)


def complain(tool: str, what: str, do: str = "") -> None:
    """`tool: what. do` on stderr, in one or two lines, escaped. After a hang-up nobody reads it, and the exit code says the rest."""
    lines = [f"{tool}: {escape(what)}"] + ([escape(do)] if do else [])
    try:
        sys.stderr.write("\n".join(lines) + "\n")
    except OSError as e:
        if e.errno != errno.EIO:
            raise
        _discard_output(sys.stdout, sys.stderr)


@lru_cache(maxsize=8)
def command(app: Callable[[], typer.Typer]) -> Any:
    """Return the command of a typer app, built once in a process."""
    from typer.main import get_command

    return get_command(app())


def run(tool: str, app: Callable[[], typer.Typer], argv: Iterable[str] | None = None) -> int:
    """Run a typer app as a program. Complaints, Ctrl-C, closed pipes and wrong arguments end in one line and the right exit code."""
    try:
        import typer
        from typer._click.exceptions import ClickException, NoArgsIsHelpError  # typer carries its own click and does not export these

        use_unicode()
        arguments = list(sys.argv[1:] if argv is None else argv)
        built = command(app)
    except KeyboardInterrupt:
        complain(tool, "stopped")
        return STOPPED
    try:
        result = built.main(arguments, prog_name=tool, standalone_mode=False)
        sys.stdout.flush()
        if result == STOPPED:  # typer makes this of Ctrl-C, without a word
            complain(tool, "stopped")
        return result if isinstance(result, int) else DONE
    except Complaint as c:
        complain(tool, c.what, c.do)
        return c.code
    except typer.Abort:
        complain(tool, "stopped")
        return STOPPED
    except NoArgsIsHelpError as e:
        sys.stdout.write(e.message + "\n")
        return WRONG_USE
    except ClickException as e:
        said = e.format_message().rstrip(".?")
        context = getattr(e, "ctx", None)
        end = "?" if "did you mean" in said.lower() else "."
        complain(tool, said + end, f"See {context.command_path if context else tool} --help.")
        return WRONG_USE
    except KeyboardInterrupt:
        complain(tool, "stopped")
        return STOPPED
    except SystemExit as end:
        if not isinstance(end.__context__, BrokenPipeError):  # which typer makes into this
            raise
        _discard_output()
        return UNHEARD
    except BrokenPipeError:
        _discard_output()
        return UNHEARD
    except PermissionError as e:
        complain(tool, _refused(e), "Look at the owner and the mode of that place, or run as a user who may use it.")
        return COULD_NOT
    except MemoryError:
        complain(tool, "there is not enough memory for this.", "Free some, or give less at a time.")
        return COULD_NOT
    except OSError as e:
        if e.filename is None and e.errno not in _SCARCE:
            return _defect(tool, e)
        complain(tool, _refused(e), "Look at that place: its name, its kind, the room on its disk.")
        return COULD_NOT
    except Exception as e:
        return _defect(tool, e)


_SCARCE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO)
"""errors of a system that has no more of something, or a broken disk, which name no file"""


def _refused(error: OSError) -> str:
    """Return what the system refused: the beginning of the name, and why."""
    named = "" if error.filename is None else os.fsdecode(str(error.filename))
    shown = named if len(named) <= _NAME else f"{named[:_NAME]}…"
    return f"{shown or chr(34) * 2}: {error.strerror}." if error.filename is not None else f"{error.strerror or error}."


def _defect(tool: str, error: Exception) -> int:
    """Report a defect of the tool; raise it under ESCADRE_DEBUG."""
    if os.environ.get("ESCADRE_DEBUG"):
        raise error
    what = f"a defect of {tool}: {type(error).__name__}: {error}"
    complain(tool, what, "Nothing more was done. Run again with ESCADRE_DEBUG=1 and report what it prints.")
    return COULD_NOT


def _discard_output(*streams: TextIO) -> None:
    """Send further output to /dev/null (without `streams`: stdout), including what Python writes when it ends."""
    for stream in streams or (sys.stdout,):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def use_unicode() -> None:
    """Write UTF-8 into pipes on every system; a terminal has its own encoding. Characters that it lacks are escaped, never an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")
