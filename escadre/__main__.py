"""`python -m escadre`."""

from __future__ import annotations

from escadre.cli import main

main()
