"""The output of COMMODORE's commands: text for a person, JSON lines under `--json`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commodore.case.ledger import is_loss
from commodore.case.reader import CaseReader
from commodore.finding import MOST_SEVERE_FIRST
from commodore.listing import say_receipts, say_versions, short, tail
from scout import __version__
from scout.console import DONE, PARTIAL, STOPPED, WRONG_USE, Complaint, Screen, duration, escape, megabytes, plural

if TYPE_CHECKING:
    from commodore.engine.redo import Redo
    from commodore.engine.summary import Summary

HOSTS = 20
"""hosts in the summary; of a larger case only those with trouble are listed"""


def process_and_tell(
    inputs: Sequence[Path],
    case: Path,
    screen: Screen,
    identity: Sequence[Path],
    rules: Sequence[Path],
    iocs: Sequence[Path],
    workers: int | None,
    timeout: float,
    redo: Redo | None = None,
    receipts: Sequence[str] = (),
    datasets: Sequence[str] = (),
    skip: Sequence[str] = (),
    *,
    known: Sequence[Path] = (),
    baselines: Sequence[Path] = (),
    index: bool = False,
) -> int:
    """Run `process` with a progress display, then print the summary. `index`: the Eye indexes the hosts as they become complete.

    Return 1 where an archive was cut, a parser failed, a unit was given up, a receipt contradicts, or the index lacks what does not read.
    """
    from commodore.engine.process import process
    from commodore.following import Following
    from scout.keys import load_identities

    identities = [key for path in identity for key in load_identities(path)]
    following = Following(case) if index else None
    with screen.progress() as bars:
        tasks: dict[str, Any] = {}

        def progress(host: str, now: str, at: int, total: int, records: int) -> None:
            if host not in tasks:
                tasks[host] = bars.add_task(escape(host)[:24], total=max(total, 1), now="")
            bars.update(tasks[host], completed=at, now=f"{records:,} records  {tail(escape(now), max(screen.err.width - 62, 16))}")
            if following:
                following.host(host, at, total)

        try:
            summary = process(
                inputs,
                case,
                identities=identities,
                rules=rules,
                iocs=iocs,
                known=known,
                baselines=baselines,
                workers=workers,
                timeout=timeout,
                progress=progress,
                redo=redo,
                receipts=receipts,
                datasets=datasets,
                skip=skip,
            )
        except BaseException as e:
            if following:
                following.stop()
            if isinstance(e, KeyboardInterrupt):
                raise Complaint("stopped.", "What was read is kept; the same command goes on from there.", STOPPED) from None
            raise
        indexed = following.finish() if following else {}
    if screen.json_lines:
        screen.emit(_machine(summary) | ({"index": indexed} if following else {}))
    else:
        sigma = bool(rules) and bool(summary.rules["loaded"] or summary.rules["without_source"] or not summary.rules["yara"])
        _tell(summary, screen, sigma=sigma, iocs=len(iocs))
        if following:
            screen.say(
                f"Index: {plural(indexed['records'], 'record')} in {plural(indexed['parts'], 'part')}, {megabytes(indexed['bytes'])}"
            )
    for line in indexed.get("torn", []):
        screen.note(f"Not in the index: {escape(line)}.")
    return DONE if summary.whole and not indexed.get("torn") else PARTIAL


def searched(hosts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield how much each search of the raw sweep has read, in words; nothing where none was asked for."""
    for search, words in _SEARCHES.items():
        counts = [host["searched"][search] for host in hosts if search in host.get("searched", {})]
        if not counts:
            continue
        whole, missed, size, places = (sum(count[key] for count in counts) for key in ("members", "not", "bytes", "places"))
        refused = sum(host["unreadable"] for host in hosts if search in host.get("searched", {}))
        lacks = [f"{missed:,} not, or not whole"] if missed else []
        lacks += [f"{refused:,} without content"] if refused else []
        tail = f"; {', '.join(lacks)} → commodore ledger" if lacks else ""
        yield f"{plural(whole, 'member')} ({megabytes(size)}) {words}: {plural(places, 'place')}{tail}"


