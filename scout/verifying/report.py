"""The report of custody for a person: what was collected, by whom, what was not taken and why, and what verification found. Plain text."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scout import __version__
from scout.archive.custody import MAX_PART, read_part
from scout.archive.reader import ArchiveReader
from scout.console import WRONG_USE, Complaint, Screen, escape, megabytes, plural
from scout.verifying.listing import content_of
from scout.verifying.receipts import json_object
from scout.verifying.result import VerifyResult

MOST = 200
"""items of one verdict that the report lists; all are counted"""
MOST_SEALS = 1_000
_TAKEN = ("taken", "changed while read")


def write(target: Path, archive: Path, identities: Sequence[Any], verdict: VerifyResult, screen: Screen) -> None:
    """Write the report to a new file, `-`: to the screen. Complaint where the file exists or cannot be written."""
    if str(target) == "-":
        for line in report(archive, identities, verdict):
            screen.say(line)
        return
    try:
        with target.open("x", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in report(archive, identities, verdict))
    except FileExistsError:
        raise Complaint(f"{target} exists already.", "Give another file with --report.", WRONG_USE) from None
    except OSError as e:
        raise Complaint(f"{target} cannot be written: {e.strerror}.", "Give another file with --report.") from e
    screen.say(f"Report   {escape(target)}")


def report(archive: str | Path, identities: Sequence[Any], verdict: VerifyResult) -> Iterator[str]:
    """Yield the lines of the report of an archive that `verify` has read. Complaint where it cannot be read again."""
    header: dict[str, Any] = {}
    seals: list[str] = []
    bytes_by, count_by = Counter[str](), Counter[str]()
    listed: dict[str, list[str]] = defaultdict(list)
    counted: Counter[str] = Counter()
    with ArchiveReader(archive, identities) as reader:
        for member in reader:
            if member.kind == "collection":
                header = json_object(member.stream.read(min(member.size, MAX_PART))) or {}
            elif member.kind == "custody" and not member.cut:
                first, lines = read_part(content_of(member), lambda _: None)
                if len(seals) < MOST_SEALS:
                    seals.append(
                        f"{first.get('part')}  {first.get('time')}  after {first.get('elapsed', '-')} s  previous {first.get('previous')}"
                    )
                for line in (one for one in lines if one.get("type") != "collection"):
                    said, target = str(line.get("verdict")), str(line.get("target") or "live state")
                    counted[said] += 1
                    if said in _TAKEN:
                        count_by[target] += 1
                        bytes_by[target] += int(line.get("size") or 0)
                    if said != "taken" and len(listed[said]) < MOST:
                        listed[said].append(f"{line.get('source') or line.get('name')}{_why(line)}")
    yield from _head(archive, header, verdict)
    yield from ("", "What was taken", "")
    yield from (f"  {target:<14} {count_by[target]:>9,}   {megabytes(bytes_by[target]):>9}" for target in sorted(count_by))
    yield from ("", "Verdicts", "")
    yield from (f"  {number:>9,}  {said}" for said, number in counted.most_common())
    for said, items in sorted(listed.items()):
        yield from ("", f"Items with the verdict {escape(said)}: {counted[said]:,}{_first(counted[said])}", "")
        yield from (f"  {escape(item)}" for item in items)
    yield from ("", f"Seals: {plural(verdict.seals, 'part')} of custody, each with the SHA-256 of the one before", "")
    yield from (f"  {escape(seal)}" for seal in seals)


def _head(archive: str | Path, header: dict[str, Any], v: VerifyResult) -> Iterator[str]:
    def of(name: str) -> dict[str, Any]:
        value = header.get(name)
        return value if isinstance(value, dict) else {}

    host, tool, clock = of("host"), of("tool"), of("clock")
    command = header.get("command_line")
    recipients = header.get("recipients")
    facts = {
        "archive": str(archive),
        "SHA-256": v.archive_sha256,
        "chain head": v.chain_head,
        "receipt": v.receipt or "none was given",
        "collection": header.get("collection"),
        "host": " ".join(str(host[key]) for key in ("name", "os_version", "machine_id") if host.get(key)),
        "started": f"{header.get('started')} by the host's clock, {clock.get('local_offset', '-')} s east of UTC",
        "last seal": v.last_time,
        "tool": " ".join(str(tool[key]) for key in ("name", "version", "python", "platform") if tool.get(key)),
        "run by": header.get("user"),
        "command line": " ".join(map(str, command)) if isinstance(command, list) else None,
        "profile": header.get("profile"),
        "limits": ", ".join(f"{key} {value}" for key, value in of("limits").items()),
        "recipients": ", ".join(map(str, recipients)) if isinstance(recipients, list) else None,
    }
    yield from ("Custody report", "==============", "")
    yield from (f"{key:<13} {escape(value)}" for key, value in facts.items() if value)
    yield from ("", f"Verification (scout {__version__})", "")
    yield from (f"  {line}" for line in v.lines)


def _why(line: dict[str, Any]) -> str:
    digest = f"   sha256 {line['sha256']}" if line.get("sha256") else ""
    return f"{digest}   {line['error']}" if line.get("error") else digest


def _first(number: int) -> str:
    return f" (the first {MOST})" if number > MOST else ""
