"""Judge a module that a line loads by its name: of the kernel, of PAM, or of the C library. What distributions have is expected."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import EXPECTED, Judgement
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.linux import line_target
from commodore.sentence import sentence, short

_REASON = sentence("{path} (line {number}) loads {module!q} by its name: {words}; expected: {expected}.")


@dataclass(frozen=True, slots=True)
class KnownNames:
    """Shell patterns of names: modules of the kernel (with `_` and `-` alike), of PAM without `.so`, services of nsswitch.conf."""

    kernel: tuple[str, ...]
    pam: tuple[str, ...]
    names: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: KnownNames) -> Judgement | None:
    """Compare the name with those that distributions have."""
    module = next(iter(entry.texts("escadre.settings")), "").rpartition("=")[0] or next(iter(entry.texts("escadre.settings")), "")
    path = entry.text("file.path")
    in_pam, in_names = "/pam.d/" in path, path.endswith("nsswitch.conf")
    if not module or (in_pam != module.endswith(".so")):
        return None
    known = options.pam if in_pam else options.names if in_names else options.kernel
    name = module.removesuffix(".so").replace("-", "_").lower()
    usual = _matcher(known).fullmatch(name) is not None
    severity, words = EXPECTED if usual else (row.severity, "it is not among the usual ones")
    values = {"path": short(path), "number": entry.record.get("escadre.line_number"), "module": short(module), "words": words}
    reason = _REASON(values | {"expected": row.expected})
    return Judgement(severity, reason, entry.values("file.path", "escadre.line"), line_target(entry, module, []))


@lru_cache(maxsize=16)
def _matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    parts = (re.escape(p.replace("-", "_").lower()).replace(r"\*", ".*").replace(r"\?", ".") for p in patterns)
    return re.compile("|".join(parts))


JUDGE = RowJudge(KnownNames, judge)
