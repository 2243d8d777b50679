r"""Signature of every file that starts by itself or runs now (`signatures/1`): services, drivers, run keys, tasks,
startup folders, processes.

path, size, sha256; error: why it could not be read. A file that does not exist has `missing`: true
named_by            what names it: `service Spooler`, `task \Update`, `HKLM\SOFTWARE\…\Run, Updater`, `process 612`
verdict             signed, unsigned, bad digest, expired, revoked, untrusted root …; status: the code of WinVerifyTrust
signer              name in the certificate; catalog: file that signs it, where the signature is not in the file itself

Nothing is fetched from the network and revocation is not asked: `signed` says that the chain ends in a root that this host trusts.
Source: Microsoft, WinVerifyTrust.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scout.live.windows import _autostarts, _files, _native, _trust

SCHEMA = 1


def collect() -> Iterator[dict[str, Any]]:
    """Yield the files in order of their paths."""
    hashes = _files.FileHashes()
    for path, names in sorted(_autostarts.named().items()):
        file = hashes.of(path)
        one: dict[str, Any] = {"path": _native.text(path), "named_by": names[:50], "size": file.get("size"), "sha256": file.get("sha256")}
        if "error" in file:
            one |= {"error": _native.text(file["error"]), "missing": file.get("missing")}
        else:
            one |= _trust.verdict(path)
        yield _native.known(one)
