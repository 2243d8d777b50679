"""What a reader of references gets and yields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple


class NamedFile(NamedTuple):
    """A file that is named: an absolute native path, or a name that the host searches in its usual folders.

    certain  the host starts, loads or reads it; else the text only names it (an argument, a setting), and it is taken if it is a program
    """

    path: str
    certain: bool = True


@dataclass(frozen=True, slots=True)
class StartingFile:
    r"""A file that starts programs.

    path         native path of the place at which the host reads it
    content      its first bytes, up to the limit of one file
    language     language of `scout/formats/startup/languages.yaml`, '' where the reader has a format of its own
    home         home or profile in which the file is, '' for none; `homes`: account → home
    system_root  the Windows folder, `C:\Windows`
    beside       returns the content of another file of the same folder, b'' where it cannot be read
    """

    path: str
    content: bytes
    language: str = ""
    home: str = ""
    homes: Mapping[str, str] | None = None
    system_root: str = "C:\\Windows"
    beside: Callable[[str], bytes] = lambda name: b""  # noqa: ARG005

    def home_of(self, user: str) -> str:
        """Return the home of an account; '' where it is not known."""
        return (self.homes or {}).get(user, "")
