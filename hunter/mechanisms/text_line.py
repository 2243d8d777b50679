"""One line of a text file: a crontab, a file of keys. The file stays, even without a line.

The edited file gets a new mtime: cron reads a table again when its mtime changed (cron(8), Debian). Sources of the formats: crontab(5);
sshd(8), AUTHORIZED_KEYS FILE FORMAT (one key per line, so a line is the unit of removal).
"""

from __future__ import annotations

from hunter.mechanisms._parts import Surgery
from hunter.objects._text import find_line

MECHANISM = Surgery("text-line", find_line)