_SEARCHES = {"indicators": "for indicators", "yara": "with YARA"}


def _sources(rules: Mapping[str, Any]) -> str:
    """Return how many of the loaded rules have a log source in the case, and how many were read and can match no record at all."""
    nowhere = f", {rules['without_source']:,} more can match no record" if rules["without_source"] else ""
    return f" ({rules['with_source']:,} with a log source in this case{nowhere})"


def _machine(summary: Summary) -> dict[str, Any]:
    return {
        "case": str(summary.case),
        "hosts": summary.hosts,
        "already_processed": summary.skipped,
        "not_read": [{"input": path, "reason": reason} for path, reason in summary.unread],
        "unused_receipts": summary.unused_receipts,
        "other_rules": summary.other_rules,
        "redone": [{"host": host, "datasets": datasets} for host, datasets in summary.redone],
        "given_twice": [path for path, _ in summary.twice],
        "loaded": summary.rules["loaded"],
        "yara": summary.rules["yara"],
        "with_source": summary.rules["with_source"],
        "without_source": summary.rules["without_source"],
        "indicators": summary.rules["indicators"],
        "refused": summary.rules["refused"],
        "records": summary.records,
        "findings": summary.severities,
        "given_up": summary.unreproducible,
        "seconds": round(summary.seconds, 3),
    }


def _tell(summary: Summary, screen: Screen, *, sigma: bool, iocs: int) -> None:
    """Print the summary. `sigma`: whether rules were given; `iocs`: number of files with indicators."""
    case = escape(summary.case)
    loaded, refused = summary.rules["loaded"], summary.rules["refused"]
    words = f"rules: {loaded:,} Sigma loaded" if sigma else "rules: the persistence table"
    words += _sources(summary.rules) if sigma else ""
    words += f", {plural(summary.rules['yara'], 'YARA rule')}" if summary.rules.get("yara") else ""
    words += f", {plural(summary.rules['indicators'], 'indicator')} from {plural(iocs, 'file')}" if iocs else ""
    words += f", {len(refused):,} refused (commodore rules stats)" if refused else ""
    screen.say(f"COMMODORE {__version__}  {plural(len(summary.hosts), 'collection')}  {words}")
    listed = [h for h in summary.hosts if len(summary.hosts) <= HOSTS or h["state"] != "complete"]
    for host in listed:
        note = f"   {host['state']}: {escape(host['reason'])}" if host["state"] != "complete" else ""
        records = plural(sum(host["records"].values()), "record")
        screen.say(f"  {escape(host['host']):<20} {plural(host['members'], 'member'):>15} {records:>18}{note}")
    if len(listed) < len(summary.hosts):
        screen.say(f"  and {plural(len(summary.hosts) - len(listed), 'collection')} that came to the end")
    for path in summary.skipped if len(summary.skipped) <= HOSTS else ():
        screen.say(f"  {escape(path)}: already processed")
    if len(summary.skipped) > HOSTS:
        screen.say(f"  {plural(len(summary.skipped), 'input')}: already processed")
    say_receipts(summary.hosts, screen, "  ")
    for given in summary.unused_receipts:
        screen.say(f"  receipt {escape(given)} is of no archive of this run: the archive was exchanged, or it is not among the inputs")
    for path, reason in summary.unread:
        screen.say(f"  not read    {escape(path)}: {escape(reason)}")
    for path in summary.other_rules:
        screen.say(f"  not seen by these rules and indicators (--redo reads it again): {escape(path)}")
    for name, datasets in summary.redone:
        screen.say(f"  {escape(name)}: made again: {', '.join(datasets) if len(datasets) < 8 else plural(len(datasets), 'dataset')}")
    for path, other in summary.twice:
        screen.say(f"  {escape(path)}: the same collection as {escape(other)}, read once")
    say_versions(summary.versions, screen)
    speed = f" ({summary.read / 1e6 / summary.seconds:.1f} MB/s)" if summary.read > 1e6 else ""
    screen.say()
    took = f"in {duration(summary.seconds)}{speed}"
    screen.say(f"Case {case}: {plural(summary.records, 'record')} from {plural(len(summary.hosts), 'host')} {took}", style="bold")
    read, losses = sum(h["read"] for h in summary.hosts), sum(h["losses"] for h in summary.hosts)
    members = sum(h["members"] for h in summary.hosts)
    lost = f"; {losses:,} could not be read in part or whole → commodore ledger {case}" if losses else ""
    screen.say(f"  read        {read:,} of {plural(members, 'member')}, {members - read:,} not read by any artefact{lost}")
    for words in searched(summary.hosts):
        screen.say(f"  searched    {words}")
    for row in summary.unreproducible:
        screen.say(f"  given up    {escape(row['path'])}: {escape(row['reason'])}; the case is not reproducible")
    counts = "  ".join(f"{summary.severities[s]} {s}" for s in MOST_SEVERE_FIRST if summary.severities.get(s))
    screen.say(f"  findings    {counts or 'none'}")
    for n, finding in enumerate(summary.findings, 1):
        head = f"  {n:<2} {finding['escadre.severity']:<8} {escape(finding['host.name'])}  "
        screen.say(head + short(finding, screen, len(head)))
    more = sum(summary.severities.values()) - len(summary.findings)
    if more > 0:
        screen.say(f"  and {more:,} more → commodore findings {case}")
    place = escape(shlex.quote(str(summary.case)))
    key = "" if all(host.get("recipients") for host in summary.hosts) else " -r age1…"  # plain input: who could open backups?
    screen.say(f"Next: eye serve {place}        hunter plan {place} -o plans/{key}")


