"""Files of rpm packages: the paths and digests that each installed package brought, and those of its settings."""

from __future__ import annotations

from commodore.readers.package_lists import package_artefact
from scout.formats.packages import rpm

ARTEFACT, parse = package_artefact(
    rpm,
    name="rpm_files",
    title="Files of rpm packages",
    system="rpm",
    sources=("rpm, docs/manual/hregions.md; lib/backend: sqlite, ndb; Berkeley DB 5.3, dbinc/db_page.h", "scout.formats.rpm_database"),
)
