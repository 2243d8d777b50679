"""Judge an object that one list of the live host has and another one lacks: what hides from the usual tools."""

from __future__ import annotations

from dataclasses import dataclass

from commodore.finding import finding_target
from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import Judgement, lower
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.suspicion import is_interpreter
from commodore.sentence import sentence, short

_REASON = sentence(
    "{name}: [{subject!q}|an object without a name][ is shown only by {only}, and other lists of the same host lack it]"
    "[; its {differences} {differences:differs|differ} between two lists][; it runs {line!q}]; expected: {expected}."
)


@dataclass(frozen=True, slots=True)
class DifferenceOptions:
    """`subject`: fields with the object's name, the first that the record has counts. `doubtful`: what makes it a question.

    A doubtful text is `field=value`, `Setting=value`, or `only=list, list` of the lists that have it.
    """

    subject: tuple[str, ...]
    doubtful: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: DifferenceOptions) -> Judgement | None:
    """Judge by which lists have it. An object that all lists have is none."""
    only, differences = entry.texts("escadre.listing.only"), entry.texts("escadre.listing.differences")
    if not only and not differences:
        return None
    subject = next((str(entry.record[name]) for name in options.subject if entry.record.get(name) not in (None, "")), "")
    doubtful = not only or any(_holds(text, entry, only) for text in options.doubtful)
    line = entry.text("process.command_line", "process.executable") or "; ".join(entry.texts("escadre.task.commands"))
    path = entry.text("process.executable", "file.path")
    payload = [path] if ("/" in path or "\\" in path) and not is_interpreter(path, entry.host.os) else []
    values = {"name": row.name, "subject": short(subject), "only": only or None, "differences": differences or None}
    matched = entry.values("escadre.listing.only", "escadre.listing.differences", *options.subject)
    target = finding_target(path=path or None, name=subject, data=line or None, payload=payload)
    severity = lower(row.severity, "medium") if doubtful else row.severity
    return Judgement(severity, _REASON(values | {"line": short(line), "expected": row.expected}), matched, target)


def _holds(text: str, entry: AutostartEntry, only: list[str]) -> bool:
    name, _, value = text.partition("=")
    if name == "only":
        return ", ".join(only) == value
    return value in (entry.text(name), entry.setting(name)) or value in entry.texts(name)


JUDGE = RowJudge(DifferenceOptions, judge)
