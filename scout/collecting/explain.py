"""`scout collect --explain` and `scout targets`: show what would be taken, and what each target is. No evidence is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scout.collecting import foreign
from scout.collecting.examined import make_plan, open_host
from scout.collecting.options import CollectOptions
from scout.console import DONE, WRONG_USE, Complaint, Screen, escape, megabytes, plural
from scout.targets import CollectionTarget, load
from scout.targets.foreign import is_foreign
from scout.targets.loader import ACCESS, PRIORITIES
from scout.targets.profiles import profiles


def explain(options: CollectOptions, screen: Screen) -> int:
    """Print number and size of the items of each target. Reads names and sizes, and passwd or ProfileList for the homes."""
    host = open_host(options)
    plan = make_plan(host, compare=False)
    items, sizes, candidates, refused = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    looked_at = 0
    for item in plan.items:
        if item.rules:
            candidates.update(target.id for target in item.rules)
            looked_at += 1
        elif item.verdict:
            refused[item.target.id] += 1
        else:
            items[item.target.id] += 1
            sizes[item.target.id] += item.data
    missing = Counter(missing.target.id for missing in plan.missing)
    rows = [_row(target, items, sizes, candidates, refused, missing) for target in host.targets]
    host.close()
    if screen.json_lines:
        for row in rows:
            screen.emit(row)
        return DONE
    system = "Windows" if host.system.windows else "Linux"
    screen.say(f"Would be taken from {escape(host.system.path)} ({system}), profile {escape(options.label)}:", "bold")
    for row in rows:
        screen.say(f"  {row['target']}  {_amount(row):<34} {row['what']}")
    total = sum(sizes.values())
    packed = f"an archive of about {megabytes(total * 0.15)} to {megabytes(total * 0.5)}"
    screen.say(f"In all {plural(sum(items.values()), 'file')}, {megabytes(total)}, {packed}.", "bold")
    for definition in host.foreign:
        for command in definition.commands:
            screen.say(f"  not run: {escape(command)} ({definition.name})")
    if looked_at:
        screen.say(f"{plural(looked_at, 'more file')} would be opened: those that the rule of their target finds suspicious are taken.")
    screen.say("Nothing was taken or written. Next: the same command without --explain.")
    return DONE


def _row(
    target: CollectionTarget,
    items: Counter[str],
    sizes: Counter[str],
    candidates: Counter[str],
    refused: Counter[str],
    missing: Counter[str],
) -> dict[str, Any]:
    return {
        "target": target.id,
        "what": target.what,
        "files": items[target.id],
        "bytes": sizes[target.id],
        "candidates": candidates[target.id],
        "not_taken": refused[target.id],
        "missing": missing[target.id],
        "live": list(target.live),
        "referenced": target.referenced is not None,
        "images": target.images is not None,
        "listing": target.listing is not None,
    }


def _amount(row: dict[str, Any]) -> str:
    if row["live"]:
        return plural(len(row["live"]), "live source")
    if row["listing"]:
        return "names and facts, no content"
    if row["images"]:
        return "programs without a file"
    if row["referenced"]:
        return "what they name, found on the way"
    if row["candidates"]:
        return f"up to {plural(row['candidates'], 'file')} to look at"
    if not row["files"]:
        return "nothing found"
    return f"{plural(row['files'], 'file')}, {megabytes(row['bytes'])}"


def show_targets(name: str | None, screen: Screen, definitions: Sequence[Path] = ()) -> None:
    """Print all targets in a table, or those whose id begins with `name` in full; `kape:`, `kape:Prefetch`: those of another collector."""
    if name is not None and is_foreign(name):
        foreign.show(name, screen, definitions)
        return
    chosen = [target for target in load() if name is None or target.id.lower().startswith(name.lower())]
    if not chosen:
        raise Complaint(f"There is no target {name!r}.", "scout targets lists them.", WRONG_USE)
    if screen.json_lines:
        for target in chosen:
            screen.emit(_document(target))
        return
    if name is None:
        for target in sorted(chosen, key=lambda one: (one.os, one.order, one.id)):
            screen.row(f"  {target.id}  {target.os:<8} {PRIORITIES[target.priority]:<9} ", f"{target.what} ({target.size})")
        for profile in profiles().values():
            screen.row(f"  --profile {profile.name:<15} ", profile.what)
        screen.say(f"{plural(len(chosen), 'target')}. One in full: scout targets {chosen[0].id}", "bold")
        return
    for target in chosen:
        _in_full(target, screen)


def _in_full(target: CollectionTarget, screen: Screen) -> None:
    screen.say(f"{target.id}  {target.what}", "bold")
    screen.row("  why       ", target.why)
    where = (("first", target.first), ("where", target.paths), ("live", target.live), ("never", target.secret), ("without", target.exclude))
    for title, patterns in where:
        for at, pattern in enumerate(patterns):
            screen.say(f"  {title if at == 0 else '':<9} {pattern}")
    for at, (role, form) in enumerate(target.groups.items()):
        screen.say(f"  {'with' if at == 0 else '':<9} {form.replace('{name}', '<name>')} ({role})")
    if target.configured:
        screen.row(f"  {'and':<9} ", f"what the host's configuration names ({', '.join(target.configured)})")
    if target.rule is not None:
        rule = target.rule
        if signs := (*rule.headers, *rule.extensions, *rule.names, *(["double extension"] if rule.double else [])):
            screen.say(f"  {'if':<9} {', '.join(signs)}")
        if rule.changed:
            screen.say(f"  {'if':<9} the file is not as its package has it")
        if rule.unowned:
            screen.say(f"  {'only':<9} files that no package owns")
        if rule.crowd:
            screen.say(f"  {'only':<9} the same name, or an extension added to documents, in {rule.crowd} folders; {rule.each} of each")
        if rule.listed:
            screen.say(f"  {'but':<9} they are only listed, with their hash")
        screen.say(f"  {'at most':<9} {rule.count:,} files, {megabytes(rule.total)} in all; {rule.looked:,} are looked at")
    if target.referenced is not None:
        screen.say(f"  {'where':<9} what the files and processes of the other targets name")
        screen.say(f"  {'at most':<9} {target.referenced.count:,} files, {megabytes(target.referenced.total)} in all")
    if target.images is not None:
        screen.say(f"  {'where':<9} /proc/<pid>/exe of processes whose program has no file any more")
        screen.say(f"  {'at most':<9} {target.images.count:,} files, {megabytes(target.images.total)} in all")
    if target.listing is not None:
        screen.say(f"  {'where':<9} every local file system")
        screen.say(f"  {'at most':<9} {target.listing.count:,} names, {target.listing.seconds:,} s")
    screen.say(f"  {'size':<9} {target.size}; at most {megabytes(target.cap)} per file")
    screen.row(f"  {'access':<9} ", ACCESS[target.access])
    screen.say(f"  {'priority':<9} {PRIORITIES[target.priority]}")
    screen.row(f"  {'read by':<9} ", ", ".join(target.reads) or target.unread)


def _document(target: CollectionTarget) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(target)
