"""Indices ready to take documents: made from the templates, or there already and fit. What stands against a load is found here first."""

from __future__ import annotations

from typing import Any

from elasticsearch import ApiError, Elasticsearch

from eye.elastic import errors
from eye.elastic.fields import field_count, mappings, types
from eye.elastic.names import slug
from eye.elastic.templates import component, component_name, template
from eye.remote.told import told
from scout.console import COULD_NOT, WRONG_USE, Complaint, plural

NO_PATTERN = "no tokenizer pattern (module analysis-common): a name with dots is one word there"


_NO_PIPELINE = "_none"
_SETTINGS = {"dynamic": "it takes fields of its own accord", "subobjects": "its fields are objects in objects"}
"""Settings of a mapping that are off in the templates, and what an index is where one is not."""


def check(client: Elasticsearch, index: str, title: str, collections: list[str]) -> int:
    """Return how many documents an index has that is there. Raises Complaint where it is not one of this case, or takes nothing."""
    _fit(client, index)
    client.indices.refresh(index=index)
    others = {"bool": {"filter": {"exists": {"field": "escadre.collection"}}, "must_not": {"terms": {"escadre.collection": collections}}}}
    if n := told(client.count(index=index, query=others).body, "count", of=int):
        raise Complaint(
            f"{index} holds {plural(n, 'record')} of collections that this case does not have.",
            f"Give this case another --name; or, if that is an older state of it, first eye unload {slug(title)}.",
            WRONG_USE,
        )
    return told(client.count(index=index).body, "count", of=int)


def uuid(client: Elasticsearch, index: str) -> str:
    """Return the id that an index has for its life: one that is deleted and made again has another."""
    return told(client.indices.get_settings(index=index).body, index, "settings", "index", "uuid", of=str)


def _fit(client: Elasticsearch, index: str) -> None:
    """Raises Complaint where an index has a block, changes documents, or has other mappings."""
    answer: dict[str, Any] = client.indices.get(index=index, features=["mappings", "settings"]).body
    if isinstance(answer, dict) and answer and index not in answer:
        raise Complaint(f"{index} is an alias of {', '.join(answer)[:200]}.", "Remove it, or load under another --name.", WRONG_USE)
    found = told(answer, index, of=dict)
    settings = told(found, "settings", "index", of=dict, default={})
    _unblocked(index, told(settings, "blocks", of=dict, default={}))
    pipeline = told(settings, "final_pipeline", of=str, default=_NO_PIPELINE)
    if pipeline != _NO_PIPELINE:
        do = "Take it off, or load under another --name: documents are loaded as they are in the case."
        raise Complaint(f"{index} has the final pipeline {pipeline}, which may change each document.", do, WRONG_USE)
    _same_types(client, index, told(found, "mappings", of=dict, default={}))


def _unblocked(index: str, blocks: dict[str, Any]) -> None:
    on = [
        name for name, value in blocks.items() if str(value) == "true" and name in ("read_only", "write", "read_only_allow_delete", "read")
    ]
    if on:
        raise errors.blocked(f"{index} has the block {', '.join(on)}{' (the disk is full)' if 'read_only_allow_delete' in on else ''}")


def _same_types(client: Elasticsearch, index: str, there: dict[str, Any]) -> None:
    """Add the fields that an index of an older Escadre lacks. Raises Complaint where one has another type."""
    has, wanted = types(told(there, "properties", of=dict, default={})), mappings()
    # a keyword that only the index of another program has would take what the guard of ours refuses
    wrong = [
        f"{name} is {has[name]}, not {entry['type']}" for name, entry in wanted.items() if has.get(name, entry["type"]) != entry["type"]
    ]
    wrong += [why for setting, why in _SETTINGS.items() if str(there.get(setting, "true")).lower() != "false"]
    if wrong:
        why = wrong[0]
        more = f" (and {plural(len(wrong) - 1, 'difference')} more)" if len(wrong) > 1 else ""
        raise Complaint(
            f"{index} was made with other mappings: {why}{more}.", "Load under another --name, or delete that index.", WRONG_USE
        )
    if lacking := {name: entry for name, entry in wanted.items() if name not in has}:
        room = {"index.mapping.total_fields.limit": field_count(wanted) + field_count(there.get("properties", {}))}
        try:
            client.indices.put_settings(index=index, settings=room)
            client.indices.put_mapping(index=index, properties=lacking)
        except ApiError as e:
            if e.status_code != 400:
                raise
            raise Complaint(
                f"{index} was not made by eye load: it does not take the fields of a case ({errors.reason(e)}).",
                "Load under another --name, or delete that index.",
                WRONG_USE,
            ) from e


def create(client: Elasticsearch, index: str, title: str, family: str) -> str:
    """Put the templates and make an index. Return what the server lacks, '' for nothing. Raises Complaint where another template rules."""
    lacking = ""
    try:
        _templates(client, index, title, family, pattern=True)
    except ApiError as e:
        if e.status_code != 400 or "tokenizer" not in errors.reason(e):
            raise
        _templates(client, index, title, family, pattern=False)
        lacking = NO_PATTERN
    try:
        client.indices.create(index=index)
    except ApiError as e:
        if e.status_code != 400 or "resource_already_exists" not in errors.reason(e) + str(e):
            raise
    try:
        _fit(client, index)
    except Complaint as e:
        client.indices.delete(index=index)
        do = "Another template of the server matches that name, with a higher priority: GET _index_template names it."
        raise Complaint(e.what, do, e.code) from e
    return lacking


def _templates(client: Elasticsearch, index: str, title: str, family: str, *, pattern: bool) -> None:
    shared = component(pattern=pattern)
    name = component_name(shared)
    client.cluster.put_component_template(name=name, template=shared["template"], meta=shared["_meta"])
    body = template(index, family, fields=name)
    meta = body.pop("_meta") | {"case": title}
    client.indices.put_index_template(name=index, **body, meta=meta)


def healthy(client: Elasticsearch, indices: list[str]) -> None:
    """Raises Complaint where one of the indices has no shard that takes documents."""
    if not indices:
        return
    try:
        answer: object = client.cluster.health(index=",".join(indices), wait_for_status="yellow", timeout="10s", level="indices").body
    except ApiError as e:
        if e.status_code == 403:  # an account without the right to look: the first document shows it
            return
        answer = e.body  # 408: it did not get there in time, with the same body
    status = told(answer, "status", of=object, default="")
    if status == "red" or told(answer, "timed_out", of=object, default=False):
        each = told(answer, "indices", of=dict, default={})
        red = [name for name in each if told(each, name, "status", of=object, default="") == "red"] or indices
        raise Complaint(f"{red[0]} is red: it has no shard that takes documents.", "GET _cluster/allocation/explain says why.", COULD_NOT)
