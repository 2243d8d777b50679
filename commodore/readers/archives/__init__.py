"""Archives and images, entry by entry, in memory: nothing is unpacked to a disk.

    for entry in entries(evidence.open(), "a.zip", Budget()):    Entry("run.ps1", 1200, …, content=b"…"), …

One format is one file in `formats/`, found by walking that folder. Each has `NAME`, `MAGIC` and `read(stream, budget)`. `Budget` bounds
entries, bytes and the ratio of one archive with everything in it; what it cuts is in `Budget.bounds`, in words.
"""

from commodore.readers.archives.model import OF_HOST, Budget, Entry
from commodore.readers.archives.opening import entries, format_of, magic

__all__ = ["OF_HOST", "Budget", "Entry", "entries", "format_of", "magic"]
