"""The isolation of the system that HUNTER runs on: nftables on Linux, the firewall of Windows."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from hunter.contain.windows_firewall import isolate, left, release, responders, usable
else:
    from hunter.contain.isolation import isolate, left, release, responders, usable

__all__ = ["isolate", "left", "release", "responders", "usable"]
