"""Findings on what the ledger says: evidence that contradicts itself as tampering would, and persistence that was not judged.

A contradiction is a `Problem` with a `kind`. A file `<kind>.yaml` in this folder makes a finding of it; a kind without a file stays a
line of the ledger. There is no list to extend.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from commodore.finding import SEVERITIES
from commodore.hits import DetectionRule, Hit
from commodore.record import FAILED, UNREAD
from commodore.sentence import sentence, short
from scout.data import parse_yaml

_KEYS = frozenset({"name", "severity", "attack", "description", "reference", "false_positives"})
_FOUND = sentence("{path!q}: {reason}.")
_UNJUDGED = sentence("Persistence was not judged in {path!q}[ ({artefact})]: {reason}.")
UNJUDGED = "persistence-not-judged"
"""rule of lost evidence that the persistence table would have judged"""


@cache
def rules() -> dict[str, DetectionRule]:
    """Return the rules of this folder by kind. Raises ValueError for a file of another form."""
    found = {}
    for file in sorted(files(__package__).iterdir(), key=lambda f: f.name):
        if file.name.endswith(".yaml"):
            kind = file.name.removesuffix(".yaml")
            found[kind] = _rule(kind, parse_yaml(file.read_text(encoding="utf-8")))
    return found


@cache
def digest() -> str:
    """Return the identity of the rules of this folder."""
    return hashlib.sha256(repr(sorted(rules().items())).encode()).hexdigest()


def _rule(kind: str, text: Any) -> DetectionRule:
    if not isinstance(text, dict) or text.keys() != _KEYS:
        raise ValueError(f"{kind}.yaml: the keys must be {', '.join(sorted(_KEYS))}")
    if text["severity"] not in SEVERITIES or not all(re.fullmatch(r"T\d{4}(\.\d{3})?", t) for t in text["attack"]):
        raise ValueError(f"{kind}.yaml: severity or attack")
    return DetectionRule(
        kind,
        text["name"],
        "integrity",
        text["severity"],
        reference=text["reference"],
        ruleset="integrity",
        techniques=tuple(text["attack"]),
        description=text["description"],
    )


def hits(rows: Iterable[Mapping[str, Any]], judged: Callable[[str, str], bool], collection: str, host: str) -> Iterator[Hit]:
    """Yield hits on lines of a ledger: per kind and file one finding.

    `judged`: whether the persistence table reads what an artefact ('': any that the path names) makes of a path.
    """
    known = rules()
    for row in rows:
        artefact, path, reason = str(row["artefact"] or ""), str(row["path"]), str(row["reason"] or "").rstrip(".")
        matched = {"file.path": path, "escadre.locator": str(row["locator"] or "")}
        kind = row.get("kind", "")
        if kind in known:
            words = _FOUND({"path": short(path), "reason": reason})
            yield Hit(kind, "", "", matched, group=path, reason=words, host=host, collection=collection)
        if (kind in (FAILED, UNREAD) or _gone(row)) and judged(artefact, path):
            words = _UNJUDGED({"path": short(path), "artefact": artefact, "reason": reason})
            yield Hit(UNJUDGED, "", "", matched, group=path, reason=words, host=host, collection=collection)


def _gone(row: Mapping[str, Any]) -> bool:
    """Whether a file gave nothing, and the reason concerns all of it: a reason with a locator concerns a line that its program refuses."""
    return bool(row["lost"]) and row["parsed"] == 0 and not row["carved"] and not row["locator"]
