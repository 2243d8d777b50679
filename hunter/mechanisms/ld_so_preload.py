"""ld.so.preload: remove one library from the list. Where only separators are left, the file is removed too, as a clean system has none.
A comment in it keeps the file.

Source: ld.so(8), FILES; `do_preload` in elf/rtld.c of glibc (white space or `:` between elements, `#` begins a comment).
"""

from __future__ import annotations

from hunter.mechanisms._parts import Surgery
from hunter.objects._text import find_element

MECHANISM = Surgery("ld-so-preload", find_element, drop_if_blank=True)
