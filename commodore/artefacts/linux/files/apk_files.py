"""Files of Alpine packages: the paths and digests that each installed package brought, and those of its settings."""

from __future__ import annotations

from commodore.readers.package_lists import package_artefact
from scout.formats.packages import apk

ARTEFACT, parse = package_artefact(
    apk, name="apk_files", title="Files of Alpine packages", system="apk", sources=("Alpine Linux, Apk spec, Installed Database V2",)
)
