"""The output of `hunter pack` and `bundle`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scout.console import Screen, escape, megabytes, plural

if TYPE_CHECKING:
    from hunter.record.pack import PackedRun
    from hunter.sign.plans import PlanSigner
    from scout.agent.freeze import FrozenProgram


def packed(screen: Screen, done: PackedRun) -> None:
    """Print the archive, its receipt, and the next step."""
    if screen.json_lines:
        screen.emit({"archive": str(done.path), "sha256": done.receipt.archive_sha256, "code": done.receipt.code, "files": done.files})
        return
    screen.say(
        f"Packed {plural(done.files, 'file')} of {escape(done.plan.host.get('name', '?'))} → {done.path} ({megabytes(done.receipt.size)})"
    )
    screen.say(f"  receipt      {done.receipt.code}     note it on paper: it proves that this is the archive HUNTER wrote")
    screen.say(f"Next, on the analyst's machine: hunter status CASE {done.path.name} -i key.txt")


def bundled(screen: Screen, made: FrozenProgram, signer: PlanSigner) -> None:
    """Print the bundle and the next step."""
    if screen.json_lines:
        screen.emit({"bundle": str(made.path), "sha256": made.sha256, "size": made.size, "bill": str(made.bill), "signer": signer.name})
        return
    screen.say(f"Bundle → {made.path} ({megabytes(made.size)}), plan signed by {escape(signer.name)}")
    screen.say(f"  sha256       {made.sha256}")
    if made.glibc:
        screen.say(f"  needs        glibc {made.glibc} or newer, nothing else")
    screen.say(f"Next, on the host as root: {made.path.name}          compares only")
    screen.say(f"                           {made.path.name} apply --yes")
    screen.say("Then bring its archive back: hunter status CASE ARCHIVE -i key.txt")
