"""Generate the reference pages of the artefacts, and the list of artefacts that read each target of SCOUT.

    python -m commodore.reference docs/artefacts [READERS] [--check]      write the files, or report those that differ

SCOUT cannot import COMMODORE, so it reads the second part from `scout/targets/readers.json` (READERS, if no other file is given), and which
files start programs from `scout/references/places.json` (beside READERS, if one is given).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from commodore import catalogue
from commodore.artefact import Artefact
from commodore.detection.sigma.sources import log_sources
from commodore.persistence.coverage import page as persistence_table
from commodore.persistence.starting_files import places
from commodore.schema import registry, winlog
from scout.data import load_data
from scout.references.places import PLACES
from scout.targets import READERS
from scout.targets.kinds import page as collection

EVENTS = "windows_events.md"
"""Name of the page of described Windows events."""
COVERAGE = "registry_coverage.md"
TABLE = "persistence-table.md"
"""Name of the page that compares the registry artefacts with those of other programs."""
COLLECTION = "collection.md"
"""Name of the page of what SCOUT collects."""
LONG = 1200
"""characters of a fact from which on it is a list of its own"""
LOG_SOURCES = 8
"""Names of Sigma log sources that a page lists at most."""


def declared() -> dict[str, Artefact]:
    """All artefacts and derived datasets by name."""
    known = {name: k.artefact for name, k in catalogue.artefacts().items()} | {
        name: d.artefact for name, d in catalogue.derivations().items()
    }
    return dict(sorted(known.items()))


def pages() -> dict[str, str]:
    """File name → page, for every artefact and the list of them."""
    return {"README.md": index(), EVENTS: events(), COVERAGE: coverage(), TABLE: persistence_table(), COLLECTION: collection()} | {
        f"{name}.md": page(artefact) for name, artefact in declared().items()
    }


def readers() -> str:
    """Return the content of `scout/targets/readers.json`: target id → names of the artefacts that read what it collects, sorted."""
    found: dict[str, list[str]] = {}
    for name, artefact in declared().items():
        for target in artefact.targets:
            found.setdefault(target, []).append(name)
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


def index() -> str:
    """The list of all artefacts."""
    rows = [f"| [{a.name}]({a.name}.md) | {a.title} | {a.kind} | {', '.join(a.attack) or ' '} |" for a in declared().values()]
    head = (
        "# Artefacts\n\nGenerated from the declarations by `python -m commodore.reference docs/artefacts`.\n\n"
        "| name | what | kind | ATT&CK |\n|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + f"\n\n[Windows events with named fields]({EVENTS})\n\n[Registry: coverage]({COVERAGE})\n"


def events() -> str:
    """Return the page of the Windows events that have named fields and a sentence of their own."""
    described = winlog.described()
    count = sum(map(len, described.values()))
    parts = [
        "# Windows events with named fields",
        "Generated from `commodore/schema/winlog/events` by `python -m commodore.reference docs/artefacts`.",
        f"{count} events of {len(described)} providers have an action, named fields and a sentence. Of any other event the record has the "
        "header and all values by their own names (`winlog.event_data`, `winlog.user_data`).",
    ]
    for provider, meanings in described.items():
        rows: dict[tuple[str, str], list[str]] = {}
        for code, meaning in sorted(meanings.items(), key=lambda item: int(item[0])):
            names = ", ".join(f"`{name}`" for name in dict.fromkeys(target for target, _, _ in meaning.copies))
            rows.setdefault((meaning.constant["event.action"], names), []).append(code)
        lines = [f"| {', '.join(codes)} | {action} | {names or ' '} |" for (action, names), codes in rows.items()]
        parts.append("\n".join([f"## {provider}", "", "| event | action | fields |", "|---|---|---|", *lines]))
    return "\n\n".join(parts) + "\n"


def coverage() -> str:
    """Return the page of what other programs read in the registry, and what reads it here."""
    listed: dict[str, dict[str, list[str] | str]] = load_data("commodore.artefacts.windows.registry", "coverage.yaml")
    parts = [
        "# Registry: coverage",
        "Generated from `commodore/artefacts/windows/registry/coverage.yaml` by `python -m commodore.reference docs/artefacts`.",
    ]
    for program, topics in listed.items():
        read = sum(isinstance(found, list) for found in topics.values())
        rows = [
            f"| {topic} | {', '.join(f'[{name}]({name}.md)' for name in found) if isinstance(found, list) else _cell(found)} |"
            for topic, found in sorted(topics.items(), key=lambda item: item[0].lower())
        ]
        title = {"regipy": "Plugins of regipy", "regripper": "Topics of RegRipper"}[program]
        parts.append(f"## {title}\n\n{read} of {len(topics)} are read by an artefact of their own.\n")
        parts.append("\n".join(["| topic | read by, or why not |", "|---|---|", *rows]))
    return "\n\n".join(parts).replace("\n\n\n", "\n\n") + "\n"


def page(artefact: Artefact) -> str:
    """The page of one artefact."""
    fields = registry()
    parts = [f"# {artefact.name}: {artefact.title}", artefact.about]
    if artefact.proves_not:
        parts.append(f"**What it does not prove.** {artefact.proves_not}")
    facts = [
        ("read from", ", ".join(f"`{m}`" for m in artefact.match)),
        ("reads too", "files that others take in (`Include`, `source` and their like)" if artefact.taken_in else ""),
        ("known by content", ", ".join(f"`{m!r}` at {at}" for at, m in artefact.magic)),
        ("reads there", str(artefact.holds or "")),
        ("made from", ", ".join(f"[{d}]({d}.md)" for d in artefact.datasets)),
        ("collected by", ", ".join(f"`{t}`" for t in artefact.targets)),
        ("read together with", ", ".join(f"`{p}` ({r})" for r, p in artefact.group.companions.items()) if artefact.group else ""),
        ("needs to know", ", ".join(artefact.needs)),
        ("event", f"{artefact.kind}, {artefact.action}"),
        ("category, type", ", ".join((*artefact.category, *artefact.type))),
        ("sentence", f"`{artefact.message}`"),
        ("worth as evidence", artefact.confidence),
        ("ATT&CK", ", ".join(artefact.attack)),
        ("Sigma log source", _log_sources(artefact.name)),
        ("parser", f"{artefact.name}/{artefact.version}"),
    ]
    lists = {name: value.split(", `") for name, value in facts if len(value) > LONG}
    facts = [(name, f"{len(lists[name])}: see below" if name in lists else value) for name, value in facts]
    parts.append("\n".join(["| | |", "|---|---|", *(f"| {name} | {_cell(value)} |" for name, value in facts if value)]))
    if artefact.times:
        parts.append(
            "\n".join(["## Times", "", "| field | meaning |", "|---|---|", *(f"| `{n}` | {_cell(m)} |" for n, m in artefact.times.items())])
        )
    rows = [
        f"| `{n}` | {fields[n].type}{' (list)' if fields[n].many else ''} | {_cell(fields[n].meaning)} |" for n in sorted(artefact.fields)
    ]
    parts.append("\n".join(["## Fields", "", "| field | type | meaning |", "|---|---|---|", *rows]))
    for name, values in lists.items():
        parts.append(f"## {name.capitalize()}\n\n" + "\n".join(f"- `{value.removeprefix('`')}" for value in values))
    parts.append("## Sources\n\n" + "\n".join(f"- {s}" for s in artefact.sources))
    return "\n\n".join(parts) + "\n"


def _log_sources(dataset: str) -> str:
    """The Sigma log sources that the dataset feeds; more than `LOG_SOURCES` are counted."""
    product, names = log_sources(dataset)
    if len(names) > LOG_SOURCES:
        return f"{product}: {len(names)} categories and services"
    return f"{product}: {', '.join(names)}" if names else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main(arguments: list[str]) -> int:
    """Write the generated files and remove the pages of artefacts that are gone. With `--check` report what differs and return 1."""
    folder, *others = [Path(argument) for argument in arguments if argument != "--check"]
    check, read_by = "--check" in arguments, others[0] if others else READERS
    starting = read_by.with_name(PLACES.name) if others else PLACES
    wanted = {folder / name: text for name, text in pages().items()} | {read_by: readers(), starting: places()}
    present = {path: path.read_text(encoding="utf-8") for path in (*folder.glob("*.md"), read_by, starting) if path.is_file()}
    different = sorted(path for path in wanted.keys() | present.keys() if wanted.get(path) != present.get(path))
    if check:
        sys.stdout.write("".join(f"{path} differs from the declarations: run `make generated`.\n" for path in different))
        return 1 if different else 0
    folder.mkdir(parents=True, exist_ok=True)
    for path in different:
        if path in wanted:
            path.write_text(wanted[path], encoding="utf-8", newline="\n")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
