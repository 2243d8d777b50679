"""`scout collect --explain` and `scout targets`: show what would be taken, and what each target is. No evidence is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scout.collecting import foreign, manners
from scout.collecting.examined import make_plan, open_host
from scout.collecting.options import CollectOptions
from scout.collecting.planned import PlannedItem
from scout.console import DONE, WRONG_USE, Complaint, Screen, escape, megabytes, plural
from scout.targets import CollectionTarget, load
from scout.targets.foreign import is_foreign
from scout.targets.loader import ACCESS, PRIORITIES
from scout.targets.profiles import profiles


def explain(options: CollectOptions, screen: Screen) -> int:
    """Print number and size of the items of each target, within the limits. Reads names, sizes, and what names the homes."""
    host = open_host(options)
    plan = make_plan(host, compare=False)
    found = _Estimate(options)
    for item in plan.items:
        found.count(item)
    items, sizes, looked_at = found.items, found.sizes, found.looked_at
    missing = Counter(missing.target.id for missing in plan.missing)
    rows = [_row(target, found, missing) for target in host.targets]
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
    if found.over:
        screen.say(f"{plural(sum(found.over.values()), 'file')} beyond a limit would be listed with hash, head and tail only.")
    if looked_at:
        screen.say(f"{plural(looked_at, 'more file')} would be opened: those that the rule of their target finds suspicious are taken.")
    for text in _room(options, total * 0.5):
        screen.say(text, "yellow")
    screen.say("Nothing was taken or written. Next: the same command without --explain.")
    return DONE


class _Estimate:
    """What would be taken, by target, with the limits of targets and options."""

    def __init__(self, options: CollectOptions) -> None:
        self.items, self.sizes, self.candidates, self.refused, self.over = (Counter[str]() for _ in range(5))
        self.looked_at = self._total = 0
        self._options = options

    def count(self, item: PlannedItem) -> None:
        """Add one item of the plan."""
        name = item.target.id
        if item.rules:
            self.candidates.update(target.id for target in item.rules)
            self.looked_at += 1
        elif item.verdict:
            self.refused[name] += 1
        elif self._beyond(item):
            self.over[name] += 1
        else:
            self.items[name] += 1
            self.sizes[name] += item.data
            self._total += item.data

    def _beyond(self, item: PlannedItem) -> bool:
        limits = [(item.target.cap, item.data), (self._options.max_file, item.data), (self._options.max_total, self._total + item.data)]
        return any(limit and value > limit for limit, value in limits)


def _room(options: CollectOptions, size: float) -> Iterator[str]:
    """Yield a sentence where the archive may not fit into the output."""
    if not options.out.is_dir():
        return
    free = manners.free(options.out) - options.min_free
    if free < size:
        kept = f", {megabytes(options.min_free)} of it kept free (--min-free)" if options.min_free else ""
        yield f"The output {escape(options.out)} has {megabytes(max(free, 0))} for it{kept}: that may be too little."


def _row(target: CollectionTarget, found: _Estimate, missing: Counter[str]) -> dict[str, Any]:
    return {
        "target": target.id,
        "what": target.what,
        "files": found.items[target.id],
        "bytes": found.sizes[target.id],
        "candidates": found.candidates[target.id],
        "not_taken": found.refused[target.id],
        "over_limit": found.over[target.id],
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
    if target.sectors:
        screen.say(f"  {'and':<9} the first MiB of each disk, its last sectors, and the beginning of each partition")
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
