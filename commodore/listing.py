"""`commodore findings`: which findings are listed, in which order, and how a finding reads on a terminal of 80 columns."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from commodore.case import trust
from commodore.case.reader import CaseReader, differences
from commodore.finding import MOST_SEVERE_FIRST, Finding
from scout.console import DONE, PARTIAL, WRONG_USE, Complaint, Screen, escape, plural

NAMED = 5
"""hosts that are named in one line"""
ALIKE = 10
"""findings of one rule, host and severity that are listed, unless the rule is asked for by name: a flood of one rule hides the others"""


@dataclass(frozen=True, slots=True)
class Choice:
    """Filter on findings. `severity`: the lowest; `rules`: ids or names, with `*` and `?`; `since`: RFC 3339 date or time, UTC."""

    host: str | None = None
    severity: str | None = None
    rules: tuple[str, ...] = ()
    since: str | None = None

    def __post_init__(self) -> None:
        if self.severity is not None and self.severity not in MOST_SEVERE_FIRST:
            raise Complaint(f"{self.severity} is no severity.", f"One of: {', '.join(MOST_SEVERE_FIRST)}.", WRONG_USE)
        if self.since is not None:
            _instant(self.since)

    def severities(self) -> Sequence[str]:
        """Return the severities that are wanted, the highest first."""
        return MOST_SEVERE_FIRST[: MOST_SEVERE_FIRST.index(self.severity) + 1] if self.severity else MOST_SEVERE_FIRST

    def wants(self, finding: Finding) -> bool:
        """Return whether a finding has a wanted rule and its last record is not earlier than `since`. One without a time is wanted."""
        if self.rules:
            names = [finding.get("rule.id", "").lower(), finding.get("rule.name", "").lower()]
            if not any(fnmatchcase(name, rule.lower()) for rule in self.rules for name in names):
                return False
        last = finding.get("escadre.last") or finding["@timestamp"]
        return self.since is None or not last or last[:19] >= _instant(self.since)


def _instant(text: str) -> str:
    """Return a date or time in UTC to the second. Raises Complaint for any other text."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Complaint(f"{text} is no date or time.", "Write 2026-11-28 or 2026-11-28T21:00:00Z (UTC).", WRONG_USE) from None
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def chosen(reader: CaseReader, choice: Choice) -> Iterator[Finding]:
    """Yield the wanted findings, the most severe first, then by host. One pass over the files per severity; holds one finding at a time."""
    partitions, manifests = reader.partitions(choice.host), reader.collections()
    for severity in choice.severities():
        for partition in partitions:
            if manifests[partition.collection].get("findings", {}).get(severity):
                found = reader.findings_of(partition.collection)
                yield from (f for f in found if f["escadre.severity"] == severity and choice.wants(f))


def _techniques(finding: Finding) -> list[str]:
    return finding.get("threat.technique.id") or ["no technique"]


GROUPS: dict[str, Callable[[Finding], list[str]]] = {
    "rule": lambda f: [f"{f['rule.id']}  {f['rule.name']}"],
    "host": lambda f: [f["host.name"]],
    "technique": _techniques,
    "severity": lambda f: [f["escadre.severity"]],
}
"""name of a grouping → the groups that a finding belongs to"""


def show_findings(case: Path, screen: Screen, choice: Choice | None = None, group: str | None = None) -> int:
    """List the wanted findings, or with `group` one line per group. Exit 1 where there are any."""
    choice = choice or Choice()
    if group is not None and group not in GROUPS:
        raise Complaint(f"Findings cannot be grouped by {group}.", f"One of: {', '.join(GROUPS)}.", WRONG_USE)
    reader = CaseReader(case)
    say_receipts(reader.collections().values(), screen)
    say_versions(reader.versions(), screen)
    found = chosen(reader, choice)
    count = _grouped(found, GROUPS[group], screen) if group else _listed(found, case, screen, every=bool(choice.rules))
    total = sum(sum(about.get("findings", {}).values()) for about in reader.collections().values())
    words = f"{plural(count, 'finding')}." if count else "No findings."
    screen.say(words + (f" {total - count:,} others are not shown." if total > count else ""))
    return PARTIAL if count else DONE


def _listed(found: Iterable[Finding], case: Path, screen: Screen, *, every: bool) -> int:
    """Print the findings; `every`: also those that are ALIKE others. Return how many there are."""
    count = 0
    alike: Counter[tuple[str, str]] = Counter()  # (host, rule) of the findings of one severity and host
    block = ("", "")
    for finding in found:
        count += 1
        if screen.json_lines:
            screen.emit(finding)
            continue
        if block != (finding["escadre.severity"], finding["host.name"]):
            block = finding["escadre.severity"], finding["host.name"]
            _say_alike(alike, case, screen)
        alike[finding["host.name"], finding["rule.id"]] += not every
        if alike[finding["host.name"], finding["rule.id"]] > ALIKE:
            continue
        techniques = " ".join(finding.get("threat.technique.id", []))
        head = f"  {finding['escadre.severity']:<9} {escape(finding['host.name']):<16} {escape(finding['rule.id'])}"
        screen.say(f"{head}  {techniques}".rstrip())
        for line in wrapped("".join(sentence(finding)), screen, 12):
            screen.say(f"            {line}")
        screen.say(f"            {finding.get('escadre.confidence', '')}  {finding.get('escadre.first') or 'no time'}")
    _say_alike(alike, case, screen)
    return count


