"""One line of a text file: a crontab, a file of keys, a script. The file stays, even without a line.

The edited file gets a new mtime: cron reads a table again when its mtime changed (cron(8), Debian). Sources of the formats: crontab(5);
sshd(8), AUTHORIZED_KEYS FILE FORMAT (one key per line, so a line is the unit of removal).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import Surgery
from hunter.objects import _pam, _shell
from hunter.objects._text import continued, find_line
from hunter.plan.model import RemovalTarget

_CONTINUES = re.compile(
    r"/(?:etc|run|lib|usr/lib|usr/local/lib)/(?:udev/rules\.d|modprobe\.d)/.*|/etc/network/interfaces(?:\.d/.*)?|/etc/(?:apache2|httpd)/.*"
    r"|/.*/\.htaccess|(?:/.*/\.|/etc/)gitconfig|/etc/rsyslog\.(?:conf|d/.*)"
)
"""formats in which a backslash at the end of a line joins the next one: udev(7), modprobe.d(5), interfaces(5), httpd, git-config(1)"""

_PAM = re.compile(r"/etc/(?:pam\.d/[^/]+|pam\.conf)")


class _TextLine(Surgery):
    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        """Where lines hang on each other (scripts of a shell, rules of udev and of PAM), what is left means the same."""
        found = super().inspect(view, target)
        if len(found.cuts) != 1:
            return found
        data = view.files.read(target.ref.name)
        if _CONTINUES.fullmatch(target.ref.name):
            found.edits = {target.ref: continued(data, found.cuts[0])}
        elif _PAM.fullmatch(target.ref.name):
            found.edits = {target.ref: _pam.shortened(data, found.cuts[0])}
        elif _shell.is_shell(target.ref.name, data):
            try:
                found.edits = {target.ref: _shell.removed(data, found.cuts[0])}
            except ValueError as e:
                found.problems.append(f"{target.ref.name}: {e}")
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        cuts, puts = found.edits.get(target.ref, (found.cuts, ()))
        return [Edit("cut", target.ref, cuts=cuts, puts=puts)]


MECHANISM = _TextLine("text-line", find_line)
