"""Local groups of the live Windows, with their members by name."""

from __future__ import annotations

from commodore.containers.listing import listing_artefact

ARTEFACT, parse, expected = listing_artefact(
    "groups/1",
    renamed={"name": "group.name", "sid": "group.id", "comment": "escadre.description", "members": "related.user"},
    shown=("members", "error"),
    name="live_groups",
    title="Local groups",
    about="Every local group while SCOUT ran, with its members by name. Who is an administrator without being expected to?",
    targets=("WL08",),
    category=("iam",),
    type=("group", "info"),
    action="group-observed",
    attack=("T1069.001", "T1098"),
    message="The group {group.name!q} has the members [{related.user!q}|(none)].",
    sources=("scout.live.windows.groups: live/groups.jsonl, schema groups/1",),
)
