"""Judge the library of a service that runs in a shared host process."""

from __future__ import annotations

import re
from dataclasses import dataclass

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.suspicion import Suspicion
from commodore.persistence.windows import plain, service_target, vouched
from commodore.sentence import sentence, short
from scout.formats import commandline

_OF_WINDOWS = re.compile(
    r"(?i)\A(?:[a-z]:\\windows\\|[a-z]:\\winnt\\|[a-z]:\\program files(?: \(x86\))?\\|[a-z]:\\programdata\\microsoft\\)"
)
_REASON = sentence("Service {name!q} loads {library!q}: {words}; expected: {expected}.")


@dataclass(frozen=True, slots=True)
class ServiceLibraryOptions:
    """`bare`: libraries of Windows that are expected without a folder, in lower case."""

    bare: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: ServiceLibraryOptions) -> Judgement | None:
    """Judge the place and the name of the library."""
    raw = entry.text("escadre.service.dll")
    path = plain(commandline.expand_windows(raw, entry.system_root).strip().strip('"'))
    found = [(path, s) for s in entry.of_file(path, "windows")]
    if not re.search(r"(?i)\.(?:dll|exe|cpl|ocx)\Z", path) and "\\" in path:
        found.append((path, Suspicion("high", "does not have the name of a library")))
    if not _OF_WINDOWS.match(path) and path.lower() not in options.bare and not vouched(entry, [path]):
        words = "lies neither in Windows nor in the program folders" if "\\" in path else "is named without its folder"
        found.append((path, Suspicion("medium", words)))
    severity, words = worst(found) or EXPECTED
    values = {"name": short(entry.text("service.name")), "library": short(raw), "words": short(words, 300), "expected": row.expected}
    matched = entry.values("service.name", "registry.path", "escadre.service.dll")
    return Judgement(severity, _REASON(values), matched, service_target(entry, "ServiceDll", raw, [path]))


JUDGE = RowJudge(ServiceLibraryOptions, judge)
