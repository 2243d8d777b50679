r"""Trusted documents of Office: documents for which a user clicked Enable Editing or Enable Content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from struct import unpack_from
from urllib.parse import unquote

from commodore.registry import At, Part, Problem, each_value, registry_artefact
from scout.formats.regf import Value
from scout.formats.regf.data import filetime

_LOCAL = re.compile(r"(?i)file:(?:///(?=[a-z]:))?")
"""what stands before the path in the URL of a file; that of a share begins with two slashes"""
_WEB = re.compile(r"(?i)https?://")
_GRANTED = {0x7FFFFFFF: "content", 1: "editing"}


def _document(at: At, value: Value) -> Iterator[Part | Problem]:
    raw = value.raw
    if len(raw) != 24:
        yield Problem(f"trust record of {len(raw)} bytes: only 24 are known", value.name, lost=1)
        return
    when, _, _, granted = unpack_from("<QQII", raw)
    name = unquote(value.name)
    path = name if _WEB.match(name) else at.path(_LOCAL.sub("", name, count=1).replace("/", "\\"))
    made = {"@timestamp": filetime(when) or None, "file.created": filetime(when) or None, "file.path": path}
    yield Part("", made | {"escadre.trust.granted": _GRANTED.get(granted, str(granted)), "process.name": at.parts[4]})


ARTEFACT, parse, expected = registry_artefact(
    name="trusted_documents",
    title="Trusted documents of Office",
    about="Documents of which a user enabled the editing, or the active content (macros), against the warning of Office. With "
    "`content` the macros could run from then on whenever the document was opened.",
    proves_not="When the user clicked: the time in a record is the birth of the document's file. That a macro ran or was harmful.",
    keys=(r"Software\Microsoft\Office\*\*\Security\Trusted Documents\TrustRecords",),
    read=each_value(_document),
    fields=("file.path", "file.created", "process.name", "escadre.trust.granted"),
    needs=("system_root",),
    times={"@timestamp": "birth of the document's file, as it was when it was trusted", "file.created": "the same"},
    category=("file",),
    type=("access", "allowed"),
    action="document-trust-observed",
    attack=("T1204.002", "T1137"),
    message="[{user.name}|The user] trusted the document {file.path!q} in {process.name}: {escadre.trust.granted}.",
    version=2,
    sources=("More on Trust Records, Macros and Security, Oh My!, A. Case; Office trust keys, libyal winreg-kb",),
)
