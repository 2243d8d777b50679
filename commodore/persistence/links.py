"""Links that stand where a row's files stand: what they lead to was not read, and is judged by its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from commodore.hits import Hit
from commodore.persistence.suspicion import of_file
from commodore.persistence.table import Mechanism, mechanisms
from commodore.persistence.targets import resolved
from commodore.persistence.verdict import short, worst


def link_hits(lines: Iterable[Mapping[str, Any]], datasets: Callable[[str], Iterable[str]], collection: str, host: str) -> Iterator[Hit]:
    """`lines`: of `members.jsonl`; `datasets`: names of the artefacts that read files of a path below the root."""
    for line in lines:
        path, text = str(line.get("path") or ""), line.get("link")
        if not path.startswith("/") or not isinstance(text, str) or not text:
            continue
        to = resolved(path, text)
        judged = worst([(short(to), s) for s in of_file(to, "linux")])
        for row in _rows(path, frozenset(datasets(path[1:]))) if judged else ():
            severity, words = judged or ("", "")
            yield Hit(
                row.id,
                "",
                "",
                {"file.path": path, "file.target_path": text},
                group=path,
                reason=f"{row.name}: {short(path)} is a link to {short(to)}, which was not read there: {words}; expected: {row.expected}.",
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


def _rows(path: str, datasets: frozenset[str]) -> Iterator[Mechanism]:
    """The Linux rows whose files lie at this path."""
    system = path.startswith(("/etc/cron.d/", "/etc/crontab", "/etc/anacrontab"))
    kind = "user" if "/spool/cron/" in path else "system" if system else "periodic"
    alike = {"escadre.scope": kind, "dll.path": path}
    return (m for m in mechanisms() if m.id.startswith("L") and m.dataset in datasets and m.concerns(alike))