def _say_alike(alike: Counter[tuple[str, str]], case: Path, screen: Screen) -> None:
    """Print how many findings of each rule were left out, and forget the counts."""
    for (host, rule), number in alike.items():
        if number > ALIKE:
            more = shlex.join(["commodore", "findings", str(case), "--host", host, "--rule", rule])
            screen.say(f"            {number - ALIKE:,} more of {escape(rule)} on {escape(host)} → {escape(more)}")
    alike.clear()


@dataclass(slots=True)
class _Group:
    """The findings of one group, counted. They come the most severe first, so the first one gives the severity."""

    severity: str
    hosts: dict[str, None]
    count: int = 0


def _grouped(found: Iterable[Finding], groups: Callable[[Finding], list[str]], screen: Screen) -> int:
    held: dict[str, _Group] = {}
    total = 0
    for finding in found:
        total += 1
        for name in groups(finding):
            group = held.setdefault(name, _Group(finding["escadre.severity"], {}))
            group.count += 1
            group.hosts[finding["host.name"]] = None
    for name, group in sorted(held.items(), key=lambda item: (MOST_SEVERE_FIRST.index(item[1].severity), -item[1].count, item[0])):
        if screen.json_lines:
            screen.emit({"group": name, "severity": group.severity, "findings": group.count, "hosts": sorted(group.hosts)})
            continue
        screen.say(f"  {group.severity:<13} {plural(group.count, 'finding'):<13} {plural(len(group.hosts), 'host'):<9} {escape(name)}")
    return total


def say_receipts(manifests: Iterable[Mapping[str, Any]], screen: Screen, indent: str = "") -> None:
    """Print whether the receipts of the archives were verified, one line for each result; nothing for plain input."""
    for text in trust.summarised(manifests):
        for n, line in enumerate(wrapped(text, screen, len(indent) + 4)):
            screen.say(f"{indent}{'    ' if n else ''}{escape(line)}")


def named(hosts: list[str]) -> str:
    """Return the names of a few hosts, or the number of many."""
    return ", ".join(hosts) if len(hosts) <= NAMED else plural(len(hosts), "host")


def say_versions(groups: list[tuple[dict[str, Any], list[str]]], screen: Screen) -> None:
    """Print which hosts were made with which versions; nothing where all hosts are alike."""
    if len(groups) < 2:
        return
    screen.say("Hosts of this case were made with different versions; `commodore process --redo` makes them alike:")
    for hosts, words in differences(groups):
        for n, line in enumerate(wrapped(f"{escape(named(hosts))}: {', '.join(words)}", screen, 6)):
            screen.say(f"{'  ' if n == 0 else '      '}{line}")


def sentence(finding: Finding) -> tuple[str, str]:
    """Return the sentence of a finding, and its count where the sentence does not have it."""
    text = escape(finding.get("message") or finding.get("rule.name") or "")
    times = finding.get("count", 1)
    return text, f"  ({times:,} times)" if times > 1 and f"{times:,} record" not in text else ""


def short(finding: Finding, screen: Screen, indent: int) -> str:
    """Return the sentence of a finding for the rest of a line. A pipe gets all of it; a narrow terminal shows first what runs."""
    text, times = sentence(finding)
    if not screen.out.is_terminal:
        return text + times
    room = screen.out.width - indent - len(times)
    if len(text) > room and (command := payload(finding)):
        command = escape(command)
        at = text.find(command)
        if at < 0 or at + len(command) > room:
            text = f"{command}  {text}" if len(command) < room else ends(command, room)
    return cut(text, room) + times


def payload(finding: Finding) -> str:
    """Return the subject of a finding in the fewest words: the command or file that runs, else the matched value, else ''."""
    target = finding.get("target")
    if target:
        for value in (target.get("data"), target.get("line"), target.get("payload"), target.get("path")):
            words = " ".join(value) if isinstance(value, list) else value
            if words:
                return " ".join(words.split())
    quoted = re.search(r"`([^`]+)`", finding.get("message", ""))
    if quoted:
        return quoted[1]
    return finding.get("message", "").partition(": ")[2]


def wrapped(text: str, screen: Screen, indent: int) -> list[str]:
    """Return the complete text: on a terminal in lines without cut words, in a pipe in one line."""
    width = max(screen.out.width - indent, 20)
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) if screen.out.is_terminal else [text]


def tail(text: str, room: int) -> str:
    """Return the end of a path in `room` characters, with `…` where its beginning is left out."""
    return text if len(text) <= room else "…" + text[1 - room :]


def ends(text: str, room: int) -> str:
    """Return the beginning and the end of a text in `room` characters, with `…` for the middle: of a path, the root and the file name."""
    last = room // 2
    return f"{text[: room - 1 - last]}…{text[-last:]}"


def cut(text: str, room: int) -> str:
    """Return the text in `room` characters: cut at a word, with `…`."""
    room = max(room, 20)
    if len(text) <= room:
        return text
    head = text[: room - 1]
    at = head.rfind(" ")
    return (head[:at] if at > room // 2 else head).rstrip(" ,;:") + "…"
