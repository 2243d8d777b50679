"""Cron entry: remove one line from a crontab, a file in `/etc/cron.d` or the anacrontab. The file stays, even without a job.

The edited file gets a new mtime: cron reads a table again when its mtime changed (cron(8), Debian). Source of the format: crontab(5).
"""

from __future__ import annotations

from hunter.mechanisms._parts import Surgery
from hunter.objects._text import find_line

MECHANISM = Surgery("cron-entry", find_line)
