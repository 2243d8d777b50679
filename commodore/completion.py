"""Values that the shell completes for options of COMMODORE, THE EYE and HUNTER. Each function is called when a user presses Tab."""

from __future__ import annotations

import typer


def severities() -> list[str]:
    """Return the severities of findings, least first."""
    from commodore.finding import SEVERITIES

    return list(SEVERITIES)


def formats() -> list[str]:
    """Return the formats of `commodore export`."""
    from commodore.case.export import FORMATS

    return list(FORMATS)


def groups() -> list[str]:
    """Return what findings can be grouped by."""
    from commodore.listing import GROUPS

    return list(GROUPS)


def datasets() -> list[str]:
    """Return the names of all datasets."""
    from commodore.reference import declared

    return list(declared())


def hosts(context: typer.Context) -> list[str]:
    """Return the host names of the case on the command line; none where that is no case."""
    from commodore.case.reader import CaseReader
    from scout.console import Complaint

    case = context.params.get("case") or next(iter(context.args), ".")  # the parser leaves words in `args` where it stops at an option
    try:
        return sorted({str(about["host"]) for about in CaseReader(case).collections().values()})
    except Complaint:
        return []
