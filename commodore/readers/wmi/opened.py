"""Open a repository from the evidence of `OBJECTS.DATA` and its companions."""

from __future__ import annotations

from commodore.evidence import Evidence, Group
from commodore.readers.wmi.mapping import LARGEST, PageMap, newest, read_map
from commodore.readers.wmi.pages import PAGE, PagedFile, WmiFormatError
from commodore.readers.wmi.repository import WmiRepository
from commodore.record import Problem

GROUP = Group({"index": "INDEX.BTR", "map1": "MAPPING1.MAP", "map2": "MAPPING2.MAP", "map3": "MAPPING3.MAP"}, main="OBJECTS.DATA")
MAPS = ("map1", "map2", "map3")


class OpenedRepository:
    """A repository. `problems`: what could not be read of its files. `used`: physical pages of the index in use."""

    def __init__(self, evidence: Evidence) -> None:
        self.problems: list[Problem] = []
        self.chosen = ""
        """role of the mapping file that was used"""
        maps = self._maps(evidence)
        objects = PagedFile(evidence.open(), evidence.size)
        index = evidence.companions.get("index")
        self.tree = PagedFile(index.open(), index.size) if index is not None else None
        if self.tree is None:
            self.problems.append(Problem("INDEX.BTR was not collected: namespaces and live objects are not known", "index"))
        page_map = maps.get(self.chosen) if self.tree is not None else None
        self.used = {page for page in page_map.index.pages if page < self.tree.count} if page_map and self.tree else set()
        self.repository = WmiRepository(objects, self.tree, page_map)
        self.problems += self.repository.problems
        if page_map is None:
            self.repository.salvage()
        if evidence.size % PAGE:
            self.problems.append(Problem("OBJECTS.DATA ends within a page", f"offset {objects.count * PAGE}"))

    def _maps(self, evidence: Evidence) -> dict[str, PageMap]:
        found: dict[str, PageMap] = {}
        for role in MAPS:
            companion = evidence.companions.get(role)
            if companion is None:
                continue
            with companion.open() as stream:
                data = stream.read(LARGEST + 1)
            try:
                if len(data) > LARGEST:
                    raise WmiFormatError(f"it is larger than {LARGEST:,} bytes")
                found[role] = read_map(data)
            except WmiFormatError as e:
                self.problems.append(Problem(f"{companion.name} is not used: {e}", role))
        best = newest(found.items())
        self.chosen = best[0] if best else ""
        if not best:
            self.problems.append(Problem("no mapping file could be read: the objects are not known by namespace", "map"))
        return found
