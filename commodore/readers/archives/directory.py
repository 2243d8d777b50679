"""Open a ZIP archive whose directory is not longer than it may be: `zipfile` makes an object of some 700 bytes for each 46 bytes of it.

Source: APPNOTE.TXT, PKWARE, 4.3.12 to 4.3.16.
"""

from __future__ import annotations

import zipfile
from typing import BinaryIO

LONGEST = 4 << 20
"""bytes of a directory: some 40,000 entries with names of usual length"""
_SIZE = 5
"""place of the directory's size in what `zipfile` reads of an archive's end"""


def opened(stream: BinaryIO) -> zipfile.ZipFile:
    """Return the archive. Raises BadZipFile for one with a longer directory, and what `zipfile` raises."""
    end = zipfile._EndRecData(stream)  # type: ignore[attr-defined]  # what ZipFile itself goes by
    if end is not None and end[_SIZE] > LONGEST:
        raise zipfile.BadZipFile(f"its directory has {end[_SIZE]:,} bytes, more than {LONGEST:,}: it is not listed")
    stream.seek(0)
    return zipfile.ZipFile(stream)
