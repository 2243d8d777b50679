"""Times of records as numbers, to compare and subtract them."""

from __future__ import annotations

from datetime import datetime


def seconds(text: object) -> float | None:
    """Return RFC 3339 UTC as seconds since 1970; None where there is none."""
    if not isinstance(text, str):
        return None
    head, dot, fraction = text.rstrip("Z").partition(".")
    try:
        return datetime.fromisoformat(f"{head}+00:00").timestamp() + (float(f"0.{fraction}") if dot else 0.0)
    except (ValueError, OverflowError):
        return None
