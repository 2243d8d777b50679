"""The section of an incident report on a removal, as Markdown or as one HTML file without script, link or anything from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from hunter.record.document import GONE, THERE, document
from hunter.run.session import journal_of
from scout.console import WRONG_USE, Complaint, escape, plural

_JOURNAL = ".journal.jsonl"
_MARKUP = re.compile(r"([\\`*_\[\]#|~!])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def records(journals: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the records of journals, or of plans that have theirs beside them. Complaint (code 2) for a file that is neither."""
    found = []
    for path in journals:
        plan = path.with_name(path.name.removesuffix(_JOURNAL))
        if not plan.is_file() or not journal_of(plan).is_file():
            do = "Give PLAN.journal.jsonl with PLAN beside it, as hunter apply and hunter status leave them."
            raise Complaint(f"{path} is no journal with its plan beside it.", do, WRONG_USE)
        found.append(document(plan))
    return found


def summary(record: Mapping[str, Any]) -> str:
    """Return one sentence on what was done and what proves it."""
    actions = record["actions"]
    removed = sum(a["status"] == "removed" for a in actions)
    said = f"{removed} of {plural(len(actions), 'action')} done" if record["state"] != "undone" else "everything was taken back"
    gone, there = (sum(a["verdict"] == word for a in actions) for word in (GONE, THERE))
    proof = f"{gone} verified gone, {there} there again" if record["verified"] else "not verified yet"
    other = len(record["unexplained"])
    beside = f"{plural(other, 'other entry', 'other entries')} changed meanwhile" if other else "nothing else changed"
    return f"{said}; {proof}; {beside} in the touched areas ({record['compared']:,} compared)" if record["ended"] else f"{said}; {proof}"


def facts(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the facts of a run, as (name, value)."""
    yield "State", str(record["state"])
    yield "Began (UTC)", str(record["began"] or "–")
    yield "Ended (UTC)", str(record["ended"] or "–")
    yield "Plan", f"{record['plan']}, seal sha256 {record['seal']}"
    yield "Signed with", str(record["signer"] or "no signature")
    yield "Receipt of the evidence", str(record["receipt"] or "no archive")
    journal = record["journal"]
    yield "Journal", f"{plural(journal['lines'], 'line')}, chain unbroken, last sha256 {journal['head']}"
    for kept in record["memory"]:
        lost = kept["unread"] + kept["left_out"]
        yield (
            "Memory kept",
            f"{kept['time']} of {kept['program']} (pid {kept['pid']}): {kept['file']}, {kept['size']:,} bytes, sha256 {kept['sha256']}"
            + (f"; {lost:,} bytes did not read or were left out" if lost else ""),
        )
    for check in record["verified"]:
        yield (
            "Verified",
            f"{check['time']} on {check['how']}: {check['gone']} gone, {check['there']} there, {check['unseen']} not looked at",
        )


def before_after(change: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (fact, before, after) of what an action changed; a removed object has `not there` after it."""
    before, after = change["before"], change["after"]
    names = dict.fromkeys([*before, *after])
    if before == after:
        yield "all facts", "as before", "as before"
    for name in names:
        if before.get(name) != after.get(name):
            yield name, before.get(name, "not there"), after.get(name, "not there")


def markdown(found: Sequence[Mapping[str, Any]]) -> str:
    """Return the section as Markdown (CommonMark with tables); evidence is escaped."""
    lines = ["# Removal", ""]
    for record in found:
        lines += [f"## {_md(record['host'])}", "", _md(summary(record)) + ".", "", "| | |", "|---|---|"]
        lines += [f"| {_md(name)} | {_md(value)} |" for name, value in facts(record)]
        lines += ["", "| # | Action | Row | Way back | State | Verified | Time (UTC) |", "|---:|---|---|---|---|---|---|"]
        for n, a in enumerate(record["actions"], 1):
            cells = (a["title"], a["mechanism"], a["class"], a["status"], a["verdict"] or "–", a["time"] or "–")
            lines.append(f"| {n} | {' | '.join(map(_md, cells))} |")
        for n, a in enumerate(record["actions"], 1):
            lines += ["", f"### {n}. {_md(a['title'])}", ""]
            lines += [f"- {_md(name)}: {_md(value)}" for name, value in reasons(a)]
            for change in a["changes"]:
                lines += ["", f"{_md(change['what'])} (sha256 of the sealed backup: {change['backup'].get('sealed_sha256', 'none')})", ""]
                lines += ["| Fact | Before | After |", "|---|---|---|"]
                lines += [f"| {_md(name)} | {_md(was)} | {_md(now)} |" for name, was, now in before_after(change)]
        for path in record["unexplained"]:
            lines += ["", f"Changed meanwhile, not by HUNTER: {_md(path)}"]
        for each in record["stays"]:
            lines += ["", f"Never in the plan: {_md(each['path'])} {_md(each['why'])}"]
        lines.append("")
    return "\n".join(lines)


def reasons(action: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield why an action was taken or left, as (name, value)."""
    yield from (("Why", sentence) for sentence in action["said"])
    if action["why"]:
        yield "Findings", ", ".join(action["why"])
    if action["note"]:
        yield "Note", action["note"]
    if action["reason"]:
        yield "Not done", action["reason"]
    if action["verdict_reason"] and action["verdict_reason"] != action["verdict"]:
        yield "Verification", action["verdict_reason"]


def html(found: Sequence[Mapping[str, Any]]) -> str:
    """Return the section as one HTML page: every value is escaped, nothing is loaded."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["ev"] = escape
    template = environment.from_string(files("hunter").joinpath("record/report.html").read_text("utf-8"))
    shown = [(record, summary(record), list(facts(record)), [(a, list(reasons(a))) for a in record["actions"]]) for record in found]
    return template.render(shown=shown, before_after=before_after)


def _md(text: object) -> str:
    """Return evidence as Markdown text in one line: control characters become escapes, marks lose their meaning."""
    return "".join(_ENTITIES.get(c, c) for c in _MARKUP.sub(r"\\\1", escape(str(text))))
