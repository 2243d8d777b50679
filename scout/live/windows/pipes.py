r"""Named pipes that exist now (`pipes/1`): tools for lateral movement and many implants listen on one with a telling name.

name                without `\\.\pipe\`

Source: Microsoft, "Named Pipes"; the folder of the named pipe file system lists them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from scout.live.windows import _native

SCHEMA = 1


def collect() -> Iterator[dict[str, Any]]:
    """Yield the pipes in order of their names."""
    for name in sorted(os.listdir("\\\\.\\pipe\\\\")):
        yield {"name": _native.text(name)}
