"""Judge a line of a settings file by traits that its row lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.linux import HIDDEN_LINE, line_target
from commodore.persistence.suspicion import Suspicion, encodable
from commodore.sentence import sentence, short
from scout.bounded import searcher, together

_REASON = sentence("{name}: {path} (line {number}) has {line!q}[ ({scope})]: {words}[ ({ignored})]; expected: {expected}.")
LONGEST = 8192
"""characters of a line that are searched"""


@dataclass(frozen=True, slots=True)
class LineTraits:
    """Traits of each severity, as `words: pattern`: a clause about the line, and an RE2 pattern without case."""

    high: tuple[str, ...]
    medium: tuple[str, ...]
    low: tuple[str, ...]


class _Compiled(NamedTuple):
    traits: list[tuple[Suspicion, str]]
    """what each says, and its pattern"""
    within: Callable[[str], list[int]]
    """text → numbers of the traits that it has"""


@lru_cache(maxsize=64)
def _compiled(options: LineTraits) -> _Compiled:
    found = []
    for severity, texts in (("high", options.high), ("medium", options.medium), ("low", options.low)):
        for text in texts:
            words, _, pattern = text.partition(": ")
            found.append((Suspicion(severity, words), f"(?i){pattern}"))
    return _Compiled(found, together(pattern for _, pattern in found))


def judge(row: RowText, entry: AutostartEntry, options: LineTraits) -> Judgement | None:
    """Judge the line by the worst trait that it has; of a file that is as its package brought it, by the grave ones alone."""
    line = entry.text("escadre.line")
    joined = entry.texts("escadre.settings")  # with the lines that this one is joined with
    texts = [encodable(text[:LONGEST]) for text in (line, *joined)]
    known = _compiled(options)
    present = sorted({number for text in texts for number in known.within(text)})
    found = [("it", known.traits[number][0]) for number in present]
    path = entry.text("file.path")
    if path.startswith("/") and entry.context.files.of(path).vouched:
        found = [(subject, suspicion) for subject, suspicion in found if suspicion.severity == "high"]
    elif entry.record.get("escadre.line_hidden"):
        found.append(HIDDEN_LINE)
    severity, words = worst(found, "low") or EXPECTED
    number = entry.record.get("escadre.line_number")
    shown = joined[0] if line.endswith("\\") and joined else line.strip()
    reason = _REASON(
        {
            "name": row.name,
            "path": short(path),
            "number": number,
            "line": short(shown),
            "words": words,
            "expected": row.expected,
            "scope": entry.text("escadre.scope"),
            "ignored": entry.text("escadre.startup.passed_over"),
        }
    )
    named = entry.text("file.target_path")
    target = line_target(entry, path.rsplit("/", 1)[-1], [named] if named.startswith("/") else [])
    if path.endswith(".json"):  # there a line may be the whole document
        shown = next((m[0] for number in present for text in texts if (m := searcher(known.traits[number][1]).search(text))), "")
        target = {**target, "data": shown}
    return Judgement(severity, reason, entry.values("file.path", "escadre.line"), target)


JUDGE = RowJudge(LineTraits, judge)
