"""One line of a text file: a crontab, a file of keys, a script. The file stays, even without a line.

The edited file gets a new mtime: cron reads a table again when its mtime changed (cron(8), Debian). Sources of the formats: crontab(5);
sshd(8), AUTHORIZED_KEYS FILE FORMAT (one key per line, so a line is the unit of removal).
"""

from __future__ import annotations

from collections.abc import Sequence

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import Surgery
from hunter.objects import _shell
from hunter.objects._text import find_line
from hunter.plan.model import RemovalTarget


class _TextLine(Surgery):
    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        """Of a script of a shell, what stands in place of the line keeps the rest readable."""
        found = super().inspect(view, target)
        if len(found.cuts) != 1:
            return found
        data = view.files.read(target.ref.name)
        if _shell.is_shell(target.ref.name, data):
            try:
                found.edits = {target.ref: _shell.removed(data, found.cuts[0])}
            except ValueError as e:
                found.problems.append(f"{target.ref.name}: {e}")
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        cuts, puts = found.edits.get(target.ref, (found.cuts, ()))
        return [Edit("cut", target.ref, cuts=cuts, puts=puts)]


MECHANISM = _TextLine("text-line", find_line)
