"""Parts that all command lines share: the typer app, the words of its help, options as types (`version: Version = False`)."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperGroup, TyperOption

from scout import __version__

WORDS = {"path": "PATH", "text": "TEXT", "str": "TEXT", "integer": "NUMBER", "int": "NUMBER", "float": "NUMBER"}
"""first word of typer's name for the type of an option's value → word for it in the help, where the option has no word of its own"""


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
            typer.echo(guide)

    return app
