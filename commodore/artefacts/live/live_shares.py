"""Shares of the live Windows, sessions on them, and files that others had open."""

from __future__ import annotations

from commodore.containers.listing import listing_artefact

ARTEFACT, parse, expected = listing_artefact(
    "shares/1",
    renamed={
        "kind": "escadre.listing.kind",
        "name": "escadre.component.name",
        "path": "file.path",
        "client": "source.address",
        "user": "user.name",
        "comment": "escadre.description",
    },
    shown=("type", "special", "users", "seconds", "idle_seconds"),
    name="live_shares",
    title="Shares, sessions on them, open files",
    about="What the host shared while SCOUT ran, who was connected, and which files others had open.",
    targets=("WL04",),
    category=("network",),
    action="share-observed",
    attack=("T1021.002", "T1135"),
    message="The host has the {escadre.listing.kind} [{escadre.component.name!q}|{source.address!q}|{file.path!q}][ of {user.name!q}].",
    sources=("scout.live.windows.shares: live/shares.jsonl, schema shares/1",),
)
