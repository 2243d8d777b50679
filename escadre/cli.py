"""`escadre`: the umbrella's commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from scout.console import Screen, run
from scout.options import Json, program


def build_app() -> typer.Typer:
    """The command line, built anew so that nothing global is shared."""
    app = program("Escadre: incident response, end to end. The tools are scout, commodore, eye, hunter.")

    @app.command()
    def demo(
        directory: Annotated[
            Path, typer.Option("-o", "--output", help="Where everything is made; an earlier demo there is replaced.")
        ] = Path("escadre-demo"),
        json_lines: Json = False,
    ) -> int:
        """Run the whole chain on two small demo hosts: collect, process, search, clean, undo."""
        from escadre.demo import demo as run_demo

        return run_demo(directory, Screen(json_lines=json_lines))

    return app


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run("escadre", build_app))
