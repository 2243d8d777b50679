"""/etc/ld.so.preload: libraries that the dynamic loader loads into every program."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.fence import fenced
from commodore.host import Host
from commodore.readers.lines import WHOLE, Line, beginnings, each, fields, locator, shortened, text
from scout.formats.preload import names_in

ARTEFACT = Artefact(
    name="ld_so_preload",
    title="Preloaded libraries",
    about="The dynamic loader loads each entry into every dynamically linked program that starts, also into those of root. On an ordinary "
    "host the file is missing or empty. User-space rootkits use it.",
    match=("etc/ld.so.preload",),
    targets=("LF04",),
    fields=(
        "dll.path",
        "dll.name",
        "escadre.line",
        "escadre.line_bytes",
        "escadre.line_length",
        "escadre.line_number",
        "escadre.line_hidden",
        "file.path",
    ),
    kind="state",
    category=("library", "configuration"),
    type=("info",),
    action="configuration-line-observed",
    attack=("T1574.006",),
    message="The dynamic loader loads {dll.path!q} into every program.",
    version=2,
    sources=(
        "ld.so(8), section Files: /etc/ld.so.preload",
        "glibc, elf/rtld.c, do_main_map / preload file: blanks, tabs, colons and line feeds part the names, `#` begins a comment anywhere",
    ),
)

LONGEST = 16 << 20
"""bytes of a line in which names are looked for; a record has at most the first MiB of its line"""


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001
    return each(evidence, partial(_names, path=evidence.source), LONGEST)


def _names(line: Line, path: str) -> Iterator[Record | Problem]:
    yield from shortened(line)
    raw = fields(line._replace(raw=line.raw[:WHOLE])) | {"file.path": path}
    names = enumerate(names_in(line.raw), 1)

    def entry(numbered: tuple[int, bytes]) -> str:
        return f"{locator(line)} entry {numbered[0]}"

    yield from fenced(names, entry, lambda numbered: [Record(entry(numbered), raw | _library(text(numbered[1])))])


def _library(path: str) -> dict[str, str]:
    return {"dll.path": path, "dll.name": path.rsplit("/", 1)[-1]}


def expected(evidence: Evidence) -> int:
    """Count the names as the loader does: remove comments, then split at every separator."""
    separators = bytes.maketrans(b":\t\n", b"   ")
    return sum(1 for line in beginnings(evidence, LONGEST) for name in line.partition(b"#")[0].translate(separators).split(b" ") if name)
