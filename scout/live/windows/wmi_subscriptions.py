r"""Permanent WMI event subscriptions of all namespaces (`wmi_subscriptions/1`): filters, consumers, and what binds them.

namespace           `root\subscription`; class: __EventFilter, CommandLineEventConsumer, ActiveScriptEventConsumer,
                    __FilterToConsumerBinding …
name                of a filter or consumer; query, query_language, event_namespace of a filter
command_line, executable, script, script_file, script_engine, working_directory   of a consumer that runs something
filter, consumer    of a binding: paths of the two objects
creator_sid         `S-1-5-…` of the account that made it
error               why a namespace could not be asked

Source: Microsoft, "Receiving a WMI Event", classes of `root\subscription`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scout.live.windows import _native, _wmi

SCHEMA = 1
MOST_NAMESPACES = 2_000
_NAMES = {
    "Name": "name",
    "Query": "query",
    "QueryLanguage": "query_language",
    "EventNamespace": "event_namespace",
    "CommandLineTemplate": "command_line",
    "ExecutablePath": "executable",
    "ScriptText": "script",
    "ScriptFileName": "script_file",
    "ScriptingEngine": "script_engine",
    "WorkingDirectory": "working_directory",
    "Filter": "filter",
    "Consumer": "consumer",
}


def collect() -> Iterator[dict[str, Any]]:
    """Yield the objects of all namespaces. Raises OSError where `root` itself cannot be asked."""
    for name in ["root", *_below("root")]:
        try:
            yield from _objects(name)
        except OSError as e:
            yield {"namespace": name, "error": str(e)}


def _below(top: str) -> list[str]:
    found: list[str] = []
    todo = [top]
    while todo and len(found) < MOST_NAMESPACES:
        above = todo.pop(0)
        try:
            names = [str(one.get("Name", "")) for one in _wmi.WmiNamespace(above).ask("__NAMESPACE", ["Name"])]
        except OSError:
            if above == top:
                raise
            continue  # collect() reports it
        inside = [f"{above}\\{name}" for name in names if name]
        found += inside
        todo += inside
    return found


def _objects(namespace: str) -> Iterator[dict[str, Any]]:
    services = _wmi.WmiNamespace(namespace)
    for kind in ("__EventFilter", "__EventConsumer", "__FilterToConsumerBinding"):
        for one in services.ask(kind, [*_NAMES, "CreatorSID"]):
            sid = one.get("CreatorSID")
            known = {"namespace": namespace, "class": one["class"]} | {word: one.get(key) for key, word in _NAMES.items()}
            yield _native.known(known | {"creator_sid": binary_sid(sid) if isinstance(sid, list) else None})


def binary_sid(raw: list[int]) -> str:
    """Return `S-1-5-…` of the bytes of a SID; '' where they are none. Source: [MS-DTYP], 2.4.2.2."""
    if len(raw) < 8 or len(raw) < 8 + 4 * raw[1]:
        return ""
    authority = int.from_bytes(bytes(raw[2:8]), "big")
    parts = [int.from_bytes(bytes(raw[at : at + 4]), "little") for at in range(8, 8 + 4 * raw[1], 4)]
    return "-".join(map(str, ("S", raw[0], authority, *parts)))
