"""What all command lines share: the typer app, and options as types (`version: Version = False`, `json_lines: Json = False`)."""

from __future__ import annotations

from typing import Annotated

import typer

from scout import __version__


def _show(context: typer.Context, value: bool) -> None:
    if value:
        typer.echo(f"{context.find_root().info_name} {__version__}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_show, is_eager=True, help="Print the version.")]
Json = Annotated[bool, typer.Option("--json", help="For machines: one document or JSON lines on stdout, nothing else there.")]


def program(about: str) -> typer.Typer:
    """The app of one tool, with `--version` and shell completion: plain help, the same in all tools, which a narrow terminal shows too."""
    app = typer.Typer(help=about, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)

    @app.callback()
    def only(version: Version = False) -> None: ...

    return app
