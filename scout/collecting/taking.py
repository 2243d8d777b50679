"""Take one item: open it safely, judge it, check the limits, write it or record why not. Every outcome ends in a custody line."""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from scout import live
from scout.archive.custody import WantedItem
from scout.archive.writer import ArchiveWriter, Stopped
from scout.collecting import filelist, manners, secrets, suspicious
from scout.collecting.duplicates import KnownContents
from scout.collecting.filelist import FileList
from scout.collecting.plan import MissingPath
from scout.collecting.planned import PlannedItem
from scout.collecting.reading import Reading, changed, left_behind
from scout.collecting.walk import explain, verdict_of
from scout.console import Complaint, megabytes
from scout.sources.source import EvidenceSource, Parts, SourceFile
from scout.sources.timed_calls import CallTimedOut, TimedCalls
from scout.targets import CollectionTarget

AHEAD = 64 << 10
"""bytes of the first read of a file: most files are shorter"""
LIVE_SECONDS = 120.0
"""time that a live source may take for its next object: a call of the host may hang"""
LIVE_SECONDS_IN_ALL = 600.0
"""time of one live source"""
MOST_DIFFERENCES = 1_000
_OVER = "over the limit of "
_ENDS_PER_SEAL = 2 << 20
"""bytes of heads and tails after which custody is sealed, so that they do not pile up in memory"""


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """Bytes of data per file and in all; 0: none beyond those of the targets."""

    file: int = 0
    total: int = 0
    free: int = 0
    """bytes that stay free where the archive is"""


_ENDS_IN_ALL = 64 << 20
"""bytes of heads and tails that one collection stores: they must not add up to more than the limit that they replace"""


