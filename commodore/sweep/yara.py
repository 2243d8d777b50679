"""YARA rules in the raw sweep: the rules of a run, and their matches as the fields of a record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from commodore.hits import DetectionRule
from scout.formats.yara_rules import RuleText, YaraMatch, YaraRules, external

MOST = 256 << 20
"""bytes of a member or layer that is compared with rules: it is held in memory where it is not a plain file"""
TIMEOUT = 20
"""seconds that all rules together may take on one member, then each file of rules alone"""
PREFIX = "yara:"
_DEFAULT_SCORE = 75
"""of a rule without a score, as THOR's manual has it ("Scoring")"""
_SEVERITIES = ((75, "high"), (60, "medium"), (40, "low"), (0, "informational"))
"""score from which → severity"""


class RunRules:
    """The YARA rules of a run."""

    def __init__(self, texts: list[RuleText], cache: Path | None) -> None:
        self.rules = YaraRules(texts, cache)
        self.names = frozenset(text.name for text in texts)

    def match(self, data: bytes | Path, path: str, head: bytes, facts: Mapping[str, Any], failed: list[str]) -> Iterator[dict[str, Any]]:
        """Yield the fields of a record for each rule that matches. `facts`: of the file, as custody has them."""
        known = external(path, head, str(facts.get("owner") or ""))
        for match in self.rules.match(data, known, TIMEOUT, failed):
            yield self._fields(match)

    def _fields(self, match: YaraMatch) -> dict[str, Any]:
        rule = _rule(match.rule, match.meta)
        first = match.strings[0] if match.strings else None
        out: dict[str, Any] = {
            "rule.id": rule.id,
            "rule.name": rule.name,
            "rule.category": rule.category,
            "rule.author": list(rule.author),
            "rule.license": rule.license,
            "rule.reference": rule.reference,
            "rule.ruleset": rule.ruleset,
            "rule.description": rule.description,
            "event.risk_score": float(_score(match.meta)),
            "escadre.sweep.strings": [f"{name} at {offset}: {_shown(data)}" for name, offset, data in match.strings],
        }
        if first is not None:
            out |= {"escadre.sweep.offset": first[1], "escadre.sweep.text": _shown(first[2])}
        return {name: value for name, value in out.items() if value not in ("", [])}

    def rule(self, id_: str) -> DetectionRule | None:
        """Return a rule by the id of its findings (`yara:file:name`); None where no rule has it."""
        file, _, name = id_.removeprefix(PREFIX).rpartition(":")
        if not id_.startswith(PREFIX) or file not in self.names:
            return None
        meta = self.rules.meta(file, name)
        return None if meta is None else _rule(f"{file}:{name}", meta)


def _rule(id_: str, meta: Mapping[str, Any]) -> DetectionRule:
    file, _, name = id_.rpartition(":")
    said = {str(key).lower(): str(value) for key, value in meta.items()}
    return DetectionRule(
        PREFIX + id_,
        name,
        "yara",
        next(word for least, word in _SEVERITIES if _score(meta) >= least),
        author=(said["author"],) if said.get("author") else (),
        license=said.get("license", ""),
        reference=said.get("reference", said.get("reference1", "")),
        ruleset=file,
        description=said.get("description", ""),
    )


def _score(meta: Mapping[str, Any]) -> int:
    score = meta.get("score", _DEFAULT_SCORE)
    return min(max(score, 0), 100) if isinstance(score, int) and not isinstance(score, bool) else _DEFAULT_SCORE


def _shown(data: bytes) -> str:
    """Return the bytes of a string as text: as UTF-16 where every other byte is zero, else as UTF-8; what is neither as escapes."""
    if len(data) > 1 and not any(data[1::2]):
        data = data[::2]
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in data.decode("utf-8", "backslashreplace"))


def read_for_rules(size: int) -> str:
    """Return why a member of this size is not compared with rules; '' where it is."""
    return f"not compared with YARA rules: more than {MOST >> 20} MiB" if size > MOST else ""
