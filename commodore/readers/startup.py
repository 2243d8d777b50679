"""Read evidence in the languages of `scout/formats/startup/languages.yaml`: files that start programs, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from commodore.artefact import Problem
from commodore.evidence import Evidence
from commodore.readers.lines import plain_lines, shortened, unread
from scout.formats.startup import StartupEntry, StartupLanguage
from scout.formats.textlines import UTF16, Line, lines_of

LARGEST = 4 << 20
"""bytes of a text in UTF-16 that are read"""


def entries(language: StartupLanguage, evidence: Evidence) -> Iterator[StartupEntry | Problem]:
    """Yield the entries of a file, and a problem for each line that was too long and for a text that was too large."""
    if evidence.source.startswith("/"):
        yield from unread(evidence)
    with evidence.open() as stream:
        head = stream.read(2)
        if head.startswith(UTF16) and not language.to_nul:
            raw = head + stream.read(LARGEST)
            if len(raw) > LARGEST:
                yield Problem(f"a text in UTF-16 was read only to {LARGEST:,} bytes")
            lines: Iterator[Line] = lines_of(raw)
        else:
            lines = plain_lines(evidence)
        for line, found in language.entries(lines):
            yield from shortened(line)
            yield from found