class ItemTaker:
    """Takes items into an archive. `verdicts` counts custody lines; `read` counts bytes of content that were taken."""

    def __init__(self, writer: ArchiveWriter, timed: TimedCalls, limits: SizeLimits, stopped: Callable[[], object]) -> None:
        self._stopped = stopped
        self._writer, self._timed, self._limits = writer, timed, limits
        self.verdicts: Counter[str] = Counter()
        self.over: Counter[str] = Counter()
        """items left behind, by the limit that they exceed"""
        self.differences: dict[str, list[str]] = {}
        """live source → sentences: what two ways of asking the host answer differently, at most `MOST_DIFFERENCES` of each"""
        self.lists = 0
        """lists of files among those taken: SCOUT makes them itself, they hold no content of the host"""
        self.read = 0
        self._ends = self._ends_sealed = 0
        self.known: KnownContents | None = None
        """what was taken before, where shadow copies are read"""
        self._sampled: Counter[str] = Counter()
        self._counted: Counter[str] = Counter()
        own = writer.path.stat() if writer.sink is None else None
        self._own = (own.st_dev, own.st_ino) if own is not None else None

    def live(self, source: str, system: str) -> None:
        """Write one live source. An error, or no answer in time, ends it; custody records that, and the lines before are kept."""
        module = live.load(source, system)
        compare: Callable[[Mapping[str, Any]], str] | None = getattr(module, "difference", None)
        verdict, patience, started = "taken", TimedCalls(LIVE_SECONDS), monotonic()
        try:
            with self._writer.live(source, module.SCHEMA) as lines:
                listed = patience.call(lambda: iter(module.collect()))
                while (value := patience.call(next, listed, None)) is not None:
                    lines.write(value)
                    if compare is not None and "error" not in value and (said := compare(value)):
                        self._differs(source, said)
                    if monotonic() - started > LIVE_SECONDS_IN_ALL:
                        raise CallTimedOut(f"it took longer than {LIVE_SECONDS_IN_ALL:g} s: the rest was not asked for")
        except (Complaint, Stopped):
            raise
        except Exception:  # whatever it is, it costs one source, and custody says so
            verdict = "error"
        patience.close()
        self.verdicts[verdict] += 1

    def _differs(self, source: str, said: str) -> None:
        found = self.differences.setdefault(source, [])
        if len(found) < MOST_DIFFERENCES:
            found.append(said)

    def files(self, listing: FileList) -> None:
        """Write the list of the files of a volume, as far as its bounds allow."""
        verdict = "taken"
        try:
            with self._writer.live(filelist.NAME, filelist.SCHEMA) as lines:
                for value in listing:
                    lines.write(value)
                lines.cut = listing.cut
        except (Complaint, Stopped):
            raise
        except Exception:  # whatever it is, it costs the list, and custody says so
            verdict = "error"
        verdict = "over limit" if listing.cut else verdict
        self.verdicts[verdict] += 1
        self.lists += verdict == "taken"

    def hits(self, source: str, schema: int, lines: Iterable[Mapping[str, Any]]) -> None:
        """Write the list of what a sweep found."""
        with self._writer.live(source, schema) as out:
            for line in lines:
                out.write(line)
        self.verdicts["taken"] += 1
        self.lists += 1

    def missing(self, missing: MissingPath) -> None:
        """Record a wanted path that nothing on the host matches."""
        item = WantedItem(source=missing.native, volume=missing.source.volume, target=missing.target.id, type="pattern")
        self._record(item, "missing", {})

    def gap(self, source: EvidenceSource, path: str, error: str) -> None:
        """Record that a file which names the host, its users or their homes was not read completely."""
        self._record(WantedItem(source=path, volume=source.volume, type="facts"), "over limit", {"error": error})

    def problem(self, source: EvidenceSource, parts: Parts, error: str) -> None:
        """Record that a folder (or the volume) could not be listed completely."""
        item = WantedItem(source=source.native(parts), volume=source.volume, type="directory", method=source.method)
        self._record(item, "error", {"error": error})

    def unread(self, name: str, where: str, why: str) -> None:
        """Record a volume, or a part of a disk, that is not read."""
        self._record(WantedItem(source=where, volume=name, type="volume", method="image", path=""), "blocked", {"error": why})

    def take(self, planned: PlannedItem, opened: Callable[[], SourceFile | None] = lambda: None) -> None:
        """Take one item of the plan. `opened()` returns its file where it is open already; it may raise OSError."""
        item = self._item(planned)
        try:
            file = opened()
            if planned.verdict:
                self._without_content(item, planned)
                return
            file = file or self._timed.call(planned.source.open, planned.parts)
        except OSError as e:
            self._without_content(item, planned._replace(verdict=verdict_of(e), error=explain(e)))
            return
        try:
            self._opened(item, planned, file)
        except OSError as e:
            self._record(item, verdict_of(e), {"error": explain(e)})
        finally:
            file.close()

    def refused(self, item: WantedItem, verdict: str, error: str) -> None:
        """Record a wanted item that could not be opened."""
        self._record(item, verdict, {"error": error})

    def running(self, item: WantedItem, target: CollectionTarget, file: SourceFile) -> None:
        """Take the program of a running process."""
        reading, item.size, item.method = Reading(file, self._timed), file.status.st_size, file.method
        try:
            reading.head(AHEAD)
            self._measured(item, None, target, reading, file)
        except OSError as e:
            self._record(item, verdict_of(e), {"error": explain(e)})

    def _item(self, planned: PlannedItem) -> WantedItem:
        parts = planned.parts
        if planned.stream and parts:
            parts = (*parts[:-1], parts[-1].replace("%3A", ":"))
        of, target = planned.source, planned.target.id
        source = of.native(parts)
        return WantedItem(source=source, volume=of.volume, target=target, group=planned.group, type=planned.type, method=of.method)

    def _without_content(self, item: WantedItem, planned: PlannedItem) -> None:
        more: dict[str, Any] = {"error": planned.error} if planned.error else {}
        if planned.verdict == "over limit":
            self.over[planned.error.removeprefix(_OVER).partition(":")[0]] += 1
        try:
            status = self._timed.call(planned.source.status, planned.parts)
            item.facts = {**self._timed.call(planned.source.facts, planned.parts, status), **(planned.facts or {})}
            item.size = status.st_size if stat.S_ISREG(status.st_mode) else 0
            if stat.S_ISLNK(status.st_mode):
                more["link"] = self._timed.call(planned.source.link, planned.parts)
        except OSError as e:
            more.setdefault("error", explain(e))
        self._record(item, planned.verdict, more)

    def _opened(self, item: WantedItem, planned: PlannedItem, file: SourceFile) -> None:
        reading, status = Reading(file, self._timed), file.status
        item.size, item.method = status.st_size, file.method
        head = reading.head(suspicious.HEAD if planned.rules else AHEAD) if status.st_size else b""
        chosen, why = self._judged(planned, head[: suspicious.HEAD])
        if chosen is None:
            return
        item.target = chosen.id
        of_file = self._timed.call(file.facts)
        item.facts = {**of_file, **self._timed.call(planned.source.facts, planned.parts, status), **(planned.facts or {})}
        if why:
            item.facts = {**item.facts, "why": why}
        if what := secrets.found(head, lambda: reading.longer_head(secrets.MAX_FILE), status.st_size):
            self._record(item, "blocked", {"error": f"secret material ({what}): listed, never taken"})
        elif chosen.rule is not None and chosen.rule.listed:
            self._list(item, chosen, reading, why)
        elif (status.st_dev, status.st_ino) == self._own:
            self._record(item, "blocked", {"error": "the archive that is being written"})
        else:
            self._measured(item, planned, chosen, reading, file)

    def _list(self, item: WantedItem, target: CollectionTarget, reading: Reading, why: str) -> None:
        """Record a file that a rule only lists: with its hash, as long as the limits of the rule allow; nothing of its content."""
        hashes, error = {}, f"only listed, by the rule of {target.id}: {why}"
        over = self._over(target, item.size)
        if over:
            error += f"; not hashed: {over}"
        else:
            more = left_behind(reading, item.size, reading.extents(), self._stopped)
            hashes = {key: value for key, value in more.items() if key.startswith("sha256")}
        self._sampled[target.id] += 0 if over else item.size
        self._counted[target.id] += 1
        self._record(item, "blocked", {**hashes, "error": error})

    def _judged(self, planned: PlannedItem, head: bytes) -> tuple[CollectionTarget | None, str]:
        """Return the target that takes the file, and why. A file that only rules want goes to the first that finds it suspicious."""
        if not planned.rules:
            return planned.target, ""
        for target in planned.rules:
            if target.rule is not None and (target.rule.crowd or target.rule.changed):
                return target, str((planned.facts or {}).get("why", ""))
            why = suspicious.judge(target.rule, planned.parts[-1], head) if target.rule is not None else ""
            if why:
                return target, why
        return None, ""

    def _measured(
        self, item: WantedItem, planned: PlannedItem | None, target: CollectionTarget, reading: Reading, file: SourceFile
    ) -> None:
        status = file.status
        item.extents = reading.extents()
        data = status.st_size if item.extents is None else sum(length for _, length in item.extents)
        reason = self._over(target, data)
        if reason:
            self._leave(item, reading, reason)
            return
        same = self.known.same(planned, reading, item.size, item.extents) if self.known is not None and planned is not None else None
        if same is not None:
            self._record(item, "duplicate", same)
            return
        line = self._writer.add(item, reading, lambda: changed(status, file.status_now()))
        self.verdicts[line["verdict"]] += 1
        if self.known is not None:
            self.known.note(line, item.extents)
        self.read += data
        if target.rule or target.referenced or target.images:
            self._sampled[target.id] += data
            self._counted[target.id] += 1

    def _over(self, target: CollectionTarget, data: int) -> str:
        """Return which limit a file with `data` bytes would exceed; '' for none."""
        rule = target.rule or target.referenced or target.images
        limits = [
            (target.cap, data, f"per file of {target.id}"),
            (self._limits.file, data, "per file (--max-file)"),
            (self._limits.total, self.read + data, "in all (--max-total)"),
        ]
        if self._limits.free and manners.free(self._writer.path.parent) - data < self._limits.free:
            return f"over the limit of {megabytes(self._limits.free)} that stay free at the output (--min-free)"
        if rule is not None:
            limits.append((rule.total, self._sampled[target.id] + data, f"in all of {target.id}"))
            if self._counted[target.id] >= rule.count:
                return f"over the limit of {rule.count:,} files of {target.id}"
        return next((f"over the limit of {megabytes(limit)} {what}" for limit, value, what in limits if limit and value > limit), "")

    def _leave(self, item: WantedItem, reading: Reading, reason: str) -> None:
        more = left_behind(reading, item.size, item.extents, self._stopped)
        self.over[reason.removeprefix(_OVER)] += 1
        more["error"] = "; ".join(filter(None, (reason, more.get("error", ""))))
        ends = len(more["head"]) + len(more.get("tail", b""))
        if self._ends + ends > _ENDS_IN_ALL:
            del more["head"]
            more.pop("tail", None)
            more["error"] += f"; head and tail left out: {megabytes(_ENDS_IN_ALL)} of others are stored"
        else:
            self._ends += ends
        self._record(item, "over limit", more)
        if self._ends - self._ends_sealed >= _ENDS_PER_SEAL and item.group is None:
            self._writer.seal()
            self._ends_sealed = self._ends

    def _record(self, item: WantedItem, verdict: str, more: Mapping[str, Any]) -> None:
        self._writer.verdict(item, verdict, **more)
        self.verdicts[verdict] += 1
