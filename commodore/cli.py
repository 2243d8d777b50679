"""`commodore`: each command is a thin skin over a public function."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from commodore import completion
from commodore.entity_commands import enrich, entity, files
from commodore.hive_commands import hive_app
from commodore.inventory_commands import baseline_app, diff
from scout.console import WRONG_USE, Complaint, Screen, run
from scout.options import Json, program

GUIDE = """COMMODORE turns archives into a case: records of one schema, findings, and a ledger of what could not be read.

  1  commodore process *.age -i key.txt -o case    archives, directories laid out like a host, or evidence files
  2  commodore findings case                       the most severe first
  3  commodore ledger case                         what could not be read
  4  eye serve case                                search it; hunter plan case -o plans/ removes what was found

commodore artefacts lists what can be read. commodore --help and commodore COMMAND --help explain every option."""

Case = Annotated[Path, typer.Argument(help="Case directory.", readable=False, show_default=False)]
Rules = Annotated[
    list[Path] | None,
    typer.Option("--rules", help="Sigma rules (.yml) and YARA rules (.yar): a file or a directory. Repeatable.", show_default=False),
]
Indicators = Annotated[list[Path] | None, typer.Option("--ioc", help="Indicators of compromise: a file. Repeatable.", show_default=False)]


def build_app() -> typer.Typer:
    """The typer app."""
    app = program("Turn archives into records, findings and a ledger of what could not be read.", GUIDE)
    for command in (process, artefacts, ledger, findings, enrich, entity, files, export, diff, grep):
        app.command()(command)
    rules = typer.Typer(no_args_is_help=True, help="Detection rules.")
    rules.command()(stats)
    app.add_typer(rules, name="rules")
    app.add_typer(hive_app(), name="hive")
    app.add_typer(baseline_app(), name="baseline")
    return app


def process(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Case directory, new or one to go on with.", readable=False, show_default=False)
    ],
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="INPUT…",
            help="Archives, directories laid out like a host, evidence files; with --redo also datasets.",
            show_default=False,
        ),
    ] = None,
    identity: Annotated[
        list[Path] | None, typer.Option("-i", "--identity", help="Key file that decrypts archives. Repeatable.", show_default=False)
    ] = None,
    receipt: Annotated[
        list[str] | None,
        typer.Option(
            "--receipt",
            metavar="FILE|CODE",
            help="Receipt of an archive: the file, or the code from paper. Repeatable.",
            show_default=False,
        ),
    ] = None,
    rules: Rules = None,
    ioc: Indicators = None,
    known: Annotated[
        list[Path] | None, typer.Option("--known", help="What belongs on the site's hosts: a YAML file. Repeatable.", show_default=False)
    ] = None,
    baseline: Annotated[
        list[Path] | None,
        typer.Option("--baseline", help="What starts by itself on good hosts: a file of `baseline add`. Repeatable.", show_default=False),
    ] = None,
    datasets: Annotated[
        list[str] | None,
        typer.Option(
            "--datasets",
            metavar="DATASET",
            help="Make only this dataset. Repeatable.",
            autocompletion=completion.datasets,
            show_default=False,
        ),
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(
            "--skip",
            metavar="DATASET",
            help="Leave this dataset out: registry has every key of every hive. Repeatable.",
            autocompletion=completion.datasets,
            show_default=False,
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, max=256, help="Worker processes.", show_default="one per core")] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds without progress after which a unit is given up.")] = 60.0,
    redo: Annotated[
        bool, typer.Option("--redo", help="Make again the datasets named, or else those that another version of their parser made.")
    ] = False,
    host: Annotated[str | None, typer.Option("--host", metavar="HOST", help="With --redo: only this host.", show_default=False)] = None,
    index: Annotated[bool, typer.Option("--index", help="Index the case for the Eye while it is made, host by host.")] = False,
    json_lines: Json = False,
) -> int:
    """Read archives, directories and files into a case; go on with one that was interrupted."""
    from commodore.console import process_and_tell
    from commodore.engine.redo import Redo

    screen = Screen(json_lines=json_lines)
    again, given = Redo.of(inputs or [], host) if redo else (None, inputs or [])
    if host is not None and not redo:
        raise Complaint("--host chooses the host to make again.", "Add --redo, or leave --host out.", WRONG_USE)
    return process_and_tell(
        given,
        output,
        screen,
        identity or [],
        rules or [],
        ioc or [],
        workers,
        timeout,
        again,
        receipt or [],
        datasets or [],
        skip or [],
        known=known or [],
        baselines=baseline or [],
        index=index,
    )


def artefacts(
    name: Annotated[str | None, typer.Argument(help="One artefact.", autocompletion=completion.datasets, show_default=False)] = None,
    json_lines: Json = False,
) -> int:
    """List what can be read, or show one artefact with its fields."""
    from commodore.console import show_artefacts

    return show_artefacts(name, Screen(json_lines=json_lines))


def ledger(
    case: Case, everything: Annotated[bool, typer.Option("--all", help="Also what was read whole.")] = False, json_lines: Json = False
) -> int:
    """Show what could not be read, in part or whole. Exit 1 where something was lost."""
    from commodore.console import show_ledger

    return show_ledger(case, Screen(json_lines=json_lines), everything=everything)


def findings(
    case: Case,
    host: Annotated[
        str | None, typer.Option("--host", metavar="HOST", help="Only this host.", autocompletion=completion.hosts, show_default=False)
    ] = None,
    severity: Annotated[
        str | None,
        typer.Option(
            "--severity", metavar="SEVERITY", help="At least this severity.", autocompletion=completion.severities, show_default=False
        ),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", metavar="RULE", help="Only this rule: id or name, with * and ?. Repeatable.", show_default=False),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Last seen at or after this date or time (UTC).", show_default=False)
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            "--group",
            metavar="BY",
            help="Count by rule, host, technique or severity.",
            autocompletion=completion.groups,
            show_default=False,
        ),
    ] = None,
    json_lines: Json = False,
) -> int:
    """Show the findings, the most severe first. Exit 1 where there are any."""
    from commodore.listing import Choice, show_findings

    return show_findings(case, Screen(json_lines=json_lines), Choice(host, severity, tuple(rule or ()), since), group)


def export(
    case: Case,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Directory to write to.", show_default="CASE-export")] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="parquet, csv or timesketch; of the indicators that were found: stix, misp, ioc-csv or ioc-text.",
            autocompletion=completion.formats,
        ),
    ] = "parquet",
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            "--dataset", metavar="DATASET", help="Only this dataset. Repeatable.", autocompletion=completion.datasets, show_default=False
        ),
    ] = None,
    json_lines: Json = False,
) -> int:
    """Write the records in a form that other programs read."""
    from commodore.case.export import export as write
    from scout.console import escape, megabytes, plural

    screen = Screen(json_lines=json_lines)
    target = output or case.resolve().with_name(f"{case.resolve().name}-export")
    for made in write(case, target, form, dataset or None):
        size = made.path.stat().st_size
        screen.say(f"  {escape(made.path)}   {megabytes(size)}   {plural(made.records, 'record')}")
        if made.timeless:
            screen.say(f"    {plural(made.timeless, 'record')} without any time: not in the timeline (--format csv has them)")
        if json_lines:
            screen.emit({"file": str(made.path), "size": size, "records": made.records, "without_time": made.timeless})
    return 0


def grep(
    places: Annotated[
        list[Path], typer.Argument(metavar="CASE|ARCHIVE… PATTERN", help="Where to search, and last the pattern.", show_default=False)
    ],
    identity: Annotated[
        list[Path] | None, typer.Option("-i", "--identity", help="Key file that decrypts archives. Repeatable.", show_default=False)
    ] = None,
    literal: Annotated[bool, typer.Option("-F", "--fixed", help="The pattern is a text, not an expression of re2.")] = False,
    fold: Annotated[bool, typer.Option("-y", "--ignore-case", help="In any case.")] = False,
    json_lines: Json = False,
) -> int:
    """Search the bytes of every member, parsed or not, and what is decoded of it, in ASCII and UTF-16. Exit 1 where something is found."""
    from commodore.console import show_places

    return show_places(places, identity or [], Screen(json_lines=json_lines), literal=literal, fold=fold)


def stats(
    rules: Rules = None,
    ioc: Indicators = None,
    case: Annotated[
        Path | None, typer.Option("--case", metavar="CASE", help="Count the rules with a log source in this case.", show_default=False)
    ] = None,
    json_lines: Json = False,
) -> int:
    """Count the rules that load, and list each refused one with its line and the reason."""
    from commodore.console import show_rules

    return show_rules(rules or [], ioc or [], case, Screen(json_lines=json_lines))


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run("commodore", build_app))


if __name__ == "__main__":
    main()
