"""`python -m hunter`."""

from __future__ import annotations

from hunter.cli import main

main()
