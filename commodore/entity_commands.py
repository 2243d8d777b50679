"""`commodore enrich`, `entity` and `files`: thin skins over `commodore/enrichment/entities.py` and `commodore/suspicion/across.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from scout.console import DONE, PARTIAL, Screen, escape, plural
from scout.options import Json

Case = Annotated[Path, typer.Argument(help="Case directory.", readable=False, show_default=False)]
SHOWN = 5
"""Hosts, datasets and findings of one value that are shown."""


def enrich(
    case: Case,
    sources: Annotated[
        list[Path] | None,
        typer.Option(
            "--with",
            metavar="PATH",
            help="Source of facts: a .mmdb file, NSRL's database, ranges of a cloud, LOLBAS, GTFOBins, LOLDrivers. Repeatable.",
            show_default=False,
        ),
    ] = None,
    good: Annotated[
        list[Path] | None, typer.Option("--known-good", metavar="FILE", help="List of harmless hashes. Repeatable.", show_default=False)
    ] = None,
    bad: Annotated[
        list[Path] | None, typer.Option("--known-bad", metavar="FILE", help="List of hostile hashes. Repeatable.", show_default=False)
    ] = None,
    json_lines: Json = False,
) -> int:
    """Gather what the case knows of each address, name, hash, account and program, and add the facts of sources."""
    from commodore.enrichment import entities
    from commodore.enrichment.sources import FactSource, recognised
    from commodore.enrichment.sources.hashes import HashList
    from commodore.enrichment.sources.ranges import StandardRanges

    screen = Screen(json_lines=json_lines)
    given: list[FactSource] = [StandardRanges(), *map(recognised, sources or [])]
    given += [HashList(path, "known-good") for path in good or []] + [HashList(path, "known-bad") for path in bad or []]
    done = entities.enrich(case, given)
    if json_lines:
        screen.emit({"hosts": done.hosts, "entities": done.entities, "with_facts": done.with_facts, "left_out": done.left_out})
    screen.say(f"{plural(sum(done.entities.values()), 'value')} of {plural(done.hosts, 'host')}")
    for kind, count in done.entities.items():
        screen.say(f"  {kind:<10}{count:>10,}")
    for source in given:
        screen.say(f"  {done.with_facts.get(source.name, 0):,} known to {escape(source.name)}")
    for kind, count in done.left_out.items():
        screen.say(f"  {plural(count, 'record')} with a {kind} that is not listed: too long, or of a host with too many values")
    screen.say(f"Next: commodore entity {escape(case)} VALUE")
    return DONE


def entity(
    case: Case,
    value: Annotated[str, typer.Argument(help="Address, name, hash, account, path or URL, defanged or not.", show_default=False)],
    json_lines: Json = False,
) -> int:
    """Show all that the case knows of one value. Exit 1 where it knows nothing."""
    from commodore.enrichment import entities

    screen = Screen(json_lines=json_lines)
    found = entities.look_up(case, value)
    about = list(entities.findings_about(case, found)) if found else []
    for one in found:
        if json_lines:
            screen.emit(one)
        _show(one, screen)
    if found and about:
        screen.say(plural(len(about), "finding") + " about it:")
        for finding in about[:SHOWN]:
            screen.row(f"  {finding['escadre.severity']:<9} {escape(finding['host.name'])}  ", escape(finding["message"]))
        if len(about) > SHOWN:
            screen.say(f"  and {len(about) - SHOWN:,} more: commodore findings {escape(case)}")
    if not found:
        screen.say("No record of the case has this value in a field that says what it is. `eye search` looks into every text.")
    return DONE if found else PARTIAL


def files(case: Case, json_lines: Json = False) -> int:
    """Show the suspicious files of all hosts, with the number of hosts that have each and what hash lists say of it."""
    from commodore.suspicion import across

    screen = Screen(json_lines=json_lines)
    found = across.files(case)
    for one in found:
        if json_lines:
            screen.emit(one.as_dict())
        screen.say(f"{one.severity:<6} {one.score:>4}  {plural(one.host_count, 'host')}  {escape(one.path)}")
        hosts = ", ".join(map(escape, one.hosts[:SHOWN])) + (", …" if len(one.hosts) > SHOWN else "")
        screen.row("  hosts     ", hosts)
        for reason in one.reasons:
            screen.row("  reason    ", escape(reason))
    if not found:
        screen.say("No suspicious file. A file that was not collected was not judged.")
    return DONE


def _show(one: dict[str, Any], screen: Screen) -> None:
    screen.say(f"{one['kind']}  {escape(one['spelling'])}")
    hosts = ", ".join(map(escape, one["hosts"][:SHOWN])) + (", …" if one["host_count"] > SHOWN else "")
    screen.row("  hosts     ", f"{one['host_count']:,}: {hosts}")
    datasets = ", ".join(one["datasets"][:SHOWN]) + (", …" if len(one["datasets"]) > SHOWN else "")
    screen.row("  records   ", f"{one['count']:,} in {datasets}")
    if one["first"]:
        screen.say(f"  first     {one['first']}")
        screen.say(f"  last      {one['last']}")
    if one.get("accounts"):
        screen.row("  account   ", ", ".join(map(escape, one["accounts"])))
    for fact in one.get("facts", ()):
        words = "; ".join(f"{name} {_text(value)}" for name, value in fact.items() if name != "source")
        screen.row("  fact      ", f"{escape(words)} ({escape(fact['source'])})")


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
