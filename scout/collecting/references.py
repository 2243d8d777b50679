"""Follow references: read the files of a plan that start programs, and add the files that they name to the plan.

Each file is marked with who refers to it (`referrer`). An unmodified file of a package of the host is listed with its hash and not taken.
All numbers are bounded, and a bound that cuts is recorded in custody as a gap of the file that names too much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from scout.collecting import identity
from scout.collecting import package_owners as packages
from scout.collecting.examined import ExaminedHost
from scout.collecting.plan import CollectionPlan
from scout.collecting.planned import PlannedItem
from scout.collecting.resolving import LinuxNames, ResolvedFile, WindowsNames
from scout.collecting.walk import FoundPath, measured
from scout.collecting.wanting import LISTED
from scout.formats.startup.includes import DEEPEST, MOST_FILES, MOST_LOOKED_UP, includes, matching
from scout.references import live
from scout.references.named import NamedFile, StartingFile
from scout.references.places import StartingPlace, StartingPlaces
from scout.sources.source import EvidenceSource, Parts, contents
from scout.targets import CollectionTarget, load
from scout.targets.patterns import expand, path_regex

MAX_TEXT = 1 << 20
"""bytes of one text that are searched for names"""
MAX_LINES, MAX_ALL_LINES = 50_000, 1_000_000
"""lines of one text, and of all, that are searched for names: a short line costs a tenth of a millisecond on a slow host"""
MAX_NAMES = 2_000
"""different names of one file that are looked up"""
MAX_ALL = 50_000
"""different names that are looked up in all"""
MAX_REFERRERS = 8
"""referrers that custody names for one file"""
Step = Callable[[Parts], None]


@dataclass(slots=True)
class _Referred:
    """A name, and who uses it."""

    certain: bool = False
    referrers: dict[str, None] = field(default_factory=dict)


class ReferenceSearch:
    """The references of one host. `step` is called before each file that is read; it may raise to end the search."""

    def __init__(self, host: ExaminedHost, step: Step) -> None:
        source = self._source = host.system
        self.timed, self._gaps, self._step = host.timed, host.gaps, step
        profiles, variables = identity.profiles(source, {}), identity.variables(source)
        system = "windows" if source.windows else "linux"
        self._places = StartingPlaces(system, profiles, variables)
        self._profiles = sorted(profiles, key=len, reverse=True)
        self._homes = {} if source.windows else identity.homes_by_account(source)
        self._root = variables.get("SystemRoot", "Windows")
        self._named: dict[str, _Referred] = {}
        self._looked_up = self._lines = 0
        self._included: dict[tuple[Parts, StartingPlace], dict[str, None]] = {}
        """file and how it is read → native paths of the files that the host reads by itself and that take it in"""
        self._names: LinuxNames | WindowsNames = (
            WindowsNames(host.sources, self.timed, self._root) if source.windows else LinuxNames(source, self.timed)
        )
        hidden = [one for each in load() if each.os == system for pattern in each.secret for one in expand(pattern, profiles, variables)]
        self._secret = [path_regex(one, source.fold) for one in hidden]

    def is_secret(self, parts: Parts) -> bool:
        """Return whether some target lists this file as secret material."""
        path = "/".join(parts)
        return any(regex.fullmatch(path) for regex in self._secret)

    def read(self, items: Iterable[PlannedItem]) -> None:
        """Note the names in those of the items that start programs."""
        for item in items:
            if item.source is not self._source or item.type != "file" or item.verdict:
                continue
            if not self._places.readers.intersection(_readers(item)):
                continue
            for place in self._places.of(item.place or item.parts):
                self._one(item.parts, item.place or item.parts, place)

    def of_processes(self) -> None:
        """Note the programs and libraries of the processes that run on this host."""
        for path, who in live.names():
            self._note(NamedFile(path), who)

    def _one(self, parts: Parts, read_as: Parts, place: StartingPlace, first: str = "", depth: int = 0) -> None:
        """Read one file. `read_as`: where the host reads it; `first`: native path of the file that takes it in, '' for none."""
        native = self._source.native(read_as)
        limit = identity.MAX_HIVE if place.reader == "registry" else MAX_TEXT
        self._step(parts)
        try:
            content, cut = self.timed.call(contents, self._source, parts, limit)
        except OSError:
            return  # taking it reports the error
        if cut:
            self._gaps[native] = f"only its first {limit:,} bytes were searched for the programs that it starts"
        if place.reader != "registry":
            content = self._bounded(native, content)
        home, beside = self._home(read_as), self._beside(parts)
        file = StartingFile(native, content, place.language, home, self._homes, f"C:\\{self._root}", beside)
        seen: set[NamedFile] = set()
        for name in self._safely(place, file):
            if name in seen:
                continue
            if len(seen) == MAX_NAMES:
                self._gaps[native] = f"it names more than {MAX_NAMES:,} files: only the first {MAX_NAMES:,} were looked up"
                break
            seen.add(name)
            self._note(name, native)
        if isinstance(self._names, LinuxNames) and depth < DEEPEST:
            self._take_in(self._names, file, place, first or native, depth)

    def _bounded(self, native: str, content: bytes) -> bytes:
        """Return the lines of a text that are searched."""
        most = min(MAX_LINES, MAX_ALL_LINES - self._lines)
        found = content.split(b"\n", most)
        self._lines += min(len(found), most)
        if len(found) <= most:
            return content
        of_all = "" if most == MAX_LINES else f": {MAX_ALL_LINES:,} lines were searched in all"
        self._gaps[native] = f"only its first {most:,} lines were searched for the programs that it starts{of_all}"
        return b"\n".join(found[:most])

    def _take_in(self, names: LinuxNames, file: StartingFile, place: StartingPlace, first: str, depth: int) -> None:
        """Read what the lines of a file take in, in the same language."""
        homes = [file.home] if file.home else list(self._homes.values())[: identity.MAX_HOMES]
        for included in includes(place.language, file.content, file.path, first, homes):
            for path in matching(included, names.listed, names.is_folder):
                self._looked_up += 1
                if self._looked_up > MOST_LOOKED_UP:
                    self._gaps[file.path] = f"more than {MOST_LOOKED_UP:,} names are taken in by others in all: the rest was not looked up"
                    return
                found = names.find(NamedFile(path))
                if found is None or self._source.native(found.parts) == file.path:
                    continue
                below = place if included.reader == place.reader else StartingPlace(included.reader, "")
                key = found.parts, below
                if key not in self._included and len(self._included) >= MOST_FILES:
                    self._gaps[file.path] = f"more than {MOST_FILES} files are taken in by others in all: the rest was not read"
                    return
                known = key in self._included
                self._included.setdefault(key, {})[first] = None
                self._note(NamedFile(path), file.path)
                if not known and not self.is_secret(found.parts):
                    self._one(found.parts, found.parts, below, first, depth + 1)

    def taken_in(self) -> dict[Parts, dict[str, list[str]]]:
        """Return file → reader → native paths of the files that the host reads by itself and that take it in."""
        out: dict[Parts, dict[str, list[str]]] = {}
        for (parts, place), firsts in self._included.items():
            known = out.setdefault(parts, {}).setdefault(place.reader, [])
            known += [first for first in firsts if first not in known][: MAX_REFERRERS - len(known)]
        return out

    def _safely(self, place: StartingPlace, file: StartingFile) -> Iterator[NamedFile]:
        try:
            yield from self._places.reader(place.reader)(file)
        except (ArithmeticError, LookupError, ValueError, RecursionError, AttributeError, TypeError) as e:
            self._gaps[file.path] = f"it was not read completely for the programs that it starts: {type(e).__name__}"

    def _note(self, name: NamedFile, who: str) -> None:
        known = self._named.get(name.path)
        if known is None:
            if len(self._named) >= MAX_ALL:
                self._gaps[self._source.native(())] = f"more than {MAX_ALL:,} files are named in all: the rest was not looked up"
                return
            known = self._named[name.path] = _Referred()
        known.certain = known.certain or name.certain
        if len(known.referrers) < MAX_REFERRERS:
            known.referrers[identity.shown(who)] = None

    def _home(self, parts: Parts) -> str:
        path = "/".join(parts)
        home = next((one for one in self._profiles if path.startswith(f"{one}/")), "")
        return self._source.native(tuple(home.split("/"))) if home else ""

    def _beside(self, parts: Parts) -> Callable[[str], bytes]:
        def read(name: str) -> bytes:
            try:
                return self.timed.call(contents, self._source, (*parts[:-1], name), identity.MAX_HIVE)[0]
            except OSError:
                return b""

        return read

    def files(self) -> dict[ResolvedFile, dict[str, None]]:
        """Return the files that the names mean, with their referrers."""
        out: dict[ResolvedFile, dict[str, None]] = {}
        for path, referred in self._named.items():
            self._step(())
            found = self._names.find(NamedFile(path, referred.certain))
            if found is not None:
                out.setdefault(found, {}).update(referred.referrers)
        return out


def _readers(item: PlannedItem) -> tuple[str, ...]:
    return (*item.target.reads, "registry") if item.source.windows else item.target.reads


def follow(host: ExaminedHost, plan: CollectionPlan, step: Step) -> None:
    """Add the files that the files of the plan and the processes of a live host name.

    Nothing is done where no target of the collection takes such files.
    """
    target = next((target for target in host.targets if target.referenced is not None), None)
    if target is None:
        return
    search = ReferenceSearch(host, step)
    search.read(plan.items)
    if host.live:
        search.of_processes()
    found = search.files()
    wanted = {(one.source.volume, one.parts): referrers for one, referrers in found.items()}
    present = {key for item in plan.items if (key := (item.source.volume, item.parts)) in wanted}
    fresh = [(one, referrers) for one, referrers in found.items() if (one.source.volume, one.parts) not in present]
    items = [item for item in _items(fresh, search, target, step) if (item.source.volume, item.parts) not in present]
    taken_in = search.taken_in()

    def including(item: PlannedItem) -> PlannedItem:
        if item.parts not in taken_in or item.source is not host.system:
            return item
        return item._replace(facts={**(item.facts or {}), "included_by": taken_in[item.parts]})

    def revised(item: PlannedItem) -> Iterator[PlannedItem]:
        if items and item.target.order > target.order:
            yield from map(including, items)
            items.clear()
        key = (item.source.volume, item.parts)
        yield including(_marked(item, wanted[key], target) if key in wanted else item)

    plan.items.revise(revised)
    plan.items.extend(map(including, items))


def _marked(item: PlannedItem, referrers: dict[str, None], target: CollectionTarget) -> PlannedItem:
    """Return an item with its referrers; one that only rules want is taken without them."""
    own = item.source.native(item.parts)
    known = [one for one in (*(item.facts or {}).get("referrer", ()), *referrers) if one != own]
    if not known:
        return item
    item = item._replace(facts={**(item.facts or {}), "referrer": list(dict.fromkeys(known))[:MAX_REFERRERS]})
    return item._replace(rules=(), target=target) if item.rules else item


def _items(
    fresh: list[tuple[ResolvedFile, dict[str, None]]], search: ReferenceSearch, target: CollectionTarget, step: Step
) -> Iterator[PlannedItem]:
    """Yield the items of new files, those outside the system's folders first, and of the links on the way to them."""
    sized = [(one, referrers, measured(one.source, search.timed, one.parts, ())) for one, referrers in fresh]
    sizes = {found.parts: found.size for one, _, found in sized if not found.verdict and not one.source.windows}
    known: dict[Parts, packages.Unmodified] = {}
    if sizes:
        known = packages.unmodified(fresh[0][0].source, search.timed, sizes, step)
    links: set[tuple[str, Parts]] = set()
    for one, referrers, found in sorted(sized, key=lambda each: (_of_the_system(each[0]), each[0].source.volume, each[0].parts)):
        facts: dict[str, Any] = {"referrer": list(referrers)}
        if not found.verdict and search.is_secret(one.parts):
            found = found._replace(verdict="blocked", error=LISTED)
        if (package := known.get(one.parts)) is not None and not found.verdict:
            facts["sha256"] = package.sha256
            found = found._replace(verdict="blocked", error=f"an unmodified file of the package {package.package}: hashed, not taken")
        yield _item(one.source, found, target, facts)
        for source, link in one.links:
            if (source.volume, link) not in links:
                links.add((source.volume, link))
                yield _item(source, FoundPath(link, (), "link", verdict="link"), target, {"referrer": list(referrers)})


def _item(source: EvidenceSource, found: FoundPath, target: CollectionTarget, facts: dict[str, Any]) -> PlannedItem:
    of_file = (found.type, found.size, found.data, found.verdict, found.error)
    return PlannedItem(source, found.parts, target, *of_file, None, facts=facts)


def _of_the_system(one: ResolvedFile) -> bool:
    if one.source.windows:
        return one.parts[0].lower() in ("windows", "winnt", "program files", "program files (x86)")
    return one.parts[0] in ("usr", "bin", "sbin", "lib", "lib64") and one.parts[:2] != ("usr", "local")
