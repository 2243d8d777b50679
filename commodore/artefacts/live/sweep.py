"""What the raw sweep found: indicators and YARA rules in the bytes of files, parsed or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.containers.json_lines import JsonLinesView, Schema, locator
from commodore.fence import fenced
from commodore.host import Host

ARTEFACT = Artefact(
    name="sweep",
    title="Raw sweep: indicators in the bytes of files",
    about="One record per place at which an indicator is in the bytes of a collected file, in ASCII or UTF-16 and any case, whether an "
    "artefact reads the file or not, and in the layers that artefacts decode (scripts, archives, documents). `scout sweep` adds what it "
    "found on the host itself: paths, content, memory and command lines of processes, connections. The ledger says of every "
    "member how many of its bytes were searched, and why others were not. Only where indicators are given (`--ioc`).",
    proves_not="A text in a file does not prove that somebody used it: lists of blocked domains and rules of scanners have indicators too.",
    holds=Schema("sweep", 1),
    fields=(
        "file.path",
        "file.size",
        "process.name",
        "process.pid",
        "rule.id",
        "rule.name",
        "rule.category",
        "rule.reference",
        "rule.author",
        "rule.license",
        "rule.ruleset",
        "rule.description",
        "event.risk_score",
        "threat.indicator.type",
        "escadre.line",
        "escadre.line_number",
        "escadre.records_used",
        "escadre.sweep.offset",
        "escadre.sweep.text",
        "escadre.sweep.encoding",
        "escadre.sweep.around",
        "escadre.sweep.bytes",
        "escadre.sweep.layer",
        "escadre.sweep.strings",
        "escadre.sweep.known",
    ),
    kind="state",
    category=("file",),
    type=("info",),
    action="indicator-observed",
    message="[YARA rule {rule.name} of {rule.ruleset} matches|{rule.name} is in] {file.path!q}"
    "[, line {escadre.line_number}|, offset {escadre.sweep.offset}][, in {escadre.sweep.layer}].",
    sources=("The Unicode Standard, section 3.10: UTF-16 in both byte orders",),
)


_FIELDS = {
    "path": ("file.path", str),
    "rule": ("rule.id", str),
    "rule_name": ("rule.name", str),
    "category": ("rule.category", str),
    "reference": ("rule.reference", str),
    "indicator_type": ("threat.indicator.type", str),
    "offset": ("escadre.sweep.offset", int),
    "text": ("escadre.sweep.text", str),
    "encoding": ("escadre.sweep.encoding", str),
    "around": ("escadre.sweep.around", str),
    "place": ("escadre.sweep.layer", str),
    "pid": ("process.pid", int),
    "process": ("process.name", str),
    "size": ("file.size", int),
}
"""key of a line → field, and the type of its value"""


def expected(listing: JsonLinesView) -> int:
    """Count the lines after the first that are not blank."""
    return listing.expected()


def parse(listing: JsonLinesView, _host: Host) -> Iterator[Record | Problem]:
    """Yield the records of a list that SCOUT made on the live host."""
    yield from fenced(listing.objects(), locator, lambda one: [_record(locator(one), one[1])])


def _record(place: str, found: dict[str, Any]) -> Record | Problem:
    fields = {name: found[key] for key, (name, kind) in _FIELDS.items() if isinstance(found.get(key), kind)}
    if "rule.id" not in fields or "file.path" not in fields:
        return Problem("a line without rule or path", place, 1)
    return Record(place, {"rule.name": fields["rule.id"].partition(":")[2] or fields["rule.id"]} | fields, "live")
