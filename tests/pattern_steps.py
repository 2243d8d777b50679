"""Count the steps that patterns take: a measure of their work that depends on pattern and text alone, never on the machine.

`steps` searches as the module re does, by backtracking in the same order, and counts each item that is tried. `counting` lets all patterns
of the loaded modules count; the answers are those of re.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from re import _compiler, _parser  # type: ignore[attr-defined]
from typing import Any

from commodore.readers.calls import CallCount

Code = list[tuple[Any, ...]]
MATCHING = {"match", "fullmatch"}
METHODS = ("search", "match", "fullmatch", "finditer", "findall", "sub", "subn", "split", "scanner")
COPIES = 8
"""most times that what is repeated is written out: a group that has to come more often is taken to match after so many"""
SINGLE = {"LITERAL", "NOT_LITERAL", "ANY", "IN"}
WITHIN = {"AT", "ASSERT", "ASSERT_NOT"}


SHORT, SLACK, FIXED, MOST = 600, 1.5, 10_000, 500_000
"""the first size that `linear` gives; how much more than twice the work twice the size may take, and so much besides; of the first size"""


class TooManyStepsError(Exception):
    """The patterns took more steps than they may."""


@dataclass
class StepCount:
    """Steps that patterns took; TooManyStepsError beyond `most`."""

    most: int | None = None
    made: int = field(default=0)

    def add(self) -> None:
        self.made += 1
        if self.most is not None and self.made > self.most:
            raise TooManyStepsError(f"more than {self.most:,} steps")


class Program:
    """A parsed pattern as instructions, which `run` follows."""

    def __init__(self, parsed: Any, flags: int) -> None:
        self.state, self.code, self.loops = parsed.state, [], 0  # type: ignore[var-annotated]
        self.sequence(parsed, flags)
        self.code.append(("end",))

    def sequence(self, items: Any, flags: int) -> None:
        for code, value in items:
            self.item(str(code), (code, value), value, flags)

    def item(self, kind: str, item: Any, value: Any, flags: int) -> None:
        out = self.code
        if kind in SINGLE:
            out.append(("one", self.test(item, flags), 1, 1, "MAX_REPEAT"))
        elif kind in WITHIN and (kind == "AT" or value[0] < 0):
            out.append(("at", _single(self.state, item, flags).match))
        elif kind in WITHIN:
            out.append(("ahead", self.part(value[1], flags), kind == "ASSERT"))
        elif kind == "SUBPATTERN":
            number, more, less, inner = value
            out.append(("save", number, 0))
            self.sequence(inner, (flags | more) & ~less)
            out.append(("save", number, 1))
        elif kind == "ATOMIC_GROUP":
            out.append(("atomic", self.part(value, flags)))
        elif kind == "GROUPREF":
            out.append(("reference", value))
        elif kind == "BRANCH":
            self.branch(value[1], flags)
        elif kind == "GROUPREF_EXISTS":
            number, yes, no = value
            self.branch((yes, no or ()), flags, number)
        elif kind.endswith("_REPEAT"):
            self.repeat(kind, *value, flags)
        else:
            raise NotImplementedError(kind)

    def test(self, item: Any, flags: int) -> Callable[[Any], bool]:
        matches = _single(self.state, item, flags).match
        return cache(lambda unit: matches(unit) is not None)

    def part(self, items: Any, flags: int) -> Program:
        return Program(_with(self.state, items), flags)

    def branch(self, choices: Any, flags: int, group: int | None = None) -> None:
        ends = []
        for number, choice in enumerate(choices):
            at = len(self.code)
            if number < len(choices) - 1:
                self.code.append(())
            self.sequence(choice, flags)
            ends.append(len(self.code))
            self.code.append(())
            if number < len(choices) - 1:
                self.code[at] = ("split", at + 1, len(self.code)) if group is None else ("unless", group, len(self.code))
        for at in ends:
            self.code[at] = ("jump", len(self.code))

    def repeat(self, kind: str, least: int, most: Any, inner: Any, flags: int) -> None:
        if len(inner) == 1 and str(inner[0][0]) in SINGLE:
            self.code.append(("one", self.test(inner[0], flags), least, int(most), kind))
            return
        if kind == "POSSESSIVE_REPEAT":
            self.code.append(("atomic", self.part([(_parser.MAX_REPEAT, (least, most, inner))], flags)))
            return
        splits, open_end = [], most == _parser.MAXREPEAT
        least, more = min(least, COPIES), 1 if open_end else min(int(most) - least, COPIES)
        for _ in range(least):
            self.sequence(inner, flags)
        for _ in range(more):
            splits.append(len(self.code))
            self.code.append(())
            loop, self.loops = self.loops, self.loops + 1
            self.code.append(("begin", loop))
            self.sequence(inner, flags)
            self.code.append(("moved", loop))
        if open_end:
            self.code.append(("jump", splits[0]))
        for at in splits:
            ways = (at + 1, len(self.code))
            self.code[at] = ("split", *(ways if kind == "MAX_REPEAT" else ways[::-1]))

    def run(self, text: Any, start: int, end: int, count: StepCount, least: int = 0, whole: bool = False, groups: Any = None) -> int | None:
        """Return where a match of at least `least` units that begins at `start` ends, None where there is none."""
        code, waiting = self.code, [(0, start, groups or {})]
        while waiting:
            pc, at, groups = waiting.pop()
            if pc < 0:  # a repeat of single units that gives one back, or takes one more
                repeat, groups = groups
                at = self.again(waiting, at, repeat, groups, text)
                pc = repeat[0] + 1
                if at < 0:
                    continue
            while True:
                count.add()
                step = code[pc]
                pc += 1
                match step[0]:
                    case "one":
                        at = self.units(step, text, at, end, count, waiting, pc - 1, groups)
                    case "at":
                        at = at if step[1](text, at) is not None else -1
                    case "ahead":
                        at = at if (step[1].run(text, at, end, count, groups=groups) is not None) == step[2] else -1
                    case "atomic":
                        found = step[1].run(text, at, end, count, groups=groups)
                        at = -1 if found is None else found
                    case "save":
                        groups = {**groups, (step[1], step[2]): at} if step[1] is not None else groups
                    case "reference":
                        said = text[groups.get((step[1], 0), 0) : groups.get((step[1], 1), 0)]
                        at = at + len(said) if (step[1], 1) in groups and text[at : at + len(said)] == said else -1
                    case "unless":
                        pc = pc if (step[1], 1) in groups else step[2]
                    case "split":
                        waiting.append((step[2], at, groups))
                        pc = step[1]
                    case "jump":
                        pc = step[1]
                    case "begin":
                        groups = {**groups, ("loop", step[1]): at}
                    case "moved":
                        at = at if groups["loop", step[1]] != at else -1
                    case "end":
                        if at - start >= least and (not whole or at == end):
                            return at
                        at = -1
                if at < 0:
                    break
        return None

    @staticmethod
    def units(step: Any, text: Any, at: int, end: int, count: StepCount, waiting: list[Any], pc: int, groups: Any) -> int:
        """Take single units; what may be given back or taken besides waits. Return the place behind them, -1 for no match."""
        _, test, least, most, kind = step
        first, taken = at, 0
        wanted = least if kind == "MIN_REPEAT" else most
        while taken < wanted and at < end and test(text[at : at + 1]):
            count.add()
            at, taken = at + 1, taken + 1
        if taken < least:
            return -1
        if kind == "MIN_REPEAT" and taken < most:
            waiting.append((-1, at, ((pc, None, min(first + most, end), test), groups)))
        elif kind == "MAX_REPEAT" and taken > least:
            waiting.append((-1, at, ((pc, first + least, None, test), groups)))
        return at

    @staticmethod
    def again(waiting: list[Any], at: int, repeat: Any, groups: Any, text: Any) -> int:
        """Give one unit back, or take one more where the repeat takes as few as it can. Return the place, -1 for no match."""
        _, least, most, test = repeat
        if most is None:
            at -= 1
            more = at > least
        else:
            if at >= most or not test(text[at : at + 1]):
                return -1
            at += 1
            more = at < most
        if more:
            waiting.append((-1, at, (repeat, groups)))
        return at


def _with(state: Any, items: Any) -> Any:
    return _parser.SubPattern(state, list(items))


def _single(state: Any, item: Any, flags: int) -> re.Pattern[Any]:
    """Return a pattern of one item, with the flags at its place."""
    mine = _parser.State()
    mine.flags, mine.groupdict, mine.groupwidths = flags, dict(state.groupdict), list(state.groupwidths)
    return _compiler.compile(_with(mine, [item]), flags)  # type: ignore[no-any-return]


@cache
def program(pattern: re.Pattern[Any]) -> Program:
    """Return the program of a pattern."""
    return Program(_parser.parse(pattern.pattern, pattern.flags), pattern.flags)


def follow(
    pattern: re.Pattern[Any], method: str, text: Any, count: StepCount, start: int = 0, end: int | None = None
) -> list[tuple[int, int]]:
    """Count the steps of a method of a pattern; return where its matches are."""
    made, found = program(pattern), []
    end = len(text) if end is None else min(end, len(text))
    at, empty = start, -1
    while at <= end:
        there = made.run(text, at, end, count, int(at == empty), method == "fullmatch")
        if there is not None:
            found.append((at, there))
            empty, at = (at if there == at else -1), there
        else:
            at += 1
        if method in MATCHING or (found and method == "search"):
            break
    return found


class Counted:
    """A pattern that counts its steps and answers as the real one."""

    def __init__(self, real: re.Pattern[Any], count: StepCount) -> None:
        self.real, self.count = real, count

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.real, name)
        if name not in METHODS:
            return value

        def called(*given: Any, **named: Any) -> Any:
            text = given[1] if name in ("sub", "subn") else given[0]
            places = () if name in ("sub", "subn", "split") else (*given[1:3], *(named[key] for key in ("pos", "endpos") if key in named))
            follow(self.real, name, text if isinstance(text, str) else bytes(text), self.count, *places)
            return value(*given, **named)

        return called


@contextmanager
def counting(count: StepCount) -> Iterator[None]:
    """Let the patterns that loaded modules have by name, and those that are made within the block, count their steps."""
    known: dict[int, Counted] = {}
    changed: list[tuple[Any, str, re.Pattern[Any]]] = []
    for name, module in list(sys.modules.items()):
        if name == "re" or name.startswith(("re.", "_pytest", __name__)):
            continue
        for key, value in list(vars(module).items()):
            if isinstance(value, re.Pattern):
                setattr(module, key, known.setdefault(id(value), Counted(value, count)))
                changed.append((module, key, value))
    compile_ = re._compile  # type: ignore[attr-defined]

    def compiled(pattern: Any, flags: Any) -> Any:
        real = pattern.real if isinstance(pattern, Counted) else pattern
        made = compile_(real, flags)
        return known.setdefault(id(made), Counted(made, count))

    re._compile = compiled  # type: ignore[attr-defined]
    try:
        yield
    finally:
        re._compile = compile_  # type: ignore[attr-defined]
        for module, key, value in changed:
            setattr(module, key, value)


def linear(work: Callable[[int], object], patterns: bool = True) -> None:
    """Fail where twice the text takes much more than twice the steps of patterns, or twice the calls."""
    most = MOST
    for times in (1, 2, 4):
        steps, calls = StepCount(most), CallCount()
        with counting(steps) if patterns else nullcontext():
            work(SHORT * times)
        with calls.counting(most):
            work(SHORT * times)
        most = int(2 * SLACK * max(steps.made, calls.made)) + FIXED
