"""State of the passwords of the live Linux host's accounts, without a hash."""

from __future__ import annotations

from typing import Any

from commodore.containers.listing import listing_artefact
from commodore.host import Host


def _adds(one: dict[str, Any], host: Host) -> dict[str, Any]:  # noqa: ARG001
    changed = one.get("changed")
    return (
        {"escadre.account.password_set": f"{changed}T00:00:00Z"} if isinstance(changed, str) and len(changed) == len("2026-01-31") else {}
    )


ARTEFACT, parse, expected = listing_artefact(
    "shadow/1",
    renamed={"name": "user.name", "state": "escadre.account.password_state"},
    shown=("algorithm", "minimum", "maximum", "warning", "inactive", "expires"),
    adds=_adds,
    added=("escadre.account.password_set",),
    name="live_shadow",
    title="State of passwords",
    about="Every line of /etc/shadow without its hash: whether a password opens the account, how it is hashed, and when it changed last.",
    proves_not="When a password was changed: whoever is root writes the day into the file.",
    targets=("LL06",),
    times={"escadre.account.password_set": "day of the last change of the password, at midnight UTC"},
    category=("iam",),
    type=("user", "info"),
    action="password-state-observed",
    attack=("T1098", "T1136.001"),
    message="The account {user.name!q} has the password state {escadre.account.password_state}.",
    sources=("scout.live.linux.shadow: live/shadow.jsonl, schema shadow/1", "shadow(5)"),
)
