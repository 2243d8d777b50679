"""The two reasons for which HUNTER writes nothing."""

from __future__ import annotations


class UnsafeError(Exception):
    """The object cannot be read safely (a link in its path, no permission, too large, damaged): nothing may be written."""


class SurpriseError(Exception):
    """The object was not in the state that the journal says, right before a write. Nothing was written."""
