"""Computers that event logs name: one has the same name with and without its domain, and two of different domains may share a name."""

from __future__ import annotations


class Computers:
    """Tells computers apart while records stream by. The first domain of a name owns the name alone too."""

    def __init__(self) -> None:
        self._domains: dict[str, str] = {}

    def key(self, name: object) -> str:
        """Return what identifies the computer of a record: its name in lower case, with the domain only where another one has the name."""
        label, _, domain = str(name or "").lower().partition(".")
        return label if not domain or self._domains.setdefault(label, domain) == domain else f"{label}.{domain}"
