r"""Names of other hosts as Windows writes them: `host:port` of a client, `\\host\share` of a path.

Sources: RFC 3986, 3.2.2 and 3.2.3; [MS-DTYP] 2.2.57 UNC; Using WebDAV paths (`host@SSL@8443`), Microsoft Win32.
"""

from __future__ import annotations

import re
from typing import Any

_END_POINT = re.compile(r"(\[[^\]]*\]|[^:\[\]]+):(\d{1,5})")
_UNC = re.compile(r"(?:\\\\|//)(?![?.][\\/])([^\\/]+)(?:[\\/]|$)")
_WEB = re.compile(r"(?i)([^@]+?)(@SSL)?(?:@(\d{1,5}))?")


def end_point(text: str) -> dict[str, Any]:
    """Return `destination.address`, and `destination.port` where the text ends with one. An IPv6 address has brackets before a port."""
    text = text.strip()
    found = _END_POINT.fullmatch(text)
    host, port = (found[1], int(found[2])) if found else (text, 0)
    return _made(host[1:-1] if host.startswith("[") and host.endswith("]") else host, port)


def server(path: str) -> dict[str, Any]:
    r"""Return the same of the server of a UNC path, with the port of WebDAV; {} for any other path, and for a device (`\\?\…`)."""
    found = _UNC.match(path)
    web = _WEB.fullmatch(found[1]) if found else None
    if found is None or web is None:
        return {"destination.address": found[1]} if found else {}
    return _made(web[1], int(web[3] or (443 if web[2] else 0)))


def _made(host: str, port: int) -> dict[str, Any]:
    made: dict[str, Any] = {"destination.address": host} if host else {}
    return made | ({"destination.port": port} if 0 < port < 1 << 16 else {})
