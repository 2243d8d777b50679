"""`python -m eye`."""

from __future__ import annotations

from eye.cli import main

main()
