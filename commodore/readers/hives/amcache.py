"""What the artefacts of the Amcache hive share."""

from __future__ import annotations

import re

FILES = ("**/AppCompat/Programs/Amcache.hve", "**/amcache.hve")
TIMES = {
    "@timestamp": "last write of the entry's key: when the inventory made or changed the entry",
    "escadre.registry.last_written": "the same",
}
SOURCES = ("Analysis of the AmCache, B. Lagny, ANSSI", "Amcache.hve format notes, Y. Khatri and libyal winreg-kb")
_SHA1 = re.compile(r"0000([0-9a-fA-F]{40})")


def sha1(text: str) -> dict[str, object]:
    """Return the hash fields of a file id, which is a SHA-1 behind four zeros."""
    found = _SHA1.fullmatch(text)
    return {"file.hash.sha1": found[1].lower(), "related.hash": [found[1].lower()]} if found else {}
