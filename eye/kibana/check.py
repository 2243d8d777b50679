"""Saved objects against what Kibana takes: attributes and their types, and references that are complete, both ways."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from scout.data import load_data

TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "json": str,
    "list": list,
    "object": dict,
    "boolean": bool,
    "number": (int, float),
}
SOURCE = "kibanaSavedObjectMeta"


def problems(objects: list[dict[str, Any]]) -> list[str]:
    """Return what Kibana would refuse or not find, in words; nothing where all is well."""
    known = {(one["type"], one["id"]) for one in objects}
    found = ["two objects have one id"] if len(known) != len(objects) else []
    for one in objects:
        place = f"{one['type']} {one['id']}"
        found += [f"{place}: {text}" for text in (*_attributes(one), *_references(one, known))]
    return found


def _attributes(one: dict[str, Any]) -> Iterator[str]:
    documented = load_data(__package__, "attributes.yaml").get(one["type"], {})
    attributes = one["attributes"]
    yield from (f"{name} is no attribute" for name in attributes.keys() - documented.keys())
    for name, entry in documented.items():
        kind = entry.removesuffix("!")
        if name not in attributes:
            if entry.endswith("!"):
                yield f"{name} is missing"
        elif not isinstance(attributes[name], TYPES[kind]):
            yield f"{name} is no {kind}"
        elif kind == "json":
            json.loads(attributes[name])


def _references(one: dict[str, Any], known: set[tuple[str, str]]) -> Iterator[str]:
    """Every reference leads to an object, every name that needs a reference has one, and no reference is left over."""
    given = {reference["name"]: (reference["type"], reference["id"]) for reference in one["references"]}
    yield from (f"reference {name} leads nowhere" for name, of in given.items() if of not in known)
    wanted = set(_wanted(one))
    yield from (f"{name} has no reference" for name in wanted - given.keys())
    yield from (f"reference {name} is not used" for name in given.keys() - wanted)


def _wanted(one: dict[str, Any]) -> Iterator[str]:
    attributes = one["attributes"]
    if SOURCE in attributes:
        source = json.loads(attributes[SOURCE]["searchSourceJSON"])
        if "indexRefName" in source:
            yield source["indexRefName"]
    for panel in json.loads(attributes.get("panelsJSON", "[]")):
        if "panelRefName" in panel:
            yield f"{panel['panelIndex']}:{panel['panelRefName']}"
    for state in attributes.get("state", {}).get("datasourceStates", {}).values():
        yield from (f"indexpattern-datasource-layer-{layer}" for layer in state["layers"])
