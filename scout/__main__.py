"""`python -m scout`."""

from __future__ import annotations

from scout.cli import main

main()
