"""The persistence table: one YAML file per mechanism, the judges of its records, and the facts that complete its targets."""

from commodore.persistence.members import Members
from commodore.persistence.targets import complete, completed

__all__ = ["Members", "complete", "completed"]
