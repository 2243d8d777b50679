"""Find the rules of PAM with their stacks, and what a removed rule changes in those that jump over it. Source: pam.conf(5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from hunter.objects._text import Cut, Put, lines

_RULE = re.compile(
    rb"\s*(?:(?P<service>[\w.-]+)\s+)?-?(?P<type>auth|account|password|session)\s+(?P<control>\[[^\]]*\]|\S+)\s+(?P<rest>.*)", re.DOTALL
)
_JUMP = re.compile(rb"=\s*(\d+)")
_KINDS = (b"auth", b"account", b"password", b"session")


class PamRule(NamedTuple):
    """One rule. `at`: where it begins in the text, with continued lines joined."""

    stack: tuple[bytes, bytes]
    control: bytes
    whole: bytes
    at: int

    @property
    def jumps(self) -> list[tuple[int, Cut]]:
        """Return how many rules it jumps over, and where in its control each number is."""
        found = _JUMP.finditer(self.control) if self.control.startswith(b"[") else ()
        return [(int(m[1]), m.span(1)) for m in found]

    @property
    def bare(self) -> tuple[tuple[bytes, bytes], bytes]:
        """Return what it is without the numbers of its jumps."""
        return self.stack, self.whole.replace(self.control, _JUMP.sub(b"=n", self.control), 1) if self.jumps else self.whole


def rules(data: bytes) -> Iterator[PamRule]:
    """Yield the rules; one that takes in a file counts for every kind."""
    text = re.sub(rb"\\\r?\n", b" ", data)
    for begin, end in lines(text):
        line = text[begin:end]
        rule = _RULE.match(line.partition(b"#")[0])
        if rule:
            at = begin + rule.start("control")
            yield PamRule((rule["service"] or b"", rule["type"]), rule["control"], b" ".join(line.split()), at)
        elif line.startswith(b"@include"):
            yield from (PamRule((b"", kind), b"include", line.strip(), begin) for kind in _KINDS)


def shortened(data: bytes, gone: Cut) -> tuple[list[Cut], list[Put]]:
    """Return cuts and puts that remove a rule and let those that jump over it land where they did.

    Only the rule goes where a jump over it alone, a file that is taken in between, or a rule of several lines leaves that open.
    """
    cuts, puts = [gone], list[Put]()
    every = list(rules(data))
    if b"\\\n" in data or b"\\\r\n" in data:
        return cuts, puts
    for removed in [rule for rule in every if gone[0] <= rule.at < gone[1]]:
        above = [rule for rule in every if rule.stack == removed.stack and rule.at < removed.at]
        for distance, rule in enumerate(reversed(above), 1):
            if rule.control == b"include":
                break
            for number, (begin, end) in rule.jumps:
                if number >= distance and number > 1:
                    cuts.append((rule.at + begin, rule.at + end))
                    puts.append((rule.at + begin, str(number - 1).encode()))
    return cuts, puts
