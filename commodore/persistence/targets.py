"""Complete targets with facts of the members: of the file, of the files that it starts, and the links to a unit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any

from commodore.finding import SEVERITIES, FileFacts, Finding, FindingTarget
from commodore.persistence.evidence import of_named_file
from commodore.persistence.judge import FILE
from commodore.persistence.members import Members, path_key
from commodore.persistence.suspicion import is_interpreter
from commodore.sentence import sentence, short
from scout.formats.linux_paths import one_path
from scout.formats.windows_paths import is_windows, last_name

_SYSTEM_PLACES = re.compile(r"/usr/(?:s?bin|lib(?:32|64|x32|exec)?)/|/libexec/|(?i:[a-z]:\\(?:windows|winnt|program files(?: \(x86\))?)\\)")
_STARTED = sentence("{path} is started by {mechanism} {id}, and {evidence}.")
_NAMED = sentence("{path} is only named by the command of {mechanism} {id}, and nothing else is known of it: look at the file.")


def complete(target: FindingTarget, members: Members | Iterable[Mapping[str, Any]]) -> FindingTarget:
    """Return the target with `file`, `payload_files` and, for a unit, `links`, as far as the collection knows them."""
    known = members if isinstance(members, Members) else Members(members)
    out = target.copy()
    path = str(target.get("hive_file") or target.get("path") or "")
    if facts := known.facts(path):
        out["file"] = facts
    payload = {p: facts for p in target.get("payload") or () if (facts := known.facts(p))}
    if payload:
        out["payload_files"] = payload
    if target.get("kind") == "systemd-unit" and not target.get("drop_in"):
        out["links"] = known.links(path)
    return out


def completed(findings: Iterable[Finding], members: Mapping[str, Members]) -> Iterator[Finding]:
    """Yield the findings with complete targets, then one finding for each collected file that the target of a high one starts.

    `members`: by collection id. Such a finding has the severity of its cause where there is evidence about the file itself; otherwise it is
    informational, because an intruder chooses which files a command names.
    """
    started: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        target = finding.get("target")
        known = members.get(finding["escadre.collection"])
        if not target or known is None:
            yield finding
            continue
        full = complete(target, known)
        yield {**finding, "target": full}
        if SEVERITIES.index(finding["escadre.severity"]) < SEVERITIES.index("high") or target.get("kind") == "file":
            continue
        for path, facts in full.get("payload_files", {}).items():
            if facts.get("verdict", "taken") == "taken" and facts.get("sha256") and not _of_the_system(path):
                started.setdefault((finding["escadre.collection"], finding["host.name"], path_key(path)), _payload(finding, path, facts))
    for key in sorted(started):
        yield started[key]


def _of_the_system(path: str) -> bool:
    """Return whether the file may be a program of the host itself, which is never removed because something starts it."""
    return _SYSTEM_PLACES.match(one_path(path)) is not None or is_interpreter(path, "windows" if is_windows(path) else "linux")


def _payload(finding: Finding, path: str, facts: FileFacts) -> Finding:
    """Return the finding on a file that the target of another finding starts."""
    evidence = of_named_file(path, facts)
    severity = finding["escadre.severity"] if evidence else SEVERITIES[0]
    values = {"path": short(path), "mechanism": finding["rule.name"].lower(), "id": finding["rule.id"], "evidence": evidence}
    made = finding.copy()
    for name in ("escadre.first", "escadre.last", "threat.technique.id", "escadre.attack_version"):
        made.pop(name, None)  # type: ignore[misc]  # keys of a TypedDict in a loop
    identity = "\0".join(("finding", finding["escadre.collection"], finding["host.name"], FILE.id, path))
    return {
        **made,
        "rule.id": FILE.id,
        "rule.name": FILE.name,
        "rule.category": FILE.category,
        "rule.reference": FILE.reference,
        "event.severity": SEVERITIES.index(severity) + 1,
        "escadre.severity": severity,
        "message": f"{_STARTED(values)} {finding['message']}" if evidence else _NAMED(values),
        "escadre.reason": f"{short(path)} was collected, and the command of a finding of {finding['escadre.severity']} severity names it.",
        "escadre.matched": {"file.path": path},
        "escadre.group": path,
        "target": {**file_target(path), "file": facts},
        "escadre.id": blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(),
        "escadre.cause": finding["escadre.id"],
    }


def file_target(path: str) -> FindingTarget:
    """Return the target of a finding on a file."""
    return {"mechanism": FILE.id, "kind": "file", "remove": "FQ", "path": path, "name": last_name(path), "payload": []}
