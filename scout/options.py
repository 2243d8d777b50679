"""Options that every tool has, as types of typer: `version: Version = False`, `json_lines: Json = False`."""

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
