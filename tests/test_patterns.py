"""Text that was made to make a search slow: what is read by patterns takes steps that grow with the length of the text.

Steps of patterns and calls are counted (`pattern_steps.py`), so the machine has no say. What is long is read once more, for what it gives:
where a pattern is slow again, the count fails long before that.
"""

from __future__ import annotations

import io
import json
import random
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from commodore.artefact import Record
from commodore.artefacts.content import archive_contents, documents
from commodore.artefacts.linux.files import cron
from commodore.artefacts.linux.logs import auth_log
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.documents.vba import _AUTO
from commodore.readers.hives.secrets import without_password
from commodore.readers.layers.languages import language_of
from commodore.suspicion import names
from hunter.objects import _xml
from scout.collecting.configured import rsyslog
from scout.formats import indicators, shortcut
from scout.formats.commandline.windows import _windows_payload
from scout.sources.directory import DirectorySource
from tests.pattern_steps import StepCount, TooManyStepsError, follow, linear

LONG = 100_000
HOST = Host("c", name="h", os="linux")


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


DOCUMENTS: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "a subject of beginnings of encoded words": ("a.eml", lambda n: mail("Subject: " + "=?a?q?" * (n // 6))),
    "parameters of a part": ("a.eml", lambda n: mail("Content-Type: text/plain; " + ";" * n)),
    "links within a tag": ("a.eml", lambda n: mail("Content-Type: text/html\r\n\r\n" + "<a href='" * (n // 9) + ">")),
    "texts of JavaScript without an end": ("a.pdf", lambda n: pdf("/JS(a" * (n // 5))),
    "programs whose texts have no end": ("a.pdf", lambda n: pdf("/Launch" + "/F " * 60 + "\\(" * 60 + "a" * n)),
    "relations without an end": ("a.docx", lambda n: package("word/_rels/document.xml.rels", "<Relationship " * (n // 14))),
    "markup without an end": ("a.xlsm", lambda n: package("xl/macrosheets/sheet1.xml", "<" * n)),
    "files in a section of OneNote": (
        "a.one",
        lambda n: (
            bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3")
            + (bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac") + b"\xff\xff\xff\0\0\0\0\0") * n
        ),
    ),
}
CALLS = {"files in a section of OneNote"}
"""only calls are counted: each of many files has its first 4 KiB looked at, so that the steps are many and few of them tell anything"""


@pytest.mark.parametrize("what", DOCUMENTS)
def test_a_document_that_was_made_to_cost(what: str) -> None:
    name, data = DOCUMENTS[what]

    def work(n: int) -> list[Record]:
        return [one for one in documents.parse(Evidence(f"/home/paul/{name}", data(n)), HOST) if isinstance(one, Record)]

    linear(work, patterns=what not in CALLS)
    assert len(work(LONG)) == 1, "the file is still a document with its record"


def test_what_is_behind_a_text_without_an_end_is_read() -> None:
    data = pdf("/URI(" * 100 + "/JS (app.alert) /URI (https://update.example/a)")
    (found,) = (one for one in documents.parse(Evidence("/a.pdf", data), HOST) if isinstance(one, Record))
    assert "https://update.example/a" in found.fields["escadre.document.links"]
    assert "javascript" in str(found.fields).lower()


def test_a_name_of_blanks_in_an_archive() -> None:
    work = lambda n: list(archive_contents.parse(Evidence("/tmp/a.tar", tar(" " * n + "\x01")), HOST))  # noqa: E731
    linear(work)
    got = work(LONG)
    assert [one.fields["file.name"] for one in got if isinstance(one, Record)][-1] == "behind.txt"
    assert any("names longer than" in str(one) for one in got), "the cut of the name is said"


def test_a_line_of_the_configuration_of_logs(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()

    def work(n: int) -> list[str]:
        (tmp_path / "etc" / "rsyslog.conf").write_text("." * n + "\nauth,authpriv.*  -/srv/log/auth.log\n*.*;auth.none /srv/log/all\n")
        return list(rsyslog.names(DirectorySource(str(tmp_path))))

    linear(work)
    assert work(LONG) == ["/srv/log/auth.log*", "/srv/log/all*"]


def refused_xml(text: str) -> None:
    with pytest.raises(ValueError, match="no end"):
        _xml.elements(text)


TEXTS: dict[str, Callable[[int], object]] = {
    "blank lines of a macro": lambda n: _AUTO.search("\n" * n),
    "scopes of a macro": lambda n: _AUTO.search("private\n" * n),
    "an interpreter": lambda n: language_of("x", b"#!/bin/env " + b"=" * n),
    "a shortcut to an address": lambda n: shortcut._URL.search(b"\n" * n),
    "blanks behind a command": lambda n: list(_windows_payload("cmd", "/c a" + " " * n + "b", (), "C:\\Windows", None, 0)),
    "blanks in a name": lambda n: names._BLANKS.search(" " * n + "a"),
    "a line of a crontab": lambda n: list(cron.parse(Evidence("/etc/crontab", b"\t" * n + b"\n* * * * * root /bin/true\n"), HOST)),
    "a comment of XML": lambda n: refused_xml("<a>" + "<!--" * n),
    "markup of XML": lambda n: refused_xml("<a>" + "<" * n),
    "attributes of XML": lambda n: _xml.elements("<a " + "x" * n + "/>"),
    "the password of an address": lambda n: without_password("a." * (n // 2) + " @"),
    "an entry without a known time": lambda n: auth_log._TAG.search("1:11:11 " + "a" * n),
}


@pytest.mark.parametrize("what", TEXTS)
def test_text_that_was_made_to_cost(what: str) -> None:
    linear(TEXTS[what])


STIX: dict[str, Callable[[int], str]] = {
    "words": lambda n: "a" * n,
    "quotes": lambda n: "'" + "\\'" * (n // 2),
    "sets": lambda n: "a:b=(" * (n // 5),
    "text": lambda n: "file:name = 'x" + "\\'" * (n // 2),
}


@pytest.mark.parametrize("what", STIX)
def test_a_pattern_of_stix(what: str, tmp_path: Path) -> None:
    good = {"type": "indicator", "pattern_type": "stix", "pattern": "[domain-name:value = 'update.example']"}

    def work(n: int) -> str:
        (tmp_path / "a.json").write_text(json.dumps({"type": "bundle", "objects": [good | {"pattern": STIX[what](n)}, good]}))
        taken, _ = indicators.read_file(tmp_path / "a.json")
        return [one.value for one in taken][-1]

    linear(work)
    assert work(LONG) == "update.example"


def test_many_values_of_a_document_are_found_in_it(tmp_path: Path) -> None:
    def work(n: int) -> tuple[list[indicators.Indicator], list[object]]:
        values = [f"host{number}.update.example" for number in range(n)]
        event = {"Event": {"info": "x", "Attribute": [{"type": "domain", "value": value} for value in values]}}
        (tmp_path / "a.json").write_text(json.dumps(event, indent=1))
        taken, refused = indicators.read_file(tmp_path / "a.json")
        return list(taken), list(refused)

    linear(lambda n: work(n // 10))
    taken, refused = work(8_000)
    assert not refused and len(taken) == 8_000
    lines = (tmp_path / "a.json").read_text().splitlines()
    assert all(one.value in lines[one.line - 1] for one in taken[::500])


SLOW = {r"(?:a|b|ab)*c": "ab", r"\s+$": " ", r"(\w+\s?)+:": "a", r"<a[^>]*>": "<a"}


@pytest.mark.parametrize("pattern", SLOW)
def test_a_slow_pattern_is_seen(pattern: str) -> None:
    with pytest.raises(TooManyStepsError):
        linear(lambda n: re.search(pattern, SLOW[pattern] * n + "\1"))


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?i)a+?B|\bc{2,3}",
        r"(?P<q>['\"]).*?(?P=q)",
        r"x*",
        r"(?<=a)b++|(?>a*)(?!b)",
        r"(?:(a)|b)*(?(1)c|d)",
        r"(?s:.)\Z|^a$",
        r"\d{1,3}(?:\.\d{1,3}){3}",
    ],
)
def test_the_steps_are_those_of_the_module_re(pattern: str) -> None:
    """The matches are, in texts of all kinds; so the same ways were tried in the same order."""
    made, chance = re.compile(pattern), random.Random(pattern)
    for _ in range(300):
        text = "".join(chance.choices("aAbBcdx'\"1.\n ", k=chance.randrange(12)))
        assert follow(made, "finditer", text, StepCount()) == [one.span() for one in made.finditer(text)], text
