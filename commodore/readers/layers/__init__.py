"""Layers of scripts and command lines: what stands behind base64, compression, character codes and tricks with quotes. Nothing is executed.

    unfold("powershell -enc aQBlAHgA…", "command")
        .layers     Layer("iex (New-Object Net.WebClient)…", ("base64", "utf-16"), depth 1), …
        .bounds     what was cut, in words; empty where nothing was

One trick is one file: `rewriting/` has those that change the text in place (`'a'+'b'`, `p^ower`), `extracting/` those that find an encoded
value in it (base64, hexadecimal, numbers). Both folders are walked; there is no list to extend. All text is `str`; data that is no text has
one character per byte (Latin-1).
"""

from commodore.readers.layers.driver import unfold
from commodore.readers.layers.indicators import Indicated, indicated
from commodore.readers.layers.model import Decoded, Layer, Unfolded
from commodore.readers.layers.texts import as_text

__all__ = ["Decoded", "Indicated", "Layer", "Unfolded", "as_text", "indicated", "unfold"]
