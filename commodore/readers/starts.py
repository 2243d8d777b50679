"""Records that show that a Windows host started: process ids and logon ids before them mean other processes and sessions than those after.

Sources: Microsoft, 4608(S): Windows is starting up; events 12 of Kernel-General and 6005 of EventLog.
"""

from __future__ import annotations

from typing import Any

EVENTS = frozenset({("Microsoft-Windows-Kernel-General", "12"), ("EventLog", "6005"), ("Microsoft-Windows-Security-Auditing", "4608")})
"""Provider and event id."""
SLACK = 120.0
"""Seconds before a marker of a start that belong to the new start: the event log is not the first service to run."""


def is_start(record: dict[str, Any]) -> bool:
    """Return whether an event shows that the host started."""
    return (record.get("winlog.provider_name"), record.get("event.code")) in EVENTS
