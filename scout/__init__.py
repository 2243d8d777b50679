"""SCOUT collects from compromised hosts; it is also the base layer that the other tools share.

Importing this package is cheap on purpose: it is frozen into the agent that runs on victims.
"""

from __future__ import annotations

__version__ = "0.1.0"
