"""Compile a rule pack into the form that workers use, and cache it.

The cache file holds data, no code: one JSON document (for dispatch and prefilter), then the normal form of each rule, which is parsed
when the rule is first needed. The file name is the hash of rules, log source table and format; a file that does not match is built again.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from commodore.detection.sigma.files import RuleFile, digest, rules
from commodore.detection.sigma.nodes import Node
from commodore.detection.sigma.prefilter import event_ids, needed
from commodore.detection.sigma.rule import SigmaRule
from commodore.detection.sigma.sources import places, settled, table
from commodore.hits import DetectionRule, Refusal

FORMAT = "escadre sigma 2"
KEEP = 8


class PackRow(NamedTuple):
    """One rule in one source. `codes`: event ids, empty = any. `texts`: one of them must occur; None = always look."""

    source: int
    rule: int
    codes: tuple[str, ...]
    texts: list[str] | None


class RulePack:
    """Rules ready for dispatch. `digest`: identity of their files. `sourceless`: rules that no record can match → why."""

    def __init__(self, head: dict[str, Any], body: bytes, digest_: str) -> None:
        self.digest = digest_
        self.rows = [PackRow(s, r, tuple(c), t) for s, r, c, t in head["rows"]]
        self.refused = [Refusal(*r) for r in head["refused"]]
        self.sourceless = {int(number): str(reason) for number, reason in head["sourceless"]}
        self._rules, self._ends, self._body = head["rules"], head["ends"], body

    def __len__(self) -> int:
        return len(self._rules)

    def rule(self, number: int) -> DetectionRule:
        """Return the facts of a rule that a finding carries."""
        id_, title, level, author, license_, reference, techniques, file = self._rules[number]
        return DetectionRule(id_, title, "sigma", level, (author,) if author else (), license_, reference, file, tuple(techniques))

    def datasets(self) -> Counter[frozenset[str]]:
        """Count the rules by the datasets whose records they test."""
        sources = table().sources
        found: dict[int, set[str]] = {}
        for row in self.rows:
            found.setdefault(row.rule, set()).add(sources[row.source].family.dataset)
        return Counter(map(frozenset, found.values()))

    def with_source(self, seen: Mapping[str, Collection[str]]) -> int:
        """Return the number of rules with a log source among `seen`: dataset → places, as `places_of` returns them."""
        sources = table().sources
        there = {n for n, s in enumerate(sources) if not frozenset(seen.get(s.family.dataset, ())).isdisjoint(s.places)}
        return len({row.rule for row in self.rows if row.source in there})

    def node(self, number: int) -> Node:
        """Return the normal form of a rule."""
        node: Node = orjson.loads(self._body[self._ends[number] : self._ends[number + 1]])
        return node


def load(files: list[RuleFile], cache: Path | None) -> RulePack:
    """Return the pack of these files, from the cache where it has them. `cache`: its folder; None: no cache."""
    identity = digest(files)
    key = hashlib.sha256(b"\0".join((FORMAT.encode(), identity.encode(), table().text, _code()))).hexdigest()
    path = cache / f"{key[:40]}.sigma" if cache else None
    if path:
        with suppress(OSError, ValueError, KeyError, TypeError, IndexError):
            return _stored(path, key, identity)
    head, body = build(rules(files))
    if path:
        _store(path, key, head, body)
    return RulePack(head, body, identity)


def build(items: Iterable[SigmaRule | Refusal]) -> tuple[dict[str, Any], bytes]:
    """Return head and body of a pack."""
    refused: list[Refusal] = []
    listed: list[list[Any]] = []
    rows: list[list[Any]] = []
    sourceless: list[list[Any]] = []
    ends, body = [0], bytearray()
    sources = table().sources
    for item in items:
        if isinstance(item, Refusal):
            refused.append(item)
            continue
        number = len(listed)
        listed.append([item.id, item.title, item.level, item.author, item.license, item.reference, item.techniques, item.file])
        body += orjson.dumps(item.node)
        ends.append(len(body))
        reason = "" if (fed := places(item.logsource)) else f"no dataset feeds the log source {_named(item.logsource)}"
        asked = len(rows)
        for place in fed:
            node = settled(item.node, sources[place])
            if node[0] == "false":
                continue
            ids, own = event_ids(node, sources[place].family), sources[place].codes
            codes = own if ids is None else ids & own if own else ids
            if codes or (ids is None and not own):
                rows.append([place, number, sorted(codes), needed(node, sources[place].family)])
        if asked == len(rows):
            reason = reason or f"it tests fields or event ids that records of the log source {_named(item.logsource)} never have"
            sourceless.append([number, reason])
    return {"sourceless": sourceless, "refused": [list(r) for r in refused], "rules": listed, "ends": ends, "rows": rows}, bytes(body)


def _named(logsource: tuple[str, str, str]) -> str:
    return ", ".join(f"{key}: {name}" for key, name in zip(("product", "category", "service"), logsource, strict=True) if name)


def _code() -> bytes:
    """Return a hash of the modules here: the normal form depends on them."""
    whole = hashlib.sha256()
    for module in sorted(Path(__file__).parent.rglob("*.py")):
        whole.update(module.read_bytes())
    return whole.digest()


def default_cache() -> Path | None:
    """Return the user's cache directory for this program; None for a user without a home."""
    try:
        return _cache_root() / "escadre" / "sigma"
    except RuntimeError:
        return None


def _cache_root() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _store(path: Path, key: str, head: dict[str, Any], body: bytes) -> None:
    """Write to a temporary file, then rename it. A cache that cannot be written is ignored."""
    raw = orjson.dumps(head)
    seal = hashlib.sha256(raw + body).hexdigest()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".sigma")
        with os.fdopen(handle, "wb") as out:
            out.write(b"%s %s %d\n" % (key.encode(), seal.encode(), len(raw)) + raw + body)
        Path(name).replace(path)
        for old in sorted(path.parent.glob("*.sigma"), key=lambda p: p.stat().st_mtime)[:-KEEP]:
            old.unlink(missing_ok=True)


def _stored(path: Path, key: str, identity: str) -> RulePack:
    """Return the pack of a cache file. Raises ValueError where the file does not match; the pack is then built again."""
    first, _, rest = path.read_bytes().partition(b"\n")
    found, seal, length = first.decode("ascii").split(" ")
    if found != key or hashlib.sha256(rest).hexdigest() != seal:
        raise ValueError(path)
    size = int(length)
    return RulePack(orjson.loads(rest[:size]), rest[size:], identity)
