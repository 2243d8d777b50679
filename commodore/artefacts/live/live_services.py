"""Services, units and drivers as the service manager of the live host had them, beside their own settings."""

from __future__ import annotations

from typing import Any

from commodore.containers.listing import listing_artefact
from commodore.host import Host


def _adds(one: dict[str, Any], host: Host) -> dict[str, Any]:  # noqa: ARG001
    out: dict[str, Any] = {"service.state": one.get("state") or ("active" if one.get("active") else "inactive")}
    pids = one.get("pids")
    if isinstance(pids, list) and pids and isinstance(pids[0], int):
        out["process.pid"] = pids[0]
    for key in ("service_type", "unit"):
        if isinstance(one.get(key), str):
            out["service.type"] = [one[key] if key == "service_type" else one[key].rpartition(".")[2]]
            break
    if one.get("scope") == "system" and pids and "path" not in one and str(one.get("unit")).endswith(".service"):
        out |= {"escadre.listing.kind": "unit without a file", "escadre.listing.only": ["control groups"]}
    seen = one.get("seen_by")
    if isinstance(seen, list):
        out["escadre.listing.kind"] = "service"
    if isinstance(seen, list) and seen and set(seen) != {"manager", "registry"}:
        out["escadre.listing.only"] = [str(word) for word in seen]
    return out


ARTEFACT, parse, expected = listing_artefact(
    "services/1",
    renamed={
        "unit": "service.name",
        "display_name": "escadre.description",
        "path": "process.executable",
        "image_path": "process.command_line",
        "account": "user.name",
        "service_dll": "escadre.service.dll",
        "start_type": "escadre.service.start",
        "differences": "escadre.listing.differences",
    },
    shown=("masked", "enabled_by", "invocation", "scope", "failure_command", "error"),
    adds=_adds,
    added=("service.state", "service.type", "process.pid", "escadre.listing.kind", "escadre.listing.only"),
    name="live_services",
    title="Services as they run",
    about="Every service, driver or unit that the service manager or its settings have while SCOUT ran: state, process, program. On "
    "Windows "
    "the service manager and the registry are compared: what only one has is hidden, half removed, or not started yet.",
    targets=("LL07", "WL05"),
    category=("process",),
    action="service-observed",
    attack=("T1543", "T1569.002"),
    message="The service {service.name!q} is {service.state}[ in process {process.pid}][ and runs `{process.command_line}`]"
    "[; seen only by {escadre.listing.only}][; registry and manager differ in {escadre.listing.differences}].",
    sources=("scout.live.linux.services, scout.live.windows.services: live/services.jsonl, schema services/1",),
)
