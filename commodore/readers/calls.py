"""Count the calls that some code makes: a measure of its work that depends on the input alone, never on the machine."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


class TooMuchWorkError(Exception):
    """The code made more calls than it may."""


@dataclass
class CallCount:
    """Calls of Python and of C functions."""

    made: int = 0

    @contextmanager
    def counting(self, most: int | None = None) -> Iterator[None]:
        """Add the calls of this thread within the block; raise TooMuchWorkError at the first one after `most`.

        The garbage collector rests: Python before 3.11.3 crashes where it runs while calls are counted (gh-101975).
        """

        def count(frame: FrameType, what: str, argument: object) -> None:  # noqa: ARG001  (the form that sys.setprofile asks for)
            self.made += 1
            if most is not None and self.made > most:
                raise TooMuchWorkError(f"more than {most:,} calls")

        before, collecting = sys.getprofile(), gc.isenabled()
        gc.disable()
        sys.setprofile(count)
        try:
            yield
        finally:
            sys.setprofile(before)
            if collecting:
                gc.enable()
