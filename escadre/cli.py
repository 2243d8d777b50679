"""`escadre`: the umbrella's commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from scout.console import Screen, run
from scout.options import Version


def build_app() -> typer.Typer:
    """The command line, built anew so that nothing global is shared."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=True,
        help="Escadre: incident response, end to end. The tools are scout, commodore, eye, hunter.",
    )

    @app.callback()
    def options(version: Version = False) -> None:
        """Escadre: incident response, end to end. The tools are scout, commodore, eye, hunter."""

    @app.command()
    def demo(
        directory: Annotated[
            Path, typer.Option("-o", "--output", help="Where everything is made; an earlier demo there is replaced.")
        ] = Path("escadre-demo"),
    ) -> int:
        """Run the whole chain on two small demo hosts: collect, process, search, clean, undo."""
        from escadre.demo import demo as run_demo

        return run_demo(directory, Screen())

    return app


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run("escadre", build_app))
