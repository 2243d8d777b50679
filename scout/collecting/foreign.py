"""`scout targets kape: --definitions DIR`: which definitions of other collectors load, what they take, what they would run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scout.console import WRONG_USE, Complaint, Screen, escape, plural
from scout.targets.foreign import ForeignDefinition, ForeignLibrary


def show(name: str, screen: Screen, folders: Sequence[Path]) -> None:
    """Print all definitions of a collector (`kape:`) in a table, or those that a name or glob means in full."""
    library = ForeignLibrary(folders)
    prefix, _, rest = name.partition(":")
    if rest:
        for one in library.choose([name]):
            _in_full(one, library, screen)
        return
    if not folders:
        raise Complaint(f"No folder with definitions of {prefix} was given.", "Add --definitions DIR.", WRONG_USE)
    chosen = [one for key, one in library.all.items() if key.lower().startswith(name.lower())]
    if not chosen:
        raise Complaint(f"There are no definitions of {prefix} in {', '.join(map(str, folders))}.", "Give their folder.", WRONG_USE)
    failed = 0
    for one in chosen:
        failures = library.failures(one)
        failed += bool(failures)
        if screen.json_lines:
            screen.emit(_document(one, failures))
            continue
        screen.row(f"  {escape(one.name)}  ", escape(_words(one)))
        for reason in failures:
            screen.row("      not read: ", escape(reason))
    screen.say(f"{plural(len(chosen), 'definition')}, {len(chosen) - failed:,} load completely.", "bold")


def _words(one: ForeignDefinition) -> str:
    number = sum(len(entry.paths) for entry in one.entries)
    counts = ((number, "pattern"), (len(one.includes), "definition"), (len(one.commands), "command"))
    words = [plural(count, noun) + (" (not run)" if noun == "command" else "") for count, noun in counts if count]
    return f"{one.what} ({', '.join(words) or 'nothing'})"


def _in_full(one: ForeignDefinition, library: ForeignLibrary, screen: Screen) -> None:
    failures = library.failures(one)
    if screen.json_lines:
        screen.emit(_document(one, failures))
        return
    screen.say(f"{escape(one.name)}  {escape(one.what)}", "bold")
    for target in one.targets():
        for path in target.paths:
            screen.say(f"  {'where':<9} {escape(path)} ({target.os})")
        for path in target.exclude:
            screen.say(f"  {'without':<9} {escape(path)}")
        for test in (*target.only.names, *target.only.paths) if target.only is not None else ():
            screen.say(f"  {'only':<9} {escape(test)}")
    for title, texts in (("with", one.includes), ("not run", one.commands), ("not read", failures)):
        for text in texts:
            screen.say(f"  {title:<9} {escape(text)}")


def _document(one: ForeignDefinition, failures: Sequence[str]) -> dict[str, object]:
    return {
        "name": one.name,
        "what": one.what,
        "paths": [path for target in one.targets() for path in target.paths],
        "includes": list(one.includes),
        "not_run": list(one.commands),
        "failures": list(failures),
    }
