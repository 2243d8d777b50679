"""The reference of artefacts, generated from their declarations: pages in `docs/artefacts/`, and what `commodore artefacts` shows.

python -m commodore.reference docs/artefacts [--check]      write the pages, or say whether they are what they should be
"""

from __future__ import annotations

import sys
from pathlib import Path

from commodore.artefact import Artefact
from commodore.engine import catalogue
from commodore.schema import registry


def declared() -> dict[str, Artefact]:
    """All artefacts and derived datasets by name."""
    known = {name: k.artefact for name, k in catalogue.artefacts().items()} | {
        name: d.artefact for name, d in catalogue.derivations().items()
    }
    return dict(sorted(known.items()))


def pages() -> dict[str, str]:
    """File name → page, for every artefact and the list of them."""
    return {"README.md": index()} | {f"{name}.md": page(artefact) for name, artefact in declared().items()}


def index() -> str:
    """The list of all artefacts."""
    rows = [f"| [{a.name}]({a.name}.md) | {a.title} | {a.kind} | {', '.join(a.attack) or ' '} |" for a in declared().values()]
    head = (
        "# Artefacts\n\nGenerated from the declarations by `python -m commodore.reference docs/artefacts`.\n\n"
        "| name | what | kind | ATT&CK |\n|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def page(artefact: Artefact) -> str:
    """The page of one artefact."""
    fields = registry()
    parts = [f"# {artefact.name}: {artefact.title}", artefact.about]
    facts = [
        ("read from", ", ".join(f"`{m}`" for m in artefact.match)),
        ("known by content", ", ".join(f"`{m!r}` at {at}" for at, m in artefact.magic)),
        ("reads there", str(artefact.holds or "")),
        ("made from", ", ".join(f"[{d}]({d}.md)" for d in artefact.datasets)),
        ("collected by", ", ".join(f"`{t}`" for t in artefact.targets)),
        ("read together with", ", ".join(f"`{p}` ({r})" for r, p in artefact.group.companions.items()) if artefact.group else ""),
        ("needs to know", ", ".join(artefact.needs)),
        ("tells of the host", ", ".join(artefact.gives)),
        ("event", f"{artefact.kind}, {artefact.action}"),
        ("category, type", ", ".join((*artefact.category, *artefact.type))),
        ("sentence", f"`{artefact.message}`"),
        ("worth as evidence", artefact.confidence),
        ("ATT&CK", ", ".join(artefact.attack)),
        ("Sigma log source", ", ".join(f"{k}: {v}" for k, v in artefact.logsource.items())),
        ("parser", f"{artefact.name}/{artefact.version}"),
    ]
    parts.append("\n".join(["| | |", "|---|---|", *(f"| {name} | {_cell(value)} |" for name, value in facts if value)]))
    if artefact.times:
        parts.append(
            "\n".join(["## Times", "", "| field | meaning |", "|---|---|", *(f"| `{n}` | {_cell(m)} |" for n, m in artefact.times.items())])
        )
    rows = [
        f"| `{n}` | {fields[n].type}{' (list)' if fields[n].many else ''} | {_cell(fields[n].meaning)} |" for n in sorted(artefact.fields)
    ]
    parts.append("\n".join(["## Fields", "", "| field | type | meaning |", "|---|---|---|", *rows]))
    parts.append("## Sources\n\n" + "\n".join(f"- {s}" for s in artefact.sources))
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main(arguments: list[str]) -> int:
    """Write the pages, remove those of artefacts that are gone; with `--check` only say what differs (exit 1)."""
    folder, check = Path(arguments[0]), "--check" in arguments
    wanted = pages()
    there = {p.name: p.read_text(encoding="utf-8") for p in folder.glob("*.md")} if folder.is_dir() else {}
    different = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
    if check:
        sys.stdout.write("".join(f"{folder / name} is not what the declarations say\n" for name in different))
        return 1 if different else 0
    folder.mkdir(parents=True, exist_ok=True)
    for name in different:
        if name in wanted:
            (folder / name).write_text(wanted[name], encoding="utf-8", newline="\n")
        else:
            (folder / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
