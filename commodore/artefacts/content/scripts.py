"""Scripts: what they do and name, behind base64, compression and tricks with quotes. Nothing is executed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from commodore.artefact import Artefact, Problem, Record, SweepLayer
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.file_facts import FILE_FIELDS, file_facts
from commodore.readers.layers import as_text, unfold
from commodore.readers.layers.analysis import FIELDS, analysed
from commodore.readers.layers.languages import PAGE, has_code, language_of, patterns
from commodore.readers.layers.model import LONGEST

ARTEFACT = Artefact(
    name="scripts",
    title="Scripts",
    about="One record per script or web page with code: its language, what stands behind its encodings, the addresses, paths and "
    "commands in each layer, and suspicious traits. `escadre.severity` is there only where several strong traits meet; each such record "
    "is a finding.",
    proves_not="That the script ran. A trait is text: administrators and installers download and decode too. What a script puts together "
    "while it runs is not seen; nothing is executed.",
    match=(
        *patterns(),
        "etc/{rc.local,profile,bash.bashrc}",
        "etc/{init.d,cron.hourly,cron.daily,cron.weekly,cron.monthly,profile.d}/*",
        "**/{.bashrc,.bash_profile,.profile,.zshrc,.bash_login,.bash_logout}",
        "**/Start Menu/Programs/Startup/*.{txt,log,dat}",
    ),
    magic=((0, b"#!"), (0, b"#@~^"), (0, b"<?php"), (0, b"<%@")),
    magic_required=False,
    by_name=False,
    fields=(*FILE_FIELDS, *FIELDS, "escadre.script.language"),
    times={"@timestamp": "last change of the content of the file", "file.mtime": "the same", "file.created": "birth of the file"},
    kind="state",
    category=("file",),
    type=("info",),
    action="script-observed",
    attack=("T1059", "T1027"),
    message="{file.path!q} is a script[ ({escadre.script.language})][ that {escadre.traits.words}].",
    sources=(
        "commodore/readers/layers: each decoder names the source of its format",
        "commodore/readers/layers/traits: the traits, with their patterns",
    ),
    version=2,
)

PLACE = "0"
"""locator of the record of a script"""


def expected(evidence: Evidence) -> int | None:
    """Return 1 for a file with content: a file is one record. A page without code is none."""
    if language_of(evidence.name, b"") != PAGE:  # nothing is read for any other script
        return 1 if evidence.length else 0
    with evidence.open() as stream:
        return 0 if _is_plain_page(evidence.name, stream.read(LONGEST)) else 1


def _is_plain_page(name: str, head: bytes) -> bool:
    return not head or (language_of(name, head[:4096]) == PAGE and not has_code(head))


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001
    with evidence.open() as stream:
        head = stream.read(LONGEST + 1)
    if _is_plain_page(evidence.name, head[:LONGEST]):
        return
    if head.startswith((b"MZ", b"\x7fELF")):
        yield Problem("a program with the name of a script: layers were not sought", lost=1)
        return
    language = language_of(evidence.name, head[:4096])
    result = analysed(as_text(head[:LONGEST]), language)
    fields: dict[str, Any] = file_facts(evidence) | result.fields
    if "file.hash.sha256" not in fields:
        fields["file.hash.sha256"] = _hash(evidence)
    if language:
        fields["escadre.script.language"] = language
    if evidence.length > LONGEST:
        cut = f"layers and traits were sought in the first {LONGEST:,} of {evidence.length:,} bytes"
        fields["escadre.bounds"] = [cut, *fields.get("escadre.bounds", ())]
    for bound in fields.get("escadre.bounds", ()):
        yield Problem(bound)
    yield Record(PLACE, fields)


def contents(evidence: Evidence) -> Iterator[SweepLayer]:
    """Yield the layers of a script, each named by how it was encoded, for searches."""
    with evidence.open() as stream:
        head = stream.read(LONGEST)
    for layer in unfold(as_text(head), language_of(evidence.name, head[:4096]) or "other").layers:
        yield SweepLayer(" > ".join(layer.how), layer.data, PLACE)


def _hash(evidence: Evidence) -> str:
    digest = hashlib.sha256()
    with evidence.open() as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