def show_artefacts(name: str | None, screen: Screen) -> int:
    """Print the list of artefacts, or the page of one."""
    from commodore.reference import declared, page

    known = declared()
    if name is None:
        for a in known.values():
            screen.say(f"  {a.name:<20} {a.title}")
            if screen.json_lines:
                screen.emit(
                    {
                        "name": a.name,
                        "title": a.title,
                        "kind": a.kind,
                        "match": list(a.match),
                        "fields": list(a.fields),
                        "version": a.version,
                    }
                )
        return DONE
    if name not in known:
        import difflib

        near = difflib.get_close_matches(name, known, 1)
        raise Complaint(
            f"no artefact is called {name}.", f"Did you mean {near[0]}?" if near else "`commodore artefacts` lists them.", WRONG_USE
        )
    a = known[name]
    if screen.json_lines:
        screen.emit(
            {
                "name": a.name,
                "title": a.title,
                "about": a.about,
                "kind": a.kind,
                "match": list(a.match),
                "fields": list(a.fields),
                "times": dict(a.times),
                "attack": list(a.attack),
                "sources": list(a.sources),
                "version": a.version,
            }
        )
    screen.say(page(a).rstrip())
    return DONE


def _unread(count: int, members: int) -> str:
    """Return in words how many members no artefact read."""
    return f"{count:,} of {plural(members, 'member')} {'was' if count == 1 else 'were'} not read by any artefact"


def show_ledger(case: Path, screen: Screen, *, everything: bool = False) -> int:
    """Print the ledger lines of what artefacts could not read, or all lines; under `--json` always all."""
    everything = everything or screen.json_lines
    shown = 0
    unread: set[tuple[str, int]] = set()
    lost: set[tuple[str, int, str]] = set()
    reader = CaseReader(case)
    for row in reader.ledger():
        loss = is_loss(row)
        if loss and row["parsed"] is not None:
            lost.add((row["collection"], row["member"], row["path"]))
        if not row["artefact"] and row["member"] >= 0:
            unread.add((row["collection"], row["member"]))
        if not (loss or everything):
            continue
        shown += 1
        if screen.json_lines:
            screen.emit(row)
            continue
        if row["parsed"] is None:
            screen.say(f"    {escape(row['locator'] or ''):<28} {escape(row['reason'])}")
            continue
        counts = "expected ?" if row["expected"] is None else f"expected {row['expected']:,}"
        counts += f"  parsed {row['parsed']:,}  carved {row['carved']:,}  lost {row['lost'] if row['lost'] is not None else '?'}"
        screen.say(f"  {escape(row['path'])}")
        screen.say(f"    {row['artefact'] or 'no artefact':<20} {counts}")
        if row["reason"]:
            screen.say(f"    {escape(row['locator'] or ''):<20} {escape(row['reason'])}")
    unsound = [(c["input"], c["state"], c["reason"]) for c in reader.collections().values() if c["state"] != "complete"]
    for name, state, reason in unsound:
        lost_too = " What came after that is lost." if state == "interrupted" else ""
        screen.say(f"{escape(name)} is {state}: {escape(reason)}.{lost_too}")
    if not screen.json_lines:
        words = f"{plural(len(lost), 'member')} could not be read in part or whole." if lost else "All that artefacts read was read whole."
        tail = f" {_unread(len(unread), sum(c['members'] for c in reader.collections().values()))}"
        tail += " (--all lists them)." if unread and not everything else "."
        screen.say(f"{words}{tail}" if shown or not lost else words)
    return PARTIAL if lost or unsound else DONE


