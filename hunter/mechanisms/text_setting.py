"""A setting that switches a protection off: its line goes, or gets the value that switches it on again. No other line is ever taken.

Option `lines`: patterns of whole lines without their end. The group `value` of a pattern is replaced by `put`; without `put` the line goes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import Surgery
from hunter.objects._text import find_line
from hunter.plan.model import RemovalTarget


class _SettingLine(NamedTuple):
    pattern: re.Pattern[bytes]
    put: bytes | None


class _TextSetting(Surgery):
    def __init__(self, known: Sequence[_SettingLine] = ()) -> None:
        super().__init__("text-setting", find_line)
        self._known = known

    def bind(self, options: Mapping[str, Any]) -> Self:
        return type(self)(
            [
                _SettingLine(re.compile(str(one["match"]).encode()), one["put"].encode() if "put" in one else None)
                for one in options["lines"]
            ]
        )

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        found = super().inspect(view, target)
        if found.gone or len(found.cuts) != 1:
            return found
        begin, end = found.cuts[0]
        line = view.files.read(target.ref.name)[begin:end].rstrip(b"\r\n")
        put, match = next(((one.put, m) for one in self._known if (m := one.pattern.fullmatch(line))), (None, None))
        if match is None:
            found.problems.append(f"{target.ref.name}: the line switches no protection off that HUNTER knows")
        elif put is not None:
            at = begin + match.start("value")
            found.edits = {target.ref: ([(at, begin + match.end("value"))], [(at, put)])}
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        cuts, puts = found.edits.get(target.ref, (found.cuts, ()))
        return [Edit("cut", target.ref, cuts=cuts, puts=puts)]


MECHANISM = _TextSetting()
