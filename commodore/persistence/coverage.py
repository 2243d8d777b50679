"""The persistence table beside what other programs look for (`coverage.yaml`), as a page of the reference."""

from __future__ import annotations

from typing import Any

from commodore.persistence.table import rows
from scout.data import load_data


def coverage() -> dict[str, Any]:
    """Return `coverage.yaml`. Raises ValueError for an id that is a row and missing too, or neither."""
    document: dict[str, Any] = load_data("commodore.persistence", "coverage.yaml")
    have = {row.id for row in rows()}
    if both := have & document["missing"].keys():
        raise ValueError(f"coverage.yaml: {min(both)} has a row: it is not missing")
    for tool, ids in document["tools"].items():
        if unknown := set(ids) - have - document["missing"].keys():
            raise ValueError(f"coverage.yaml: {tool}: {min(unknown)} is neither a row nor missing with a reason")
    return document


def page() -> str:
    """Return the page: the rows, how they compare with the lists of other programs, and what is missing with the reason."""
    document, have = coverage(), {row.id: row for row in rows()}
    tools: dict[str, list[str]] = document["tools"]
    lines = [
        "# The persistence table",
        "",
        f"{len(have)} places have a row. A row says where a place is, what is expected there, and how it is judged; "
        "[add one](../guide/add-a-persistence-row.md). Only names of places are compared: another program may judge them otherwise.",
        "",
        "| program | places of its list | of these with a row | without a row |",
        "|---|---|---|---|",
    ]
    for tool, ids in tools.items():
        without = [one for one in ids if one not in have]
        lines.append(f"| {tool} | {len(ids)} | {len(ids) - len(without)} | {', '.join(without) or 'none'} |")
    lines += ["", "## Places without a row", "", "| id | place | why |", "|---|---|---|"]
    lines += [f"| {one} | {name} | {why} |" for one, (name, why) in sorted(document["missing"].items())]
    lines += ["", "## Rows", "", f"| id | place | dataset | {' | '.join(tools)} |", "|---|---|---|" + "---|" * len(tools)]
    for row in have.values():
        marks = " | ".join("yes" if row.id in ids else "" for ids in tools.values())
        lines.append(f"| {row.id} | {row.name} | {row.dataset} | {marks} |")
    return "\n".join(lines) + "\n"
