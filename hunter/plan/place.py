"""Who may write a plan, or a journal, besides who runs HUNTER: what stands in it is done as root."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from scout.console import WRONG_USE, Complaint


def guarded(path: Path) -> None:
    """Complaint where another than root and the caller may write the plan, its folder, or swap a folder above it."""
    if os.name == "nt":
        return
    real = Path(os.path.realpath(path))
    bad = [place for place in (real, *real.parents) if not _ours(place, swap_only=place not in (real, real.parent))]
    if not bad:
        return
    place = next((folder for folder in bad if folder != real), real)
    status = place.stat()
    raise Complaint(
        f"{place} can be written by others (mode {stat.S_IMODE(status.st_mode):04o}, owner {status.st_uid}).",
        f"{_cure(real, status) if place == real else _move(real)} Then read what stands in it before you go on.",
        WRONG_USE,
    )


def _ours(place: Path, *, swap_only: bool) -> bool:
    try:
        status = place.stat()
    except OSError as e:
        raise Complaint(f"{place} cannot be read: {e.strerror}.", "Give the path of a plan.", WRONG_USE) from e
    loose = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if loose == stat.S_IWGRP and _private(status.st_gid, status.st_uid):
        loose = 0
    if swap_only and status.st_mode & stat.S_ISVTX:
        loose = 0
    return not loose and status.st_uid in (0, os.geteuid())


def _cure(plan: Path, status: os.stat_result) -> str:
    named = shlex.quote(str(plan))
    cure = [f"chown root {named}"] * (status.st_uid not in (0, os.geteuid()))
    return f"Make it yours alone: {'; '.join([*cure, f'chmod go-w {named}'])}."


def _move(plan: Path) -> str:
    """A folder that others use stays as it is: `chmod` on /tmp or `chown` on a home would break what runs there."""
    name = plan.name.removesuffix(".journal.jsonl")
    return f"Copy it into a folder of yours alone: mkdir -m 700 ~/removal && cp -r {shlex.quote(str(plan.with_name(name)))}* ~/removal/."


def _private(gid: int, owner: int) -> bool:
    """True where nobody but the owner is in this group (a user's own group, as most distributions make them)."""
    import grp
    import pwd

    try:
        name, group = pwd.getpwuid(owner).pw_name, grp.getgrgid(gid)
    except KeyError:
        return False
    return group.gr_name == name and set(group.gr_mem) <= {name} and {p.pw_uid for p in pwd.getpwall() if p.pw_gid == gid} <= {owner}
