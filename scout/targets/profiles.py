"""Profiles: which targets a collection takes, by name. They are data (`tables/profiles.yaml`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from scout.console import WRONG_USE, Complaint
from scout.data import load_data
from scout.targets.loader import PRIORITIES, TargetList
from scout.targets.target import CollectionTarget

_LIVE = ("yes", "no", "only")


@dataclass(frozen=True, slots=True)
class TargetProfile:
    """One profile: targets with these `priorities`, and `more` (ids or their beginnings); `live`: yes, no, or only."""

    name: str
    what: str
    priorities: str
    more: tuple[str, ...]
    live: str

    def takes(self, target: CollectionTarget) -> bool:
        """Return whether a target is in this profile."""
        of_live = bool(target.live or target.images)
        if (self.live == "only" and not of_live) or (self.live == "no" and of_live):
            return False
        return target.priority in self.priorities or target.id.startswith(self.more)


@cache
def profiles() -> dict[str, TargetProfile]:
    """Return the profiles by name. Raises ValueError for one with a wrong word."""
    found = {}
    for name, value in load_data("scout.targets.tables", "profiles.yaml").items():
        live = {True: "yes", False: "no"}.get(value.get("live", True), value.get("live"))
        one = TargetProfile(name, value["what"], value["priorities"], tuple(value.get("with", ())), live)
        if set(value) - {"what", "priorities", "with", "live"} or set(one.priorities) - set(PRIORITIES) or live not in _LIVE:
            raise ValueError(f"profiles.yaml: {name} has a wrong word")
        found[name] = one
    return found


def select(targets: TargetList, *, os_name: str, profile: str, names: Sequence[str] = (), live: bool = True) -> list[CollectionTarget]:
    """Return the targets of one operating system and profile, or those named (ids, or beginnings such as `WR`). Complaint for an unknown
    name.
    """
    chosen = profiles().get(profile)
    if chosen is None:
        raise Complaint(f"There is no profile {profile!r}.", f"Profiles are {', '.join(profiles())}.", WRONG_USE)
    for name in names:
        if not any(target.id.lower().startswith(name.lower()) for target in targets):
            raise Complaint(f"There is no target {name!r}.", "scout targets lists them.", WRONG_USE)
    return [
        target
        for target in targets
        if target.os == os_name
        and (live or not (target.live or target.images))
        and (any(target.id.lower().startswith(name.lower()) for name in names) if names else chosen.takes(target))
    ]
