"""COMMODORE reads archives in bulk: one homogeneous JSON schema, findings, and a ledger of what could not be read."""

from __future__ import annotations

from typing import Any

__all__ = ["astype", "process", "read"]


def __getattr__(name: str) -> Any:
    """`commodore.process`, `commodore.read` and `commodore.astype` without the price of their libraries at import."""
    if name == "process":
        from commodore.engine.process import process

        return process
    if name in ("read", "astype"):
        from commodore.case import tables

        return getattr(tables, name)
    raise AttributeError(name)
