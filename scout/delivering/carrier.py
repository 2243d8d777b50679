"""Contract of a carrier: it brings the parts of one archive to one server. `Courier` calls it, repeats, and gives up."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

PART = 16 << 20
"""bytes of a part for HTTPS and S3. Two are in memory. S3 allows 10,000 parts: 160 GB"""
PATIENCE = 60.0
"""seconds without any progress after which a connection counts as broken"""


class LineBroken(Exception):  # noqa: N818  (an event of the line, no error of the program)
    """The line or the server failed in a way that may pass: try again. The text says what happened."""


class ServerRefused(Exception):  # noqa: N818
    """The server refused, and will again: wrong key, no rights, no room. `do` says what the responder can do."""

    def __init__(self, what: str, do: str = "") -> None:
        super().__init__(what)
        self.do = do


class PartPlace(NamedTuple):
    """Place of a part: its number from 1, the offset of its first byte in the archive, and whether it is the last."""

    number: int
    offset: int
    last: bool = False


class Carrier(Protocol):
    """Brings parts to a server. Every method may raise LineBroken or ServerRefused, and is repeated after LineBroken."""

    where: str
    """the address without secrets, for messages"""
    part_size: int
    least: int
    """bytes below which a part that is not the last must not be: on a bad line parts become smaller"""

    def begin(self, name: str, marker: bytes) -> None:
        """Prove that an archive of this name can be written there: the test upload. `marker` says what is coming."""

    def part(self, place: PartPlace, data: memoryview, moved: Callable[[int], None]) -> None:
        """Bring one part and return when the server has confirmed it. `moved(n)`: n more bytes are under way."""

    def finish(self, size: int) -> None:
        """Make the archive of `size` bytes complete on the server."""

    def receipt(self, text: bytes) -> None:
        """Put the receipt beside the archive."""

    def rest_name(self, name: str, place: PartPlace) -> str:
        """Return the name of the local file that takes everything from this part on when the server fails."""

    def joining(self, name: str, rest: str, place: PartPlace) -> str:
        """Return one sentence: how what is on the server and the local rest become one archive."""

    def drop(self) -> None:
        """Close the connection; the next call opens another."""
