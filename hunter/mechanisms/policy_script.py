"""One script of group policy: its command and its parameters in scripts.ini. The numbers of those behind it go down by one.

Windows runs the scripts of a section by their numbers and stops at the first that is missing. Source: [MS-GPSCR] 2.2.2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import Surgery
from hunter.objects._text import Cut, Put, find_line, lines, wide
from hunter.plan.model import RemovalTarget

_ENTRY = re.compile(r"\s*(\d{1,4})(CmdLine|Parameters)\s*=", re.IGNORECASE)


class _PolicyScript(Surgery):
    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        found = super().inspect(view, target)
        if found.cuts:
            found.edits = {target.ref: _script(view.files.read(target.ref.name), found.cuts[0])}
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:  # noqa: ARG002
        return [Edit("cut", ref, cuts=cuts, puts=puts) for ref, (cuts, puts) in found.edits.items()]


def _script(data: bytes, cut: Cut) -> tuple[list[Cut], list[Put]]:
    """Return what to cut and put in: both lines of the script, and the new numbers. ValueError for a line that is no script."""
    encoding = wide(data) or "latin-1"
    step = 2 if wide(data) else 1
    rows: list[tuple[Cut, Any]] = []
    for begin, end in lines(data):
        text = data[begin:end].decode(encoding, "replace")
        if text.lstrip().startswith("["):
            if any(place == cut for place, _ in rows):
                break
            rows = []
        rows.append(((begin, end), _ENTRY.match(text)))
    mine = next((entry for place, entry in rows if place == cut), None)
    if mine is None:
        raise ValueError("the line is no script of group policy")
    number, cuts, puts = int(mine[1]), list[Cut](), list[Put]()
    for (begin, end), entry in rows:
        if entry is None or int(entry[1]) < number:
            continue
        if int(entry[1]) == number:
            cuts.append((begin, end))
            continue
        at = begin + step * entry.start(1)
        cuts.append((at, at + step * len(entry[1])))
        puts.append((at, str(int(entry[1]) - 1).encode(encoding)))
    return cuts, puts


MECHANISM = _PolicyScript("policy-script", find_line)
