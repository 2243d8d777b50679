"""The persistence table: one YAML per mechanism, the judge that says what of it is not expected, and what makes its targets whole."""

from commodore.persistence.targets import Members, complete, completed

__all__ = ["Members", "complete", "completed"]
