"""The interface of detection for the engine: load once, match in every worker, fold into findings."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from commodore.artefact import Artefact
from commodore.case.site import SiteKnowledge
from commodore.detection import losses, sequences
from commodore.detection.findings import SAID, TELLING, folded
from commodore.detection.sigma.files import rule_files
from commodore.detection.sigma.matcher import DatasetMatcher, SigmaMatcher
from commodore.detection.sigma.pack import RulePack, build, default_cache, load
from commodore.detection.sigma.sources import families, places_of
from commodore.evidence import Evidence
from commodore.finding import Finding
from commodore.hits import DetectionRule, Hit, Refusal
from commodore.host import Host
from commodore.persistence import judge
from commodore.persistence.judge import PersistenceJudge
from commodore.persistence.links import link_hits
from commodore.persistence.members import Members
from commodore.persistence.targets import completed, file_target
from commodore.sentence import short
from commodore.sweep import blobs
from commodore.sweep.found import DATASET, INDICATORS, YARA, Border
from commodore.sweep.ioc import Indicators
from commodore.sweep.search import MemberSweep
from commodore.sweep.yara import RunRules
from scout.formats.indicators import read_file
from scout.formats.yara_rules import ENDINGS, rule_texts

if TYPE_CHECKING:
    from commodore.sweep.finder import FoundInUnit

FOREIGN = DetectionRule("swept", "Found by a sweep of SCOUT", "ioc", "high")
"""the rule of what a sweep on the live host found, with rules that this run may not have"""


class Detection:
    """Rules, indicators and the persistence table, ready to match.

    yara        number of YARA rules
    loaded      number of Sigma rules that records of some dataset can match
    without_source  `{file, rule, title, reason}` for each Sigma rule that was read and that no record can match
    indicators  number of indicators
    refused     `{file, line, reason}` for each rule and indicator that was not understood
    site        what the site knows of its hosts
    digest      SHA-256 over everything that changes the result: rules, log sources, indicators, persistence table, rules on sequences
    """

    def __init__(
        self,
        pack: RulePack,
        indicators: Indicators,
        refused: list[Refusal],
        site: SiteKnowledge | None = None,
        yara: RunRules | None = None,
    ) -> None:
        self.site = site or SiteKnowledge()
        self._yara = yara
        self.yara = len(yara.rules) if yara else 0
        refused = [*refused, *(Refusal(*r) for r in yara.rules.refused)] if yara else refused
        self._matcher, self._indicators, self._judge = SigmaMatcher(pack), indicators, PersistenceJudge()
        self._sequences = {found.rule.id: found.rule for found in sequences.rules()}
        self._numbers = {pack.rule(n).id: n for n in range(len(pack))}
        self.loaded, self.indicators = len(pack) - len(pack.sourceless), len(indicators)
        rules = {number: pack.rule(number) for number in pack.sourceless}
        self.without_source = [
            {"file": rule.ruleset, "rule": rule.id, "title": rule.name, "reason": pack.sourceless[number]} for number, rule in rules.items()
        ]
        self.refused = [r.as_dict() for r in (*pack.refused, *refused)]
        parts = (pack.digest, self._judge.digest, losses.digest(), sequences.digest())
        identity = hashlib.sha256("".join(f"{part}\n" for part in parts).encode())
        identity.update(self.site.digest.encode())
        for x in indicators.all:
            identity.update(f"{x.type}:{x.value}\n".encode("utf-8", "surrogatepass"))
        if yara is not None:
            identity.update(yara.rules.digest.encode())
        self.digest = identity.hexdigest()

    @classmethod
    def load(
        cls, rules: Iterable[Path] = (), iocs: Iterable[Path] = (), cache: Path | None = None, site: SiteKnowledge | None = None
    ) -> Self:
        """Read rule directories or files and indicator lists; `cache`: folder of compiled rules (None: the user's cache directory).

        With neither, only the persistence table and the rules on sequences run. Raises Complaint for a path that is not there or cannot be
        read.
        """
        paths = [Path(p) for p in rules]
        folder = cache or default_cache()
        files, texts = rule_files(paths), rule_texts(path for path in paths if not path.is_file() or path.suffix.lower() in ENDINGS)
        pack = load(files, folder) if files else RulePack(*build(()), "")
        yara = RunRules(texts, folder.with_name("yara") if folder else None) if texts else None
        read = [read_file(Path(p)) for p in iocs]
        found = read[0][0] if len(read) == 1 else list({(x.type, x.value): x for one, _ in reversed(read) for x in reversed(one)}.values())
        refused = [Refusal(*r) for _, problems in read for r in problems]
        return cls(pack, Indicators(found), refused, site, yara)

    @property
    def searches(self) -> tuple[str, ...]:
        """Return the searches in the bytes of members that were asked for (`commodore.sweep`)."""
        return (INDICATORS,) * bool(len(self._indicators)) + (YARA,) * (self._yara is not None)

    def indicator(self, kind: str, value: str) -> str:
        """Return the name of an indicator by kind and value, '' where it is none."""
        number = self._indicators.number(kind, value)
        return "" if number is None else self._indicators.rule(number).name

    def find_each(self, units: Sequence[bytes]) -> list[FoundInUnit]:
        """Return the indicators in the bytes of each of several small members."""
        finder = self._indicators.finder
        return [([], Counter()) for _ in units] if finder is None else finder.find_each(units)

    def swept(self, evidence: Evidence, border: Border, announce: Callable[[], None]) -> MemberSweep | None:
        """Return the search of one member or unit; None where none was asked for. `announce`: called while it goes on."""
        if not self.searches:
            return None
        return MemberSweep(self._indicators, self._yara, evidence, border, announce)

    def match(self, artefact: Artefact, records: Sequence[dict[str, Any]], host: Host) -> list[Hit]:
        """Return the hits on complete records of one artefact, ordered by test, then by record."""
        found: list[Hit] = []
        if artefact.name == DATASET:
            return [self._of_sweep(record, host) for record in records if not record.get("escadre.sweep.known")]
        if matcher := self._matcher.of(artefact.name):
            found += self._sigma(matcher, artefact.confidence, records, host)
        if len(self._indicators) and (artefact.decodes or not artefact.datasets):  # other derived records repeat values of searched ones
            found += self._ioc(artefact, records, host)
        if artefact.name == judge.DATASET:
            found += (hit for record in records for hit in judge.hits(record, host))
        if sequences.reads(artefact.name):
            found += (hit for record in records for hit in sequences.hits(record, artefact, host))
        return found

    def reads(self, dataset: str) -> bool:
        """Return whether some rule or indicator is compared with the records of a dataset, or a log source of Sigma is counted there."""
        ours = self._judge.reads(dataset) or (self._yara is not None and bool(blobs.fields(dataset))) or sequences.reads(dataset)
        return ours or len(self._indicators) > 0 or self._matcher.of(dataset) is not None or dataset in families()

    def of_members(self, lines: Iterable[Mapping[str, Any]], collection: str, host: str) -> Iterator[Hit]:
        """Yield hits of indicators on the hash and path of collected files, read by an artefact or not; `lines`: of the member list."""
        for line in lines if len(self._indicators) else ():
            path = str(line.get("path") or "")
            for number, found, exact in self._indicators.on_member(line):
                rule = self._indicators.rule(number)
                yield Hit(
                    rule.id,
                    "",
                    "",
                    found,
                    group=path if exact else "collected files",
                    reason=f"{short(path)} was collected: {rule.name[:1].lower()}{rule.name[1:]} is in {rule.reference}."
                    if exact
                    else f"Files of this host were collected whose path has {rule.name}.",
                    target=file_target(path) if exact else None,
                    host=host,
                    collection=collection,
                )

    def of_links(
        self, lines: Iterable[Mapping[str, Any]], datasets: Callable[[str], Iterable[str]], collection: str, host: str
    ) -> Iterator[Hit]:
        """Yield hits of the persistence table on links, which are not followed; `datasets`: path below the root → artefacts."""
        return link_hits(lines, datasets, collection, host)

    def of_ledger(
        self, rows: Iterable[Mapping[str, Any]], readers: Callable[[str, str], Iterable[str]], collection: str, host: str
    ) -> Iterator[Hit]:
        """Return hits on ledger lines: contradictory evidence, persistence that was not judged; `readers`: artefacts of a path."""
        return losses.hits(rows, lambda artefact, path: any(map(self._judge.reads, readers(artefact, path))), collection, host)

    def rule(self, id_: str) -> DetectionRule:
        """Return the facts of a rule. Raises KeyError for an id that no loaded rule has."""
        if id_ in self._numbers:
            return self._matcher.pack.rule(self._numbers[id_])
        own = {**losses.rules(), **self._sequences, FOREIGN.id: FOREIGN}
        found = self._judge.rules.get(id_) or self._swept_rule(id_) or own.get(id_)
        if found is None:
            raise KeyError(id_)
        return found

    def findings(self, hits: Iterable[Hit]) -> Iterator[Finding]:
        """Yield one ECS alert per rule, host and group, in an order that does not depend on that of the hits."""
        return folded(hits, self.rule)

    def completed(self, findings: Iterable[Finding], members: Mapping[str, Members]) -> Iterator[Finding]:
        """Yield findings with complete targets, and findings on the files that they start; `members`: collection id → its member list."""
        return completed(findings, members)

    def log_sources(self, dataset: str, records: Sequence[Mapping[str, Any]]) -> set[str]:
        """Return the places of Sigma log sources (channels of event logs; `*` for the dataset as such) that these records come from."""
        return places_of(dataset, records)

    def with_source(self, seen: Mapping[str, Collection[str]]) -> int:
        """Return the number of loaded Sigma rules that have a log source among `seen` (dataset → places of `log_sources`)."""
        return self._matcher.pack.with_source(seen)

    def datasets(self) -> Counter[frozenset[str]]:
        """Count the loaded Sigma rules by the datasets whose records they test."""
        return self._matcher.pack.datasets()

    def _of_sweep(self, record: dict[str, Any], host: Host) -> Hit:
        """Return the hit of a record of the raw sweep, which cites what was parsed at the same place where there is such a record."""
        cited = record.get("escadre.records_used") or [record["escadre.id"]]
        found = {"file.path": record.get("file.path"), "escadre.sweep.text": record.get("escadre.sweep.text")}
        rule, group = record["rule.id"], ""
        if self._swept_rule(rule) is None:
            rule, group = FOREIGN.id, rule
        hit = _hit(record | {"escadre.id": cited[0]}, host, rule, {k: v for k, v in found.items() if v}, "inferred")
        return hit._replace(reason=record["message"], group=group)

    def _swept_rule(self, id_: str) -> DetectionRule | None:
        """Return the rule of a record of the raw sweep; None where another program than this run found it."""
        return (self._yara.rule(id_) if self._yara else None) or self._indicators.rule_of(id_)

    def _sigma(self, matcher: DatasetMatcher, confidence: str, records: Iterable[dict[str, Any]], host: Host) -> Iterator[Hit]:
        for record in records:
            for fired in matcher.fired(record):
                hit = _hit(record, host, matcher.pack.rule(fired.rule).id, fired.matched, confidence)
                yield hit if any(map(fired.matched.get, TELLING)) else hit._replace(said=str(record.get("message") or "")[:SAID])

    def _ioc(self, artefact: Artefact, records: Iterable[dict[str, Any]], host: Host) -> Iterator[Hit]:
        for record in records:
            for number, found in self._indicators.fired(record):
                yield _hit(record, host, self._indicators.rule(number).id, found, artefact.confidence)


def _hit(record: dict[str, Any], host: Host, rule: str, found: dict[str, Any], confidence: str) -> Hit:
    return Hit(
        rule,
        record.get("escadre.id") or "",
        record.get("@timestamp") or "",
        found,
        host=record.get("host.name") or host.name,
        collection=record.get("escadre.collection") or host.collection,
        confidence=confidence,
        action=record.get("event.action") or "",
        success=record.get("event.outcome") == "success",
        line=_line_of(record),
        member=int(record.get("escadre.member") or 0),
    )


def _line_of(record: dict[str, Any]) -> str:
    """Return the identity of a line of a log, '' for other records: a line of settings that two files have is two settings."""
    original = record.get("event.original")
    if not original or record.get("event.kind") != "event":
        return ""
    return hashlib.blake2b(f"{record.get('@timestamp')} {original}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
