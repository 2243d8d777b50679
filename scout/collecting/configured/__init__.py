"""Places that the examined host's own configuration names: log files that are not where they usually are, keys of the SSH server.

One module for each kind of configuration, with `names(source)` → native paths, which may have `*`. A target says which it takes
(`configured`). What the configuration of a hostile host names is bounded, and the secrets of all targets stay secret.
"""

from __future__ import annotations

import importlib
import itertools
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec

from scout.collecting.identity import MAX_TEXT
from scout.formats.startup.includes import includes, matching
from scout.lines import lines
from scout.sources.source import EvidenceSource, Parts, contents, resolve
from scout.targets import CollectionTarget
from scout.targets.patterns import literal

MAX_NAMES = 300
"""paths of one kind of configuration"""
MAX_FILES = 200
"""files of one folder of configuration"""


def exists(name: str) -> bool:
    """Return whether there is a reader of this name."""
    return find_spec(f"{__name__}.{name}") is not None


def targets_with(targets: Sequence[CollectionTarget], system: EvidenceSource, secret: tuple[str, ...]) -> list[CollectionTarget]:
    """Return targets for what the configuration of the host names, with the ids of those that take it; none for what they take already."""
    out = []
    for target in targets:
        found: dict[str, None] = {}
        for name in target.configured:
            named = importlib.import_module(f"{__name__}.{name}").names(system)
            found.update(dict.fromkeys(itertools.islice(named, MAX_NAMES)))
        if found:
            paths = {"paths": tuple(found), "first": (), "follow": (), "live": (), "groups": {}}
            out.append(replace(target, **paths, secret=secret))  # type: ignore[arg-type]
    return out


def on_volume(target: CollectionTarget, source: EvidenceSource) -> CollectionTarget:
    """Return a target of `targets_with` with the patterns of those native paths that are on a volume."""
    own = source.native(())[:2].upper() if source.windows else "/"
    paths = [path for path in target.paths if path.upper().startswith(own)]
    return replace(target, paths=tuple(_pattern(path[2:].replace("\\", "/") if source.windows else path) for path in paths))


def _pattern(path: str) -> str:
    return "/".join("*".join(map(literal, part.split("*"))) for part in path.split("/") if part not in ("", ".", ".."))


def config_lines(source: EvidenceSource, files: Iterable[Parts], language: str = "") -> Iterator[str]:
    """Yield the lines of configuration files, without comments and blank lines; links are resolved within the source.

    `language`: that of `scout/formats/startup/includes.yaml` in which a line takes in other files, whose lines follow.
    """
    seen: set[Parts] = set()
    todo = [(parts, source.native(parts)) for parts in files]
    while todo and len(seen) < MAX_FILES:
        parts, first = todo.pop(0)
        found = resolve(source, parts)
        if found is None or found in seen:
            continue
        seen.add(found)
        try:
            data, _ = contents(source, found, MAX_TEXT)
        except OSError:
            continue  # custody has a line of the file itself
        for line in lines(data.decode("utf-8", "surrogateescape")):
            if line.strip() and not line.lstrip().startswith("#"):
                yield line.strip()
        for included in includes(language, data, source.native(parts), first, ()):
            every = matching(included, partial(_listed, source), partial(_is_folder, source))
            todo += [(tuple(path.split("/")[1:]), first) for path in itertools.islice(every, MAX_FILES)]


def _is_folder(source: EvidenceSource, path: str) -> bool:
    found = resolve(source, tuple(path.split("/")[1:]))
    try:
        return found is not None and stat.S_ISDIR(source.status(found).st_mode)
    except OSError:
        return False


def _listed(source: EvidenceSource, path: str) -> list[str]:
    found = resolve(source, tuple(part for part in path.split("/") if part))
    try:
        return [entry.name for entry in source.scan(found, lambda _: True)] if found is not None else []
    except OSError:
        return []


def folder(source: EvidenceSource, parts: Parts, suffix: str) -> list[Parts]:
    """Return the files of a folder with this ending, in order; [] where there is none."""
    found = resolve(source, parts)
    try:
        entries = source.scan(found, lambda name: name.endswith(suffix)) if found else []
    except OSError:
        return []
    return [(*(found or ()), entry.name) for entry in entries[:MAX_FILES]]
