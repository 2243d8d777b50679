"""`eye push fir CASE`: the incident of a case in FIR (Fast Incident Response), created or brought up to date.

Source: FIR, `fir_api` (serializers of incidents, header `X-Api: Token …`, filter `subject`) and `fir_artifacts`: FIR takes no artefacts
over its API, it finds them in the description of an incident. The description lists them, one a line. The subject of an incident has the
name of its case.
"""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from commodore.finding import MOST_SEVERE_FIRST
from eye.case import findings
from eye.index.store import Store
from eye.push.artefacts import artefacts
from eye.remote.json_server import JsonServer
from eye.remote.told import told as value
from scout.console import COULD_NOT, Complaint, escape, plural

SEVERITIES = {"critical": "4", "high": "3", "medium": "2", "low": "1", "informational": "1"}
"""Severity of the gravest finding → name of a severity in FIR as it is installed."""
SHOWN = 40
"""Findings that the description lists."""


@dataclass(frozen=True, slots=True)
class FirChoices:
    """Names that the FIR of a team has: each must be one of its own."""

    category: str = "Compromise"
    detection: str = "CERT"
    confidentiality: str = "C1"
    severity: str = ""
    """of the gravest finding, unless given"""
    business_lines: tuple[str, ...] = ()


@dataclass
class FirIncident:
    """The incident: its number, whether it was created, and the artefacts by kind."""

    number: int
    created: bool
    url: str
    artefacts: dict[str, int] = field(default_factory=dict)

    def result(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def connect(url: str, token: str, ca: Path | None = None, fingerprint: str = "") -> JsonServer:
    """Return the server. Raises Complaint for what is no address."""
    return JsonServer(url, "FIR", {"X-Api": f"Token {token}", "Accept": "application/json"}, ca, fingerprint)


def push(store: Store, server: JsonServer, name: str = "", choices: FirChoices | None = None) -> FirIncident:
    """Create the incident of a case, or bring it up to date. Raises Complaint."""
    choices = choices or FirChoices()
    title = f"Escadre: {name or store.case.resolve().name}"
    found = artefacts(store)
    content = incident(store, title, choices, found)
    number = _number(server, title)
    if number is None:
        status, told = server.ask("POST", "/api/incidents", json=content)
        expected = 201
    else:  # what the team has set in FIR meanwhile stays: only the description is ours
        status, told = server.ask("PATCH", f"/api/incidents/{number}", json={"description": content["description"]})
        expected = 200
    if status != expected or not isinstance(told, dict) or "id" not in told:
        raise server.refusal(status, told)
    made = value(told, "id", of=int)
    shown = f"{server.base}/incidents/{made}"
    return FirIncident(made, number is None, shown, {kind: len(values) for kind, values in found.items()})


def _number(server: JsonServer, title: str) -> int | None:
    """Return the number of the incident with exactly this subject; None where there is none. Raises Complaint where there are several."""
    status, told = server.ask("GET", "/api/incidents?" + urlencode({"subject": title}))
    listed = told.get("results") if isinstance(told, dict) else told
    if status != 200 or not isinstance(listed, list):
        raise server.refusal(status, told)
    numbers = [value(one, "id", of=int) for one in listed if isinstance(one, dict) and one.get("subject") == title]
    if len(numbers) > 1:
        raise Complaint(
            f"FIR has {len(numbers)} incidents with the subject {title}.", "Give another --name, or merge them in FIR.", COULD_NOT
        )
    return numbers[0] if numbers else None


def incident(store: Store, title: str, choices: FirChoices, found: dict[str, list[str]]) -> dict[str, Any]:
    """Return the incident as the API takes it. Text of evidence is escaped: FIR shows the description as HTML."""
    all_findings = findings(store.case)
    counts = Counter(str(f.get("escadre.severity")) for f in all_findings)
    gravest = next((name for name in MOST_SEVERE_FIRST if counts[name]), "informational")
    content: dict[str, Any] = {
        "subject": title,
        "description": "\n".join(_description(store, all_findings, counts, found)),
        "category": choices.category,
        "detection": choices.detection,
        "severity": choices.severity or SEVERITIES[gravest],
        "confidentiality": choices.confidentiality,
        "is_incident": True,
    }
    if choices.business_lines:
        content["concerned_business_lines"] = list(choices.business_lines)
    return content


def _description(store: Store, all_findings: list[dict[str, Any]], counts: Counter[str], found: dict[str, list[str]]) -> list[str]:
    shown = ", ".join(f"{counts[name]} {name}" for name in MOST_SEVERE_FIRST if counts[name]) or "none"
    lines = [f"{plural(store.records, 'record')}; findings: {shown}.", "", "Findings:"]
    for one in all_findings[:SHOWN]:
        when = one.get("escadre.first") or one.get("@timestamp") or "no time"
        lines.append(_shown(f"- {one.get('escadre.severity')} {one.get('host.name')} {when}: {str(one.get('message'))[:300]}"))
    if len(all_findings) > SHOWN:
        lines.append(f"- and {len(all_findings) - SHOWN} more")
    for kind, values in found.items():
        lines += ["", f"Artefacts, {kind}:", *map(_shown, values)]
    return lines


def _shown(text: str) -> str:
    """Return text of evidence as one line of HTML, on which it cannot look like a line of ours."""
    return html.escape(escape(text))
