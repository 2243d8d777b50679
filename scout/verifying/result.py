"""The result of verifying an archive: what was found, and the sentences for a person."""

from __future__ import annotations

from dataclasses import dataclass, field

from scout.archive import custody
from scout.console import DONE, PARTIAL, escape, plural

MAX_PROBLEMS = 1000
"""problems that are stored; all are counted"""
MAX_TEXT = 400
"""characters of one problem: names come from the archive"""


@dataclass(slots=True)
class VerifyResult:
    """Result of verify. `state`: whole, interrupted or inconsistent; `code`: the exit code; `lines`: sentences for a person."""

    archive: str
    state: str = "whole"
    reason: str = ""
    receipt: str = ""
    """agrees, differs, or '' where none was given"""
    items: int = 0
    seals: int = 0
    members: int = 0
    unsealed: int = 0
    """members after the last seal: complete, without a custody line"""
    refused: int = 0
    bytes: int = 0
    problem_count: int = 0
    problems: list[str] = field(default_factory=list)
    verdicts: dict[str, int] = field(default_factory=dict)
    archive_sha256: str = ""
    chain_head: str = ""
    heads: list[str] = field(default_factory=lambda: [custody.NOTHING])
    """the chain head before the first seal, and after each"""
    collection: str = ""
    last_time: str = ""
    clock: list[str] = field(default_factory=list)
    """where the host's clock moved against the time that had passed"""
    lines: list[str] = field(default_factory=list)
    code: int = DONE

    def problem(self, text: str) -> None:
        """Record a contradiction."""
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(text[:MAX_TEXT])


def conclude(v: VerifyResult) -> None:
    """Set state, exit code and lines from what was found."""
    items, seals = plural(v.items, "item"), plural(v.seals, "seal")
    if v.problem_count:
        v.state = "inconsistent"
        what = plural(v.problem_count, "contradiction")
        v.lines.append(f"Inconsistent: {what} between the archive and its custody; {items} in {seals} were read.")
        v.lines += [f"  {escape(text)}" for text in v.problems[:20]]
        if v.problem_count > 20:
            v.lines.append(f"  … and {v.problem_count - 20:,} more (--json has them)")
        if v.reason:
            v.lines.append(f"It is also interrupted: {escape(v.reason)}.")
    elif v.state == "interrupted":
        after = f" {plural(v.unsealed, 'member')} after the last seal can be read too." if v.unsealed else ""
        when = f" {escape(v.last_time[11:19])}Z" if len(v.last_time) == 20 else ""
        kept = f"Complete and unchanged up to there: {items} in {seals}. What came after{when} is lost.{after}"
        v.lines.append(f"Interrupted: {escape(v.reason)}. {kept}")
    if v.receipt == "differs" and not v.problem_count and v.state == "whole":
        v.state = "inconsistent"
        v.lines.append(
            f"Not the archive of the receipt: {items} in {seals} agree with each other, but another archive was written. Do not trust it."
        )
    elif v.receipt == "differs":
        v.lines.append("The receipt does not agree: this is not the archive, or not all of the archive, that SCOUT wrote.")
    elif v.receipt == "agrees" and v.state == "whole":
        v.lines.append(f"Whole and unchanged: {items}, {seals}, chain and receipt agree.")
    elif v.receipt == "agrees":
        v.lines.append("Chain and receipt agree: it is as SCOUT left it.")
    elif v.state == "whole":
        v.lines.append(f"Internally consistent: {items}, {seals}, the chain agrees.")
    if not v.receipt:
        v.lines.append("Without a receipt this shows that the archive is consistent, not who wrote it.")
    v.lines += [f"The clock of the host was moved: {text}. Its times before and after do not fit together." for text in v.clock[:5]]
    v.code = DONE if v.state == "whole" else PARTIAL
