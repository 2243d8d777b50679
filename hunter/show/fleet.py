"""The output of `hunter status` and `report`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hunter.record.report import summary
from hunter.show.words import DATA, TITLE, columns, command
from scout.console import Screen, escape, plural

_STYLE = {
    "removed": "green",
    "undone": "yellow",
    "in part": "red",
    "left out": "yellow",
    "ask": "cyan",
    "planned": "",
    "not done": "yellow",
}


def status(screen: Screen, case: Path, found: Mapping[str, Any]) -> None:
    """Print host × action, what did not read, and the next step."""
    if screen.json_lines:
        screen.emit(found)
        return
    runs = found["runs"]
    hosts = len({run["host"] for run in runs})
    screen.say(f"{plural(hosts, 'host')}  {plural(len(runs), 'plan')}  {plural(sum(len(r['actions']) for r in runs), 'action')}")
    for run in runs:
        counts = Counter(a["status"] for a in run["actions"])
        told = ", ".join(f"{n} {word}" for word, n in counts.items())
        screen.say(f"{escape(run['host'])}  {run['state']}  {told}")
        for n, a in enumerate(run["actions"], 1):
            head, *rest = columns(escape(a["title"]), TITLE)
            proof = f"  {a['verdict']}" if a["verdict"] else ""
            style = "red" if a["verdict"] == "THERE" else _STYLE.get(a["status"], "")
            screen.say(f"  {n:>2}  {a['status']:<9}{head:<{TITLE}}  {escape(a['mechanism']):<4}{proof}".rstrip(), style=style)
            for line in [*rest, *(columns(escape(a["reason"]), DATA) if a["reason"] else ())]:
                screen.say(f"               {line}")
        for path in run["unexplained"][:5]:
            screen.say(f"      changed meanwhile, not by HUNTER: {escape(path)}", style="yellow")
    for each in found["refused"]:
        screen.say(f"not read: {escape(each['path'])}: {escape(each['why'])}", style="red")
    done = [run for run in runs if run["state"] in ("applied", "partly undone", "undone", "interrupted")]
    if not runs:
        screen.say(f"Nothing is in {case / 'hunter'}.")
        screen.say(f"Next: hunter plan {case} -o {case / 'hunter'}/   then hunter status {case} RETURNED.age -i key.txt")
    elif done:
        journals = [case / f"{run['path']}.journal.jsonl" for run in done]
        screen.say(f"Next: {command('report', *journals)} -o report.html")
    else:
        screen.say("Nothing was applied yet, or nothing came back.")
        screen.say(f"Next: {command('status', case, 'RETURNED.age', '-i', 'key.txt')}")


def reported(screen: Screen, found: list[dict[str, Any]], output: Path) -> None:
    """Print what was written."""
    if screen.json_lines:
        screen.emit({"report": str(output), "records": found})
        return
    for record in found:
        screen.say(f"{escape(record['host'])}: {escape(summary(record))}.")
    screen.say(f"Report → {output}")
