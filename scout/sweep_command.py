"""The command `scout sweep`: a thin layer over `sweeping`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scout import console
from scout.command_options import Authorities, Gentle, Pin, Quiet, Recipients, Root, SshKey, To, size_of
from scout.options import Json


def sweep(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="Folders or files of the host; default: all.", show_default=False)
    ] = None,
    rules: Annotated[
        list[Path] | None,
        typer.Option("--rules", metavar="DIR", help="YARA rules, files or folders. Repeatable.", show_default=False, readable=False),
    ] = None,
    ioc: Annotated[
        list[Path] | None,
        typer.Option(
            "--ioc", metavar="FILE", help="Indicators: text, CSV, STIX 2.1, MISP, OpenIOC. Repeatable.", show_default=False, readable=False
        ),
    ] = None,
    recipient: Recipients = None,
    out: Annotated[Path, typer.Option("-o", "--output", help="With -r: directory for the archive.", readable=False)] = Path(),
    to: To = "",
    ca: Authorities = None,
    pin: Pin = "",
    ssh_key: SshKey = None,
    root: Root = None,
    take: Annotated[bool, typer.Option("--take", help="With -r: take the files that match along.")] = False,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="PATTERN", help="Leave these paths out: /var/lib/docker/**. Repeatable.", show_default=False),
    ] = None,
    max_file: Annotated[str, typer.Option(metavar="SIZE", help="Compare larger files with hashes and names only.")] = "64MB",
    max_time: Annotated[int, typer.Option("--max-time", metavar="SECONDS", help="End after so long; 0: no limit.", min=0)] = 0,
    memory: Annotated[
        bool, typer.Option("--memory/--no-memory", help="YARA in the memory of processes of this host too.", show_default=False)
    ] = True,
    gentle: Gentle = False,
    quiet: Quiet = False,
    json_lines: Json = False,
) -> int:
    """Look for YARA rules and indicators on this host, or a mounted disk. JSON lines on stdout; with -r an archive of profile sweep."""
    from scout.collecting.options import CollectOptions
    from scout.collecting.sweep_options import SweepOptions
    from scout.delivering.delivery import DeliveryOptions

    screen = console.Screen(json_lines=json_lines, quiet=quiet)
    looked_for = SweepOptions(
        rules=rules or [],
        indicators=ioc or [],
        exclude=exclude or [],
        max_file=size_of("--max-file", max_file),
        seconds=max_time,
        memory=memory,
        take=take,
    )
    delivery = DeliveryOptions(to=to, ca=ca, pin=pin, ssh_key=ssh_key)
    options = CollectOptions(
        paths=paths or [],
        recipients=recipient or [],
        out=delivery.folder or out,
        delivery=delivery,
        root=root,
        gentle=gentle,
        sweep=looked_for,
    )
    if not recipient:
        if take or to:
            raise console.Complaint(
                f"{'--take' if take else '--to'} needs -r: files of a host are only written encrypted.", "", console.WRONG_USE
            )
        from scout.sweeping.sweep import as_lines

        return as_lines(options, screen, screen.emit)
    from scout.collecting.collect import collect as run
    from scout.collecting.summary import summary
    from scout.sweeping.sweep import into_archive

    return summary(run(options, screen, into_archive), screen)
