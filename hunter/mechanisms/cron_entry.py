"""Cron entry: one line out of a crontab, `/etc/cron.d` file or anacrontab. The file stays, even where no job is left in it.

The edited file gets a new mtime: cron reads a table again only where its mtime changed (cron(8), Debian). Source of the form: crontab(5).
"""

from __future__ import annotations

from hunter.mechanisms._parts import Surgery
from hunter.objects._text import find_line

MECHANISM = Surgery("cron-entry", find_line)
