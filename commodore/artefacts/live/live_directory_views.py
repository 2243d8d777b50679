"""Names in folders of the live Linux host that one way of listing hides."""

from __future__ import annotations

from typing import Any

from commodore.containers.listing import listing_artefact
from commodore.host import Host

_VIEWS = (("libc", "readdir"), ("direct", "getdents64"), ("named", "look-up by name"))


def _adds(one: dict[str, Any], host: Host) -> dict[str, Any]:  # noqa: ARG001
    path = one.get("path")
    if not isinstance(path, str):
        return {"escadre.listing.kind": "summary"}
    seen = [words for key, words in _VIEWS if one.get(key) is True]
    return {"escadre.listing.kind": "hidden name", "file.name": path.rpartition("/")[2]} | ({"escadre.listing.only": seen} if seen else {})


ARTEFACT, parse, expected = listing_artefact(
    "directory_views/1",
    renamed={"path": "file.path"},
    shown=("folders", "unreadable", "direct"),
    adds=_adds,
    added=("escadre.listing.kind", "escadre.listing.only", "file.name"),
    name="live_directory_views",
    title="Names that a listing hides",
    about="SCOUT listed the folders where programs hide by readdir of the C library and by a direct system call. The first record says how "
    "many folders; each further record is a name that only one of the two has, twice in succession.",
    proves_not="That nothing is hidden where no name is listed: a rootkit in the kernel may answer both alike.",
    targets=("LL03",),
    category=("file",),
    action="folder-view-compared",
    attack=("T1014", "T1564.001"),
    message="[{file.path!q} is hidden: only {escadre.listing.only} shows it|{file.path!q} is hidden|Listings of folders were compared].",
    sources=("scout.live.linux.directory_views: live/directory_views.jsonl, schema directory_views/1", "getdents(2), readdir(3)"),
)
