"""Text that was made to make a search slow: what is read by patterns takes time that grows with the length of the text.

A pattern whose time grows with the square takes minutes to hours for these texts; the bound is on CPU time.
"""

from __future__ import annotations

import io
import signal
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from commodore.artefact import Record
from commodore.artefacts.content import archive_contents, documents
from commodore.artefacts.linux.files import cron
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.documents.vba import _AUTO
from commodore.readers.layers.languages import language_of
from commodore.suspicion import names
from hunter.objects import _xml
from scout.collecting.configured import rsyslog
from scout.formats import indicators, shortcut
from scout.formats.commandline.windows import _windows_payload
from scout.sources.directory import DirectorySource

SECONDS = 20.0
LONG = 100_000
HOST = Host("c", name="h", os="linux")


@contextmanager
def bounded() -> Iterator[None]:
    """Fail where the block takes more than `SECONDS` of CPU time."""

    def over(*_: object) -> None:
        pytest.fail(f"it took more than {SECONDS:.0f} s of CPU time")

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no timer of CPU time")


def mail(head: str) -> bytes:
    return f"From: a@b\r\nSubject: x\r\n{head}\r\n\r\nbody\r\n".encode()


def pdf(body: str) -> bytes:
    return b"%PDF-1.7\n" + body.encode() + b"\n%%EOF"


def package(name: str, text: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<w:document/>")
        archive.writestr(name, text)
    return out.getvalue()


def tar(name: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo(name))
        archive.addfile(tarfile.TarInfo("behind.txt"))
    return out.getvalue()


DOCUMENTS = {
    "a subject of beginnings of encoded words": ("a.eml", mail("Subject: " + "=?a?q?" * (LONG // 6))),
    "parameters of a part": ("a.eml", mail("Content-Type: text/plain; " + ";" * LONG)),
    "links within a tag": ("a.eml", mail("Content-Type: text/html\r\n\r\n" + "<a href='" * (LONG // 9) + ">")),
    "texts of JavaScript without an end": ("a.pdf", pdf("/JS(a" * (LONG // 5))),
    "programs whose texts have no end": ("a.pdf", pdf("/Launch" + "/F " * 60 + "\\(" * 60 + "a" * LONG)),
    "relations without an end": ("a.docx", package("word/_rels/document.xml.rels", "<Relationship " * (LONG // 14))),
    "markup without an end": ("a.xlsm", package("xl/macrosheets/sheet1.xml", "<" * LONG)),
    "files in a section of OneNote": (
        "a.one",
        bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3")
        + (bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac") + b"\xff\xff\xff\0\0\0\0\0") * LONG,
    ),
}


@pytest.mark.parametrize("what", DOCUMENTS)
def test_a_document_that_was_made_to_cost(what: str) -> None:
    name, data = DOCUMENTS[what]
    with bounded():
        found = [one for one in documents.parse(Evidence(f"/home/paul/{name}", data), HOST) if isinstance(one, Record)]
    assert len(found) == 1, "the file is still a document with its record"


def test_what_is_behind_a_text_without_an_end_is_read() -> None:
    data = pdf("/URI(" * 100 + "/JS (app.alert) /URI (https://update.example/a)")
    (found,) = (one for one in documents.parse(Evidence("/a.pdf", data), HOST) if isinstance(one, Record))
    assert "https://update.example/a" in found.fields["escadre.document.links"]
    assert "javascript" in str(found.fields).lower()


def test_a_name_of_blanks_in_an_archive() -> None:
    with bounded():
        got = list(archive_contents.parse(Evidence("/tmp/a.tar", tar(" " * LONG + "\x01")), HOST))
    assert [one.fields["file.name"] for one in got if isinstance(one, Record)][-1] == "behind.txt"
    assert any("names longer than" in str(one) for one in got), "the cut of the name is said"


def test_a_line_of_the_configuration_of_logs(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "rsyslog.conf").write_text("." * LONG + "\nauth,authpriv.*  -/srv/log/auth.log\n*.*;auth.none /srv/log/all\n")
    with bounded():
        assert list(rsyslog.names(DirectorySource(str(tmp_path)))) == ["/srv/log/auth.log*", "/srv/log/all*"]


def refused_xml(text: str) -> None:
    with pytest.raises(ValueError, match="no end"):
        _xml.elements(text)


TEXTS: dict[str, Callable[[], object]] = {
    "blank lines of a macro": lambda: _AUTO.search("\n" * LONG),
    "scopes of a macro": lambda: _AUTO.search("private\n" * LONG),
    "an interpreter": lambda: language_of("x", b"#!/bin/env " + b"=" * LONG),
    "a shortcut to an address": lambda: shortcut._URL.search(b"\n" * LONG),
    "blanks behind a command": lambda: list(_windows_payload("cmd", "/c a" + " " * LONG + "b", (), "C:\\Windows", None, 0)),
    "blanks in a name": lambda: names._BLANKS.search(" " * LONG + "a"),
    "a line of a crontab": lambda: list(cron.parse(Evidence("/etc/crontab", b"\t" * LONG + b"\n* * * * * root /bin/true\n"), HOST)),
    "a comment of XML": lambda: refused_xml("<a>" + "<!--" * LONG),
    "markup of XML": lambda: refused_xml("<a>" + "<" * LONG),
    "attributes of XML": lambda: _xml.elements("<a " + "x" * LONG + "/>"),
}


@pytest.mark.parametrize("what", TEXTS)
def test_text_that_was_made_to_cost(what: str) -> None:
    with bounded():
        TEXTS[what]()


@pytest.mark.parametrize(
    "pattern",
    ["a" * LONG, "'" + "\\'" * (LONG // 2), "a:b=(" * (LONG // 5), "file:name = 'x" + "\\'" * (LONG // 2)],
    ids=("words", "quotes", "sets", "text"),
)
def test_a_pattern_of_stix(pattern: str, tmp_path: Path) -> None:
    import json

    good = {"type": "indicator", "pattern_type": "stix", "pattern": "[domain-name:value = 'update.example']"}
    made = {"type": "bundle", "objects": [good | {"pattern": pattern}, good]}
    (tmp_path / "a.json").write_text(json.dumps(made))
    with bounded():
        taken, _ = indicators.read_file(tmp_path / "a.json")
    assert [one.value for one in taken][-1] == "update.example"


def test_many_values_of_a_document_are_found_in_it(tmp_path: Path) -> None:
    import json

    values = [f"host{n}.update.example" for n in range(8_000)]
    event = {"Event": {"info": "x", "Attribute": [{"type": "domain", "value": value} for value in values]}}
    (tmp_path / "a.json").write_text(json.dumps(event, indent=1))
    with bounded():
        taken, refused = indicators.read_file(tmp_path / "a.json")
    assert not refused and len(taken) == len(values)
    lines = (tmp_path / "a.json").read_text().splitlines()
    assert all(one.value in lines[one.line - 1] for one in taken[::500])
