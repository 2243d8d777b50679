"""pam: what is left of a stack decides as before. Nobody can log in where it does not.

A rule may jump over the next ones (`[success=1 default=ignore]`); a line taken from those would move where it lands. A stack that had rules
must keep one that can say yes. Source: pam.conf(5).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from hunter.host.view import FileView

_RULE = re.compile(
    rb"\s*(?:(?P<service>[\w.-]+)\s+)?-?(?P<type>auth|account|password|session)\s+(?P<control>\[[^\]]*\]|\S+)\s+(?P<rest>.*)", re.DOTALL
)
_JUMP = re.compile(rb"=\s*(\d+)")
_DECIDES = (b"required", b"requisite", b"sufficient", b"include", b"substack", b"binding")


class _PamRule(NamedTuple):
    stack: tuple[bytes, bytes]
    control: bytes
    whole: bytes


def problem(before: FileView, after: FileView, path: str) -> str:
    """Return why the stacks would decide otherwise."""
    was, left = _rules(before.read(path)), _rules(after.read(path))
    if [rule for rule in left if rule not in was]:
        return "the line is part of one that goes on in the next line: take the whole rule out by hand"
    for stack in dict.fromkeys(rule.stack for rule in was):
        old, new = [r for r in was if r.stack == stack], [r for r in left if r.stack == stack]
        kind = stack[1].decode()
        if any(map(_decides, old)) and not any(map(_decides, new)):
            return f"no rule is left that decides about {kind}"
        kept = list(new)
        place: list[int] = []  # of each old rule that stays
        for i, rule in enumerate(old):
            if kept and rule == kept[0]:
                kept.pop(0)
                place.append(i)
        for i in place:
            steps = [int(n) for n in _JUMP.findall(old[i].control)] if old[i].control.startswith(b"[") else []
            if any(n not in place for s in steps for n in range(i + 1, min(i + s + 1, len(old)))):
                return f"a rule of {kind} jumps over it, and would land on another one"
    return ""


def _decides(rule: _PamRule) -> bool:
    if rule.control.startswith(b"["):
        return b"success=ok" in rule.control or b"success=done" in rule.control or bool(re.search(rb"success\s*=\s*\d", rule.control))
    return rule.control in _DECIDES and b"pam_deny" not in rule.whole


def _rules(data: bytes) -> list[_PamRule]:
    joined = re.sub(rb"\\\r?\n", b" ", data)
    found = []
    for line in joined.split(b"\n"):
        rule = _RULE.match(line.partition(b"#")[0])
        if rule:
            found.append(_PamRule((rule["service"] or b"", rule["type"]), rule["control"], b" ".join(line.split())))
        elif line.startswith(b"@include"):
            found += [_PamRule((b"", kind), b"include", line.strip()) for kind in (b"auth", b"account", b"password", b"session")]
    return found
