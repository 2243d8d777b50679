"""WMI event subscriptions of the live Windows: filters, consumers, bindings, asked from WMI itself."""

from __future__ import annotations

from typing import Any

from commodore.containers.listing import listing_artefact
from commodore.host import Host

_OBJECTS = {"__EventFilter": "filter", "__FilterToConsumerBinding": "binding"}


def _adds(one: dict[str, Any], host: Host) -> dict[str, Any]:
    namespace, of, name = (value if isinstance(value := one.get(key), str) and value else "" for key in ("namespace", "class", "name"))
    out: dict[str, Any] = {"escadre.wmi.object": _OBJECTS.get(of, "consumer") if of else "instance"}
    out["escadre.wmi.path"] = f"{namespace or '?'}:{of or '?'}" + (f'.Name="{name}"' if isinstance(one.get("name"), str) else "")
    command = one.get("command_line") or one.get("script") or one.get("script_file") or one.get("executable")
    if isinstance(command, str):
        out["process.command_line"] = command
    sid = one.get("creator_sid")
    if isinstance(sid, str) and sid in host.users:
        out["user.name"] = host.users[sid]
    return out


ARTEFACT, parse, expected = listing_artefact(
    "wmi_subscriptions/1",
    renamed={
        "namespace": "escadre.wmi.namespace",
        "class": "escadre.wmi.class",
        "query": "escadre.trigger",
        "filter": "escadre.wmi.filters",
        "consumer": "escadre.wmi.bindings",
        "creator_sid": "user.id",
    },
    shown=("query_language", "event_namespace", "script_engine", "executable", "script_file", "working_directory"),
    adds=_adds,
    added=("escadre.wmi.object", "escadre.wmi.path", "process.command_line", "user.name"),
    name="live_wmi_subscriptions",
    title="WMI subscriptions as WMI has them",
    about="Event filters, consumers and bindings of all namespaces while SCOUT ran, with command or script and the account that made them. "
    "They start something without a file or registry entry of their own.",
    targets=("WL07",),
    needs=("users",),
    category=("configuration",),
    action="wmi-object-observed",
    attack=("T1546.003",),
    message="WMI has the {escadre.wmi.object} {escadre.wmi.path!q}[, which runs {process.command_line!q}].",
    sources=("scout.live.windows.wmi_subscriptions: live/wmi_subscriptions.jsonl, schema wmi_subscriptions/1",),
)
