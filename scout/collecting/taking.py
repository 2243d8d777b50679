"""Taking one item: open it safely, judge it, keep the limits, write it or say why not. Whatever a file does ends in custody."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scout import live
from scout.archive.custody import WantedItem
from scout.archive.sparse import extents
from scout.archive.writer import ArchiveWriter, Stopped
from scout.collecting import suspicious
from scout.collecting.plan import PlannedItem
from scout.collecting.reading import Reading, changed, left_behind
from scout.collecting.walk import explain, verdict_of
from scout.console import Complaint, megabytes
from scout.sources.directory import DirectorySource
from scout.sources.timed_calls import TimedCalls
from scout.targets import CollectionTarget

AHEAD = 64 << 10
"""bytes that the first read of a file asks for: most files end within"""
_ENDS_PER_SEAL = 2 << 20
"""bytes of heads and tails after which custody is sealed, so that they do not pile up in memory"""


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """Bytes of data per file and in all; 0: none beyond those of the targets."""

    file: int = 0
    total: int = 0


_ENDS_IN_ALL = 64 << 20
"""bytes of heads and tails that one collection keeps: a limit on files must not be passed by what is kept of those beyond it"""


class ItemTaker:
    """Takes items into an archive. `verdicts` counts custody lines, `read` bytes of content that were taken."""

    def __init__(
        self, root: DirectorySource, writer: ArchiveWriter, patience: TimedCalls, limits: SizeLimits, stopped: Callable[[], object]
    ) -> None:
        self._stopped = stopped
        self._root, self._writer, self._patience, self._limits = root, writer, patience, limits
        self.verdicts: Counter[str] = Counter()
        self.read = 0
        self._ends = self._ends_sealed = 0
        self._sampled: Counter[str] = Counter()
        self._counted: Counter[str] = Counter()
        own = writer.path.stat()
        self._own = own.st_dev, own.st_ino

    def live(self, source: str) -> None:
        """Write one live source; what breaks it is in custody, and the lines before that are kept."""
        module = live.load(source)
        verdict = "taken"
        try:
            with self._writer.live(source, module.SCHEMA) as lines:
                for value in module.collect():
                    lines.write(value)
        except (Complaint, Stopped):
            raise
        except Exception:  # whatever it is, it costs one source, and custody says so
            verdict = "error"
        self.verdicts[verdict] += 1

    def missing(self, target: CollectionTarget, source: str) -> None:
        """A wanted path that nothing on the host fits."""
        self._say(WantedItem(source=source, volume=self._root.volume, target=target.id, type="pattern"), "missing", {})

    def take(self, planned: PlannedItem) -> None:
        """Take one item of the plan."""
        item = self._item(planned)
        if planned.verdict:
            self._without_content(item, planned)
            return
        try:
            fd, status = self._patience.call(self._root.open, planned.parts)
        except OSError as e:
            self._without_content(item, planned._replace(verdict=verdict_of(e), error=explain(e)))
            return
        try:
            self._opened(item, planned, fd, status)
        except OSError as e:
            self._say(item, verdict_of(e), {"error": explain(e)})
        finally:
            os.close(fd)

    def _item(self, planned: PlannedItem) -> WantedItem:
        parts = planned.parts
        if planned.stream and parts:
            parts = (*parts[:-1], parts[-1].replace("%3A", ":"))
        source, volume = self._root.native(parts), self._root.volume
        return WantedItem(source=source, volume=volume, target=planned.target.id, group=planned.group, type=planned.type)

    def _without_content(self, item: WantedItem, planned: PlannedItem) -> None:
        more: dict[str, Any] = {"error": planned.error} if planned.error else {}
        try:
            status = self._patience.call(self._root.status, planned.parts)
            item.facts = self._patience.call(self._root.facts, planned.parts, status)
            item.size = status.st_size if stat.S_ISREG(status.st_mode) else 0
            if stat.S_ISLNK(status.st_mode):
                more["link"] = self._patience.call(self._root.link, planned.parts)
        except OSError as e:
            more.setdefault("error", explain(e))
        self._say(item, planned.verdict, more)

    def _opened(self, item: WantedItem, planned: PlannedItem, fd: int, status: os.stat_result) -> None:
        reading = Reading(fd, self._patience)
        item.size = status.st_size
        head = reading.head(suspicious.HEAD if planned.rules else AHEAD)[: suspicious.HEAD] if status.st_size else b""
        chosen, why = self._judged(planned, head)
        if chosen is None:
            return
        item.target = chosen.id
        item.facts = self._patience.call(self._root.facts, planned.parts, status, fd)
        if why:
            item.facts = {**item.facts, "why": why}
        if suspicious.secret(head):
            self._say(item, "blocked", {"error": "secret material (a private key): listed, never taken"})
        elif (status.st_dev, status.st_ino) == self._own:
            self._say(item, "blocked", {"error": "the archive that is being written"})
        else:
            self._measured(item, chosen, reading, status)

    def _judged(self, planned: PlannedItem, head: bytes) -> tuple[CollectionTarget | None, str]:
        """The target that takes the file, and why; a file that only rules want is taken by the first that finds it suspicious."""
        if not planned.rules:
            return planned.target, ""
        for target in planned.rules:
            why = suspicious.judge(target.rule, planned.parts[-1], head) if target.rule is not None else ""
            if why:
                return target, why
        return None, ""

    def _measured(self, item: WantedItem, target: CollectionTarget, reading: Reading, status: os.stat_result) -> None:
        if getattr(status, "st_blocks", 1 << 60) * 512 < status.st_size:
            item.extents = extents(reading.fd, status.st_size)
            reading.seek(0)
        data = status.st_size if item.extents is None else sum(length for _, length in item.extents)
        reason = self._over(target, data)
        if reason:
            self._leave(item, reading, reason)
            return
        line = self._writer.add(item, reading, lambda: changed(status, os.fstat(reading.fd)))
        self.verdicts[line["verdict"]] += 1
        self.read += data
        if target.rule is not None:
            self._sampled[target.id] += data
            self._counted[target.id] += 1

    def _over(self, target: CollectionTarget, data: int) -> str:
        """Which limit a file of so many bytes would break; '' for none."""
        rule = target.rule
        limits = [
            (target.cap, data, "per file"),
            (self._limits.file, data, "per file (--max-file)"),
            (self._limits.total, self.read + data, "in all (--max-total)"),
        ]
        if rule is not None:
            limits.append((rule.total, self._sampled[target.id] + data, f"in all of {target.id}"))
            if self._counted[target.id] >= rule.count:
                return f"over the limit of {rule.count:,} files of {target.id}"
        return next((f"over the limit of {megabytes(limit)} {what}" for limit, value, what in limits if limit and value > limit), "")

    def _leave(self, item: WantedItem, reading: Reading, reason: str) -> None:
        more = left_behind(reading, item.size, item.extents, self._stopped)
        more["error"] = "; ".join(filter(None, (reason, more.get("error", ""))))
        ends = len(more["head"]) + len(more.get("tail", b""))
        if self._ends + ends > _ENDS_IN_ALL:
            del more["head"]
            more.pop("tail", None)
            more["error"] += f"; head and tail left out: {megabytes(_ENDS_IN_ALL)} of others are kept"
        else:
            self._ends += ends
        self._say(item, "over limit", more)
        if self._ends - self._ends_sealed >= _ENDS_PER_SEAL and item.group is None:
            self._writer.seal()
            self._ends_sealed = self._ends

    def _say(self, item: WantedItem, verdict: str, more: Mapping[str, Any]) -> None:
        self._writer.verdict(item, verdict, **more)
        self.verdicts[verdict] += 1
