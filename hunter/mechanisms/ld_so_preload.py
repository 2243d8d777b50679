"""ld.so.preload: one library out of the list. The file goes as well where nothing but separators is left of it, as a clean system has none;
a comment that stands in it keeps it.

Source: ld.so(8), FILES; `do_preload` in elf/rtld.c of glibc (white space or `:` between elements, `#` begins a comment).
"""

from __future__ import annotations

from hunter.mechanisms._parts import Surgery
from hunter.objects._text import find_element

MECHANISM = Surgery("ld-so-preload", find_element, drop_if_blank=True)
