"""Judge the parts `name=value` of a registry value: an environment of a service, a rule of the firewall."""

from __future__ import annotations

from dataclasses import dataclass

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement, lower, worst
from commodore.persistence.judges.known_value import known
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.windows import examine, registry_target
from commodore.sentence import sentence, short

_REASON = sentence("{name}: {path} has {part!q}: {words}; expected: {expected}.")


@dataclass(frozen=True, slots=True)
class Assignments:
    r"""What is judged.

    names     names in lower case whose value matters
    expected  patterns of values in lower case, with `c:\windows` for the Windows folder; others have the severity of the row
    split     the character that divides a text into parts, none where each text of the value is a part
    """

    names: tuple[str, ...]
    expected: tuple[str, ...]
    split: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: Assignments) -> Judgement | None:
    """Judge each part by its value, which is a file; None where no part matters. The severity of the row is the most."""
    texts = [part for text in entry.strings for part in (text.split(options.split[0]) if options.split else [text])]
    parts = [(name, value) for name, sign, value in (text.partition("=") for text in texts) if sign and name.lower() in options.names]
    if not parts:
        return None
    found, payload, strange = [], [], []
    for name, value in parts:
        more, files = examine(value, entry)
        found += more
        payload += files
        if not known(value, entry.system_root.lower(), options.expected):
            strange.append(f"{name}={value}")
    judged = worst(found, "high")
    other = (row.severity, "not among the expected ones") if strange else EXPECTED
    severity, words = (lower(judged[0], row.severity), judged[1]) if judged else other
    shown = strange[0] if strange else "=".join(parts[0])
    values = {"name": row.name, "path": short(entry.text("registry.path")), "part": short(shown), "words": words}
    target = registry_target(entry, list(dict.fromkeys(payload)))
    matched = entry.values("registry.path", "registry.data.strings")
    return Judgement(severity, _REASON(values | {"expected": row.expected}), matched, target)


JUDGE = RowJudge(Assignments, judge)
