"""The names of facts that reasons may test, with their meaning."""

from __future__ import annotations

from scout.data import load_data

FACTS: dict[str, str] = load_data(__package__, "facts.yaml")
