"""Judge a provider of Winsock by its library: a text, or the beginning of a packed catalogue entry."""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judges.known_value import known
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.windows import examine, registry_target, unexpected
from commodore.sentence import sentence, short
from scout.formats import commandline

_PATH_BYTES = 260
"""bytes of the path at the beginning of a packed entry"""
_REASON = sentence("{name}: {path} loads {library!q}: {words}; expected: {expected}.")


@dataclass(frozen=True, slots=True)
class WinsockOptions:
    r"""`expected`: patterns of libraries in lower case, with `c:\windows` for the Windows folder."""

    expected: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: WinsockOptions) -> Judgement | None:
    """Judge the library of the provider."""
    texts = entry.texts("registry.data.strings")
    library = texts[0] if texts and texts[0] else _packed(entry.text("registry.data.bytes"))
    if not library:
        return None
    full, root = commandline.expand_windows(library, entry.system_root), entry.system_root.lower()
    severity, words = EXPECTED
    if not known(full, root, options.expected):
        severity, words = worst([("it", s) for s in entry.of_file(full, "windows")], "high") or unexpected(row, entry, [full])
    values = {"name": row.name, "path": short(entry.text("registry.path")), "library": short(library), "words": words}
    target = registry_target(entry, examine(full, entry)[1])
    return Judgement(severity, _REASON(values | {"expected": row.expected}), entry.values("registry.path"), target)


def _packed(text: str) -> str:
    try:
        return b64decode(text)[:_PATH_BYTES].split(b"\0", 1)[0].decode("latin-1")
    except binascii.Error:
        return ""


JUDGE = RowJudge(WinsockOptions, judge)
