"""Documents, messages and shortcuts: what in them runs, loads or carries something. Nothing is opened by a program or executed.

    read(data, "offer.docm")  →  Document(format="Word (OOXML)", macros=[("ThisDocument", "Sub AutoOpen()…")], traits=[…], embedded=[…], …)

One format is one file in `formats/`, found by walking that folder. Each has `NAME`, `MAGIC`, `ENDINGS` and `read(data, document)`.
`traits.yaml` has the traits that the structure of a document shows; those of its macros are in `commodore/readers/layers/traits`.
"""

from commodore.readers.documents.model import Document, Embedded
from commodore.readers.documents.opening import magic, patterns, read

__all__ = ["Document", "Embedded", "magic", "patterns", "read"]
