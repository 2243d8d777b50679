r"""Parts that the operations on the registry share: what a finding names."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from hunter.objects._registry import checked_key, digest


def key_of(fields: Mapping[str, Any]) -> str:
    r"""Return the key that a finding names, from its hive (`HKLM\SOFTWARE`) and the path below. ValueError for no hive that is known."""
    hive, key = str(fields.get("hive") or ""), str(fields.get("key") or "")
    if hive.startswith("?"):
        raise ValueError("where the hive belongs in the registry is not known")
    return checked_key({"key": f"{hive}\\{key}"})


def value_facts(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a finding says of a value: type, size and sha256 of its data; {} where it does not hold the bytes."""
    coded = fields.get("data_bytes")
    if coded is None:
        return {}
    try:
        raw = base64.b64decode(str(coded), validate=True)
    except ValueError:
        return {}
    return {"type": str(fields.get("data_type")), "size": len(raw), "sha256": digest(raw)}
