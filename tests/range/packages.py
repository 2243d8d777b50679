"""Plant files of Debian packages: replaced ones, and near misses that packages and administrators have."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.range.plants import Planter


def plant(p: Planter, host: str, number: int, *, guilty: bool) -> None:
    """Plant the `number`th variant of a file whose content is not (or is) the one that its package brought."""
    word = p.word()
    package = (f"{word}", f"lib{word}0", f"{word}-daemon")[number]
    path = (f"usr/sbin/{word}d", f"lib/x86_64-linux-gnu/lib{word}.so.0", f"lib/systemd/system/{word}.service")[number]
    text = f"# of the package {word}\n"
    lists = f"var/lib/dpkg/info/{package}{':amd64' if number == 1 else ''}"
    if guilty:
        p.file(host, path, text + "# and more\n")
    elif number == 2:  # settings, which an administrator changed
        path = f"etc/{word}.d/{word}.service"
        p.file(host, path, text + "# ours\n")
        p.file(host, "etc/systemd/system/own.service", "[Service]\nExecStart=/usr/sbin/own\n")
    else:
        p.file(host, path, text)
    brought = hashlib.md5(text.encode()).hexdigest()
    if guilty or number != 2:
        written = path if number != 1 else f"usr/{path}"  # some packages say /lib, some /usr/lib
        p.file(host, f"{lists}.md5sums", f"{brought}  {written}\n{'0' * 32}  usr/share/doc/{word}/copyright\n")
    else:
        p.file(host, "var/lib/dpkg/status", f"Package: {package}\nConffiles:\n /{path} {brought}\nVersion: 1\n\n")
    p.note("L052", host, guilty, word)
