"""Authorised key: remove one line, with options and comment, from an `authorized_keys` file. The file stays, even without a key.

Source: sshd(8), AUTHORIZED_KEYS FILE FORMAT: one key per line, so a line is the unit of removal.
"""

from __future__ import annotations

from hunter.mechanisms._parts import Surgery
from hunter.objects._text import find_line

MECHANISM = Surgery("authorized-key", find_line)
