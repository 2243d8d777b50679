"""Files of Arch packages: the paths and digests that each installed package brought, and those of its settings."""

from __future__ import annotations

from commodore.readers.package_lists import package_artefact
from scout.formats.packages import pacman

ARTEFACT, parse = package_artefact(
    pacman, name="pacman_files", title="Files of Arch packages", system="pacman", sources=("libarchive, mtree(5); pacman, makepkg(8)",)
)
