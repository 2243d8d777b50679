"""pam: what is left of a stack decides as before. Nobody can log in where it does not.

A rule may jump over the next ones (`[success=1 default=ignore]`): it must land where it did. A stack that had rules must keep one that can
say yes. Source: pam.conf(5).
"""

from __future__ import annotations

import re

from hunter.host.view import FileView
from hunter.objects._pam import PamRule, rules

_DECIDES = (b"required", b"requisite", b"sufficient", b"include", b"substack", b"binding")


def problem(before: FileView, after: FileView, path: str) -> str:
    """Return why the stacks would decide otherwise."""
    was, left = list(rules(before.read(path))), list(rules(after.read(path)))
    known = [rule.bare for rule in was]
    if [rule for rule in left if rule.bare not in known]:
        return "the line is part of one that goes on in the next line: take the whole rule out by hand"
    for stack in dict.fromkeys(rule.stack for rule in was):
        old, new = [r for r in was if r.stack == stack], [r for r in left if r.stack == stack]
        kind = stack[1].decode()
        if any(map(_decides, old)) and not any(map(_decides, new)):
            return f"no rule is left that decides about {kind}"
        if not _lands(old, new):
            return f"a rule of {kind} jumps over it, and would land on another one"
    return ""


def _lands(old: list[PamRule], new: list[PamRule]) -> bool:
    """Return whether each rule that is left jumps to the rule that it jumped to, or to the next one that is left."""
    kept: list[int] = []  # of each rule that is left, its number before
    for i, rule in enumerate(old):
        if len(kept) < len(new) and rule.bare == new[len(kept)].bare:
            kept.append(i)
    for j, i in enumerate(kept):
        for (was, _), (now, _) in zip(old[i].jumps, new[j].jumps, strict=True):
            if min(j + now + 1, len(new)) != sum(n < i + was + 1 for n in kept):
                return False
    return True


def _decides(rule: PamRule) -> bool:
    if rule.control.startswith(b"["):
        return b"success=ok" in rule.control or b"success=done" in rule.control or bool(re.search(rb"success\s*=\s*\d", rule.control))
    return rule.control in _DECIDES and b"pam_deny" not in rule.whole