def show_places(given: Sequence[Path], identity: Sequence[Path], screen: Screen, *, literal: bool, fold: bool) -> int:
    """Search inputs or a case for the last of `given`; print each place, then how much was searched."""
    from commodore import grep
    from scout.keys import load_identities

    if len(given) < 2:
        raise Complaint("a pattern or a place is missing.", "commodore grep CASE|ARCHIVE… PATTERN", WRONG_USE)
    expression = grep.compiled(str(given[-1]), literal=literal, fold=fold)
    account = grep.GrepAccount()
    for place in grep.search(grep.inputs(given[:-1]), [key for path in identity for key in load_identities(path)], expression, account):
        if screen.json_lines:
            screen.emit(place._asdict())
            continue
        where = f"line {place.line}" if place.line else f"offset {place.offset:,}"
        layer = f", in {escape(place.layer)}" if place.layer else ""
        screen.say(f"  {escape(place.host)}  {escape(place.path)}  {where}{', UTF-16' if place.utf16 else ''}{layer}")
        screen.say(f"    {escape(place.text)}")
    for host, path, reason in account.left:
        screen.note(f"Not searched: {escape(host)} {escape(path)}: {escape(reason)}.")
    left = f", {len(account.left):,} not searched" if account.left else ""
    screen.say(f"{plural(account.places, 'place')} in {plural(account.members, 'member')} ({megabytes(account.size)}){left}.")
    return PARTIAL if account.places or account.left else DONE


def show_rules(rules: Sequence[Path], iocs: Sequence[Path], case: Path | None, screen: Screen) -> int:
    """Load rules; print how many loaded, how many have a log source in the case, where one is given, and which were refused."""
    from commodore.engine.summary import log_sources
    from commodore.engine.work import load_detection

    detection = load_detection(tuple(rules), tuple(iocs), None)
    known = log_sources(CaseReader(case).collections().values()) if case is not None else {}
    with_source = {"with_source": detection.with_source(known)} if case is not None else {}
    if screen.json_lines:
        counts = {"loaded": detection.loaded, "yara": detection.yara, **with_source, "indicators": detection.indicators}
        screen.emit(counts | {"without_source": detection.without_source, "refused": detection.refused})
        return DONE
    taken = plural(detection.loaded, "Sigma rule")
    taken += f", {plural(detection.yara, 'YARA rule')}" if detection.yara else ""
    taken += f" and {plural(detection.indicators, 'indicator')}" if iocs else ""
    screen.say(f"{taken} loaded, {len(detection.refused):,} refused.")
    if with_source:
        screen.say(f"With a log source in {escape(case)}: {plural(with_source['with_source'], 'rule')}.")
    if detection.without_source:
        screen.say(f"{plural(len(detection.without_source), 'more Sigma rule')} can match no record (--json lists them with the reason).")
    for refusal in detection.refused:
        place = f":{refusal['line']}" if refusal["line"] else ""
        screen.say(f"  {escape(refusal['file'])}{place}  {escape(refusal['reason'])}")
    return DONE
