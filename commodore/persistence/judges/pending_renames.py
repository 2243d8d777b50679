"""Judge the files that Windows renames at the next boot. A pair without a target is a deletion, which starts nothing."""

from __future__ import annotations

import base64
import re

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, worst
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from commodore.persistence.suspicion import of_file
from commodore.persistence.windows import registry_target
from commodore.sentence import sentence, short

_REASON = sentence(
    "{name}: {path} puts [{source!q} in the place of {target!q}|no file in the place of another]: {words}; expected: {expected}."
)
_SYSTEM = re.compile(
    r"(?i)[a-z]:\\(?:windows|winnt|program files(?: \(x86\))?|programdata\\microsoft\\windows\\start menu)\\|.*\\startup\\"
)
"""Places of a target that matter: programs of the system, and folders that start programs."""


def judge(row: RowText, entry: AutostartEntry, _: NoOptions) -> Judgement | None:
    """Judge each renaming into a folder of programs by the place that the new file comes from."""
    values: dict[str, object] = {"name": row.name, "path": short(entry.text("registry.path")), "expected": row.expected}
    severity, words = EXPECTED
    elements: list[str] = []
    for source, replaced in _pairs(entry):
        judged = worst([("the new file", s) for s in of_file(source, "windows")], "high")
        if judged is None or not _SYSTEM.match(replaced):
            continue
        elements += [source, replaced]
        if not severity:
            severity, words = judged
            values |= {"source": short(source), "target": short(replaced)}
    target = {**registry_target(entry, elements[::2]), "elements": elements}
    return Judgement(severity, _REASON(values | {"words": words}), entry.values("registry.path"), target)  # type: ignore[arg-type]


def _pairs(entry: AutostartEntry) -> list[tuple[str, str]]:
    """Return (source, target) of all renamings, from the bytes of the value: an empty target is an empty text in the list."""
    raw = base64.b64decode(entry.text("registry.data.bytes"))
    texts = [text.removeprefix("!").removeprefix("*1").removeprefix("\\??\\") for text in raw.decode("utf-16-le", "replace").split("\0")]
    return [(source, target) for source, target in zip(texts[::2], texts[1::2], strict=False) if source and target]


JUDGE = RowJudge(NoOptions, judge)
