r"""Parts that the operations on the registry share: what a finding names, and the value that it means."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from hunter.hives.records import ValueRecord
from hunter.host.view import HostView
from hunter.mechanisms import Inspection
from hunter.objects._registry import checked_key, digest
from hunter.objects.registry_value import view_state
from hunter.plan.model import RemovalTarget
from hunter.unsafe import UnsafeError


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


def value_seen(view: HostView, target: RemovalTarget, found: Inspection) -> ValueRecord | None:
    """Note in `found` the state of the value that a target names, and return it; None, and `gone` is noted, where it is not there."""
    found.states[target.ref] = view_state(view, target.ref)
    if found.states[target.ref] is None:
        found.gone = "the value is not there"
        return None
    value = view.registry.value(target.ref.name, target.ref.part)
    if value is None:
        raise UnsafeError("it disappeared while it was read")
    return value
