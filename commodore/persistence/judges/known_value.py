"""Judge a registry value whose expected contents are known: a library, a program, a list of them, or none at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.suspicion import is_interpreter, of_command, of_file
from commodore.persistence.windows import examine, plain, registry_target, unexpected
from commodore.sentence import sentence, short
from scout.formats import commandline

SHOWN = 5
_REASON = sentence("{name}: {path} has [{elements!q}: {words}|{data!q}: {words}|no data]; expected: {expected}.")


@dataclass(frozen=True, slots=True)
class KnownValue:
    r"""The state that is expected.

    expected  patterns of elements in lower case, with `c:\windows` for the Windows folder; a library in System32 or SysWOW64 may match
              by its name too
    split     characters that divide a text into elements
    """

    expected: tuple[str, ...]
    split: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: KnownValue) -> Judgement | None:
    """Compare each element with the expected ones; an unexpected one is judged by its place too."""
    texts = entry.strings
    elements = [element for text in texts for element in _elements(text, options.split)]
    root = entry.system_root.lower()
    strange = [element for element in elements if not known(element, root, options.expected) or _lies_oddly(element, entry)]
    found, payload = [], []
    for element in strange:
        more, files = examine(element, entry)
        path = plain(commandline.expand_windows(element, entry.system_root).strip('"'))
        found += more + [(short(element), s) for s in (*entry.of_file(path, "windows"), *of_command(element, "windows"))]
        payload += files or ([path] if re.match(r"(?i)[a-z]:\\", path) and not is_interpreter(path, "windows") else [])
    severity, words = EXPECTED
    if strange:
        judged = worst(found, "high")
        severity, words = judged or unexpected(row, entry, payload if len(payload) == len(strange) else [])
    values: dict[str, object] = {"name": row.name, "path": short(entry.text("registry.path")), "words": words, "expected": row.expected}
    values |= {"elements": [short(e) for e in strange[:SHOWN]], "data": [short(text) for text in texts[:SHOWN]]}
    target = {**registry_target(entry, list(dict.fromkeys(payload))), "elements": strange}
    return Judgement(severity, _REASON(values), entry.values("registry.path", "registry.data.strings"), target)  # type: ignore[arg-type]


def _lies_oddly(element: str, entry: AutostartEntry) -> bool:
    """Return whether an element is a file in a place where no program is installed, which no wider pattern excuses."""
    path = plain(commandline.expand_windows(element, entry.system_root))
    return any(s.severity == "high" and s.words.startswith("lies") for s in of_file(path, "windows")) if "\\" in path else False


def _elements(text: str, split: tuple[str, ...]) -> list[str]:
    parts = re.split("[" + re.escape("".join(split)) + "]", text) if split else [text]
    plain = (part.strip("\0 \t") for part in parts)
    unquoted = (part[1:-1].strip() if part[:1] == part[-1:] == '"' and part.count('"') == 2 else part for part in plain)
    return [part for part in unquoted if part]


def known(element: str, root: str, expected: tuple[str, ...]) -> bool:
    """Return whether an element is expected, by its path or, in a folder of Windows, by its name."""
    full = plain(commandline.expand_windows(element, root)).lower().replace(root, "c:\\windows", 1)
    folder, _, name = full.rpartition("\\")
    names = {full} | ({name} if folder in ("c:\\windows\\system32", "c:\\windows\\syswow64", "\\systemroot\\system32") else set())
    bare = {text for text in names if "\\" not in text}
    return any(fnmatchcase(text, pattern) for pattern in expected for text in (bare if pattern.startswith("*.") else names))


JUDGE = RowJudge(KnownValue, judge)
