"""Accounts of the live host."""

from __future__ import annotations

from typing import Any

from commodore.containers.listing import listing_artefact
from commodore.host import Host


def _adds(one: dict[str, Any], host: Host) -> dict[str, Any]:  # noqa: ARG001
    out: dict[str, Any] = {}
    if (number := one.get("uid", one.get("sid"))) is not None:
        out["user.id"] = str(number)
    flags = [
        word for key, word in (("locked", "locked out"), ("password_never_expires", "password does not expire")) if one.get(key) is True
    ]
    flags += ["disabled"] if one.get("login") is False else []
    flags += ["password not required"] if one.get("password_required") is False else []
    flags += ["profile only"] if one.get("profile_only") is True else []
    return out | ({"escadre.account.flags": flags} if flags else {})


ARTEFACT, parse, expected = listing_artefact(
    "users/1",
    renamed={
        "name": "user.name",
        "gecos": "user.full_name",
        "last_logon": "escadre.account.last_login",
        "logons": "escadre.account.logins",
        "password_changed": "escadre.account.password_set",
    },
    shown=("home", "shell", "group", "groups", "privilege"),
    adds=_adds,
    added=("user.id", "escadre.account.flags"),
    name="live_users",
    title="Accounts of the host",
    about="Every local account while SCOUT ran, with home, groups and state; on Windows also profiles of other accounts. No hash is taken.",
    targets=("LL06", "WL08"),
    times={
        "escadre.account.last_login": "last logon that the account database of Windows counted",
        "escadre.account.password_set": "last change of the password, computed from its age in seconds",
    },
    category=("iam",),
    type=("user", "info"),
    action="account-observed",
    attack=("T1087.001", "T1136.001"),
    message="The host has the account {user.name!q}[ ({user.id})][, {escadre.account.flags}].",
    sources=("scout.live.linux.users, scout.live.windows.users: live/users.jsonl, schema users/1",),
)
