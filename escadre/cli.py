"""`escadre`: the umbrella's commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from scout.console import Screen, run
from scout.options import Json, program

GUIDE = """Escadre is four tools that pass plain files to each other. Each one, without arguments, prints what to do next.

  scout        collect the evidence of one host into one encrypted archive
  commodore    turn archives into records, findings and a ledger of what could not be read
  eye          search a case in the terminal or in the browser
  hunter       remove what was found, and take the removal back where needed

escadre demo runs all four on two small hosts that it builds in escadre-demo/."""


def build_app() -> typer.Typer:
    """Return the command line, built anew at each call so that no state is shared."""
    app = program("Incident response, end to end. The tools are scout, commodore, eye and hunter.", GUIDE)

    @app.command()
    def demo(
        directory: Annotated[Path, typer.Option("-o", "--output", help="Directory to make; an earlier demo there is replaced.")] = Path(
            "escadre-demo"
        ),
        json_lines: Json = False,
    ) -> int:
        """Run the complete chain on two small demo hosts: collect, process, search, clean, undo."""
        from escadre.demo import demo as run_demo

        return run_demo(directory, Screen(json_lines=json_lines))

    return app


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run("escadre", build_app))
