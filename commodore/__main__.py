"""`python -m commodore`."""

from __future__ import annotations

from commodore.cli import main

main()
