"""The output of `hunter blocklist`, and of `hunter contain --script`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hunter.contain import windows
from hunter.contain.blocklist import BlockLists
from hunter.contain.isolation import LEAST, MOST, networks
from scout.console import WRONG_USE, Complaint, Screen, escape, plural


def listed(screen: Screen, made: BlockLists, written: Sequence[Path]) -> None:
    """Print what is blocked, what is left out, and the files."""
    if screen.json_lines:
        hashes = {kind: sorted(values) for kind, values in made.hashes.items()}
        screen.emit(
            {
                "addresses": sorted(made.networks),
                "domains": sorted(made.names),
                **hashes,
                "left": [{"value": value, "why": why} for value, why in made.left],
                "files": [str(path) for path in written],
            }
        )
        return
    hashes_of = sum(map(len, made.hashes.values()))
    screen.say(
        f"{plural(len(made.networks), 'address', 'addresses')}  {plural(len(made.names), 'domain')}  {plural(hashes_of, 'hash', 'hashes')}"
    )
    for path in written:
        screen.say(f"  {path}")
    for value, why in made.left[:20]:
        screen.say(f"  left out: {escape(value)}: {why}", style="yellow")
    if len(made.left) > 20:
        screen.say(f"  left out: {len(made.left) - 20:,} more (left.txt)", style="yellow")
    screen.say("Nothing was applied. Read the lists: a shared host or a content network in them blocks more than the intruder.")


def script_written(screen: Screen, path: Path, allow: str, minutes: int) -> None:
    """Write the script for Windows and print the next step. Complaint for addresses or a duration that are none."""
    if not LEAST <= minutes <= MOST:
        raise Complaint(f"{minutes} minutes: it must be {LEAST} to {MOST:,}.", "Give --hours.", WRONG_USE)
    try:
        text = windows.script(networks(allow), minutes)
        with path.open("x", encoding="utf-8", newline="\r\n") as stream:
            stream.write(text)
    except ValueError as e:
        raise Complaint(f"--allow: {escape(e)}.", "Give the address that you work from.", WRONG_USE) from e
    except OSError as e:
        raise Complaint(f"{path} cannot be written: {e.strerror}.", "Give another name; a script is never overwritten.", WRONG_USE) from e
    if screen.json_lines:
        screen.emit({"script": str(path)})
        return
    screen.say(f"Script → {path}. Nothing was changed.")
    screen.say("Read it, then run it on the host as administrator. Its second line says how to end it at once.")
