"""Links in the places of a row's files, judged by where they lead. The content behind a link is judged where it was read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from commodore.hits import Hit
from commodore.persistence.judgement import worst
from commodore.persistence.members import resolved
from commodore.persistence.places import FILES_DATASET, rows_of_file
from commodore.persistence.suspicion import of_file
from commodore.persistence.table import PersistenceRow, all_places
from commodore.sentence import sentence, short
from scout.formats.crontab import table_of
from scout.formats.unit_names import place

_REASON = sentence("{name}: {path!q} is a link to {to!q}, which was {read} there: {words}; expected: {expected}.")

_NOTE = re.compile(r"/etc/(?:init\.d|rc[0-6S]\.d|runit)/README")
"""Links to documentation beside init scripts, under a name that init does not start"""


def link_hits(lines: Iterable[Mapping[str, Any]], datasets: Callable[[str], Iterable[str]], collection: str, host: str) -> Iterator[Hit]:
    """Yield hits on links. `lines`: of the member list; `datasets`: path below the root → names of the artefacts that read it."""
    for line in lines:
        path, text = str(line.get("path") or ""), line.get("link")
        if not path.startswith("/") or not isinstance(text, str) or not text:
            continue
        to = resolved(path, text)
        judged = worst([(short(to), s) for s in of_file(to, "linux")])
        if judged is None or (_NOTE.fullmatch(path) and to.startswith("/usr/share/doc/")):
            continue
        severity, words = judged
        read = "read" if line.get("followed") else "not read"
        for row in _rows(path, frozenset(datasets(path[1:]))):
            yield Hit(
                row.id,
                "",
                "",
                {"file.path": path, "file.target_path": text},
                group=path,
                reason=_REASON(
                    {"name": row.name, "path": short(path), "to": short(to), "read": read, "words": words, "expected": row.expected}
                ),
                target={
                    "mechanism": row.id,
                    "kind": row.kind if row.kind == "systemd-unit" else "file",
                    "remove": row.remove,
                    "path": path,
                    "name": path.rsplit("/", 1)[-1],
                    "data": text,
                    "payload": [to],
                },
                host=host,
                collection=collection,
                severity=severity,
            )


def _rows(path: str, datasets: frozenset[str]) -> Iterator[PersistenceRow]:
    """Yield the Linux rows whose files have this path."""
    unit = "/systemd/" in path
    name, _, _, scope = place(path)
    record = {"escadre.scope": scope if unit else table_of(path).kind, "dll.path": path, "service.name": name, "file.path": path}
    read = {row for ids in rows_of_file(path[1:]).values() for row in ids}
    for row in all_places():
        if row.key in read or (row.os == "linux" and row.dataset in datasets - {FILES_DATASET} and row.concerns(record)):
            yield row
