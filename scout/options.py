"""Parts that all command lines share: the typer app, the words of its help, options as types (`version: Version = False`)."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperGroup, TyperOption

from scout import __version__

WORDS = {"path": "PATH", "text": "TEXT", "str": "TEXT", "integer": "NUMBER", "int": "NUMBER", "float": "NUMBER"}
"""first word of typer's name for the type of an option's value → word for it in the help, where the option has no word of its own"""

_BESIDE = re.compile(r"( +(?:\d  )?)(\S.*?) {2,}(\S.*)")
"""a command of a guide, and what stands beside it"""


def _show(context: typer.Context, value: bool) -> None:
    if value:
        typer.echo(f"{context.find_root().info_name} {__version__}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_show, is_eager=True, help="Print the version.")]
Json = Annotated[bool, typer.Option("--json", help="For machines: one document or JSON lines on stdout, nothing else there.")]


class Program(TyperGroup):
    """The commands of one tool. Their help names values by words (`PATH`) instead of typer's types (`<list[str]>`)."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        _use_words(self)


def _use_words(command: Any) -> None:
    for below in getattr(command, "commands", {}).values():
        _use_words(below)
    for parameter in command.params:
        if isinstance(parameter, TyperArgument):
            if parameter.metavar is None:
                parameter.metavar = (parameter.name or "").upper()
            vars(parameter)["display_type_rich"] = lambda ctx: None  # noqa: ARG005  (the name is enough)
        elif isinstance(parameter, TyperOption) and parameter.metavar is None and not parameter.is_flag:
            parameter.metavar = WORDS.get(parameter.type.name.partition(" ")[0])


def fitted(guide: str, width: int) -> str:
    """Return a guide for a terminal of `width` columns: what stands beside a command that has no room for it goes below it, and no word
    is broken.
    """
    lines = []
    for line in guide.splitlines():
        beside = _BESIDE.fullmatch(line)
        if len(line) <= width:
            lines.append(line)
        elif beside is None:
            lines += textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)
        else:
            indent = " " * (len(beside[1]) + 2)
            lines.append(beside[1] + beside[2])
            lines += textwrap.wrap(
                beside[3], width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
            )
    return "\n".join(lines)


def program(about: str, guide: str) -> typer.Typer:
    """Return the app of one tool: `-h`, `--version`, shell completion, the same plain help in all tools.

    Without arguments the tool prints `guide`: what to do next.
    """
    app = typer.Typer(
        cls=Program,
        help=about,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )

    @app.callback(invoke_without_command=True)
    def only(context: typer.Context, version: Version = False) -> None:  # noqa: ARG001  (handled by its callback)
        if context.invoked_subcommand is None:
            typer.echo(fitted(guide, shutil.get_terminal_size().columns) if sys.stdout.isatty() else guide)

    return app
