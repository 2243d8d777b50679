"""Indicator lists: what is taken, what is refused and why, and what matches where."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from commodore import catalogue
from commodore.detection import Detection
from commodore.host import Host
from commodore.persistence import Members
from scout.console import Complaint
from scout.formats import indicator_forms, indicators
from scout.formats.indicators import read_file, read_lines

MFT = catalogue.artefacts()["mft"].artefact
HOST = Host("c", name="h")
SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
MD5 = "d41d8cd98f00b204e9800998ecf8427e"
SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"


def one(text: str) -> tuple[str, str] | str:
    """(type, value), or the reason of the refusal."""
    found, refused = read_lines([text], "list.txt")
    assert len(found) + len(refused) == 1, (found, refused)
    return (found[0].type, found[0].value) if found else refused[0].reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SHA256.upper(), ("sha256", SHA256)),
        (MD5, ("md5", MD5)),
        (f"sha1: {SHA1}", ("sha1", SHA1)),
        ("198.51.100.7", ("ip", "198.51.100.7")),
        ("198[.]51[.]100[.]7", ("ip", "198.51.100.7")),
        ("198.51.100(dot)7", ("ip", "198.51.100.7")),
        ("198.51.100.7:8443", ("ip", "198.51.100.7")),
        ("198.51.100.0/24", ("cidr", "198.51.100.0/24")),
        ("198.51.100.77/24", ("cidr", "198.51.100.0/24")),
        ("2001:DB8:0::1", ("ip", "2001:db8::1")),
        ("2001:db8::/32", ("cidr", "2001:db8::/32")),
        ("198.51.100.7/32", ("ip", "198.51.100.7")),
        ("evil[.]example", ("domain", "evil.example")),
        ("EVIL{.}Example.", ("domain", "evil.example")),
        ("*.evil.example", ("domain", "evil.example")),
        ("bücher.example", ("domain", "xn--bcher-kva.example")),
        ("hxxps://evil[.]example/", ("domain", "evil.example")),
        ("hxxp[:]//evil[.]example/a/B.exe", ("url", "evil.example/a/b.exe")),
        ("http://198.51.100.7/", ("ip", "198.51.100.7")),
        (r"C:\Users\Public\wh.exe", ("path", r"c:\users\public\wh.exe")),
        (r"\\?\C:\x\y.exe", ("path", r"c:\x\y.exe")),
        (r"%APPDATA%\Vendor\bad.dll", ("path", r"\vendor\bad.dll")),
        ("C:/x/y.exe", ("path", r"c:\x\y.exe")),
        ("/var/tmp/.x/run.sh", ("path", "/var/tmp/.x/run.sh")),
        ("~/.config/bad", ("path", "~/.config/bad")),
        ("mimikatz.exe", ("filename", "mimikatz.exe")),
        ("filename: evil.com", ("filename", "evil.com")),
        ("evil.com", ("domain", "evil.com")),
        ('"evil.example"', ("domain", "evil.example")),
        ("::ffff:198.51.100.7", ("ip", "198.51.100.7")),
        ("evil[.]example/a/b.php", ("url", "evil.example/a/b.php")),
        ("evil.example # seen in May", ("domain", "evil.example")),
        ("http://evil.example/a // seen in May", ("url", "evil.example/a")),
        (f"{SHA256}  evil file.bin", ("sha256", SHA256)),
        (f"{MD5} *evil.bin", ("md5", MD5)),
        (f'{MD5};"from a, b"', ("md5", MD5)),
    ],
)
def test_an_indicator_is_known_by_its_form(text: str, expected: tuple[str, str]) -> None:
    assert one(text) == expected


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("0.0.0.0/0", "far too many"),
        ("10.0.0.0/7", "far too many"),
        ("::/0", "far too many"),
        ("0.0.0.0", "every host"),
        ("127.0.0.1", "every host"),
        ("com", "suffix"),
        (".com", "suffix"),
        ("*.fr", "suffix"),
        ("co.uk", "suffix"),
        ("amazonaws.com", "suffix"),
        (r"C:\Windows", "nearly every"),
        (r"C:\Windows\System32" + "\\", "nearly every"),
        ("/tmp", "nearly every"),
        ("/", "nearly every"),
        ("cmd.exe", "nearly every"),
        (r"C:\Users\*\x.exe", "wildcards"),
        ("just some words", "not an indicator"),
        ("sha256: abc", "not a"),
        ("999.1.2.3", "not an indicator"),
    ],
)
def test_what_would_match_everywhere_is_refused_with_the_reason(text: str, word: str) -> None:
    assert word in one(text)


@pytest.mark.parametrize(
    "text",
    r"""host.seven\.example|c2: host.seven\.example|c2=host.seven.example|C2 server: host.seven[.]example|host\[.\]seven\.example
host[.seven.]example|host<.>seven<dot>example|host dot seven dot example|host [.] seven [dot] example|host．seven。example
- host.seven.example|• host.seven.example|1. host.seven.example|2) host.seven.example|`host.seven.example`|“host.seven.example”|"host.seven.example",|<http://host.seven.example>
http:\\host.seven.example|http:\/\/host.seven.example\/|hxxps\:\/\/host\.seven\.example|h**p://host.seven.example|hxxp(:)//host(.)seven(.)example
[https]://host.seven.example|htxp://host.seven.example|http[://]host[.]seven[.]example[/]|host.seven.example:8080|tcp://host.seven.example:4444
Domain Name = host.seven.example|domain-name: host[.]seven[.]example""".replace("\n", "|").split("|"),
)
def test_a_domain_in_every_spelling_that_lists_use(text: str) -> None:
    assert one(text) == ("domain", "host.seven.example")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"198\.51\.100\.7", ("ip", "198.51.100.7")),
        ("198.51.100[.7", ("ip", "198.51.100.7")),
        ("IP Address: 198.51.100.7", ("ip", "198.51.100.7")),
        ("[2001:db8::1]:443", ("ip", "2001:db8::1")),
        ("2001[:]db8[:][:]1", ("ip", "2001:db8::1")),
        (f"SHA-256={SHA256}", ("sha256", SHA256)),
        (r"http:\\evil.example\a", ("url", "evil.example/a")),
        (r"URL: hxxps:\/\/evil\.example\/a\/b", ("url", "evil.example/a/b")),
        ("evil.example:8080/a", ("url", "evil.example:8080/a")),
        ("C:\\\\Users\\\\Public\\\\x.exe", ("path", r"c:\users\public\x.exe")),
        (r"path: C:\x\[.]y\z.exe", ("path", r"c:\x\[.]y\z.exe")),
        (r"users\.ssh\id_x", ("path", r"users\.ssh\id_x")),
        (r"C:\Program Files (x86)\Evil Corp\a b.exe", ("path", r"c:\program files (x86)\evil corp\a b.exe")),
        (r"C:\x\evil[.]exe", ("path", r"c:\x\evil.exe")),
        (r"host.seven\\.example", ("domain", "host.seven.example")),
        (r"https:\\/\\/host\\.seven\\.example\\/a", ("url", "host.seven.example/a")),
        ("hxxp:__host[.]seven[.]example", ("domain", "host.seven.example")),
        ("http[s]://host.seven.example", ("domain", "host.seven.example")),
        ("2001[:]db8[::]1", ("ip", "2001:db8::1")),
        ("fe80::1%eth0", ("ip", "fe80::1")),
        (f"{MD5}:evil.bin", ("md5", MD5)),
        (f"{SHA256}|evil.bin", ("sha256", SHA256)),
        (f"SHA256 - {SHA256}", ("sha256", SHA256)),
        (r"\Device\HarddiskVolume3\x\evil.exe", ("path", r"\x\evil.exe")),
        (r"HKEY_LOCAL_MACHINE\Software\Evil", ("path", r"\software\evil")),
        (r"HKCU:\Software\Evil", ("path", r"\software\evil")),
        (r"HKU\S-1-5-21-1-2-3-500\Software\Evil", ("path", r"\software\evil")),
        (r"registry key: HKLM\SYSTEM\CurrentControlSet\Services\Evil", ("path", r"\services\evil")),
    ],
)
def test_escapes_and_titles_of_other_indicators(text: str, expected: tuple[str, str]) -> None:
    assert one(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        r"C:\x\evil.exe - dropper",
        r"C:\x\evil.exe (dropper)",
        "/tmp/x (dropper)",
        r"evil[.]example\path\x",
        r"mutex: Global\evil",
        r"some text about foo\bar: baz",
        r"^evil\.example$",
        "evil.example: seen in May",
        "evil.example = 198.51.100.7",
        "bob[at]evil[.]example",
        "[h]ttp://evil.example/x",
        "file:///tmp/x",
        "198.51.100.0\\24",
        r"evil.example\x",
        "host.seven.example\\",
        r"Global\evil",
        r"\\.\pipe\evil",
        "198.51.100.7-198.51.100.9",
    ],
)
def test_what_is_not_understood_is_refused_and_not_taken_as_something_else(text: str) -> None:
    assert isinstance(one(text), str)


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("name,type", "evil.example,domain", [("domain", "evil.example")]),
        ("type,name", "ip,198.51.100.9", [("ip", "198.51.100.9")]),
        ("Type;Indicator;First Seen", "Domain Name;evil.example;2026-01-01", [("domain", "evil.example")]),
        ("| indicator | comment |", "| evil[.]example | gate.php |", [("domain", "evil.example")]),
        ("date,description,source", "", []),
    ],
)
def test_a_header_is_no_indicator(header: str, row: str, expected: list[tuple[str, str]]) -> None:
    found, refused = read_lines([header, row], "t.csv")
    assert [(i.type, i.value) for i in found] == expected
    assert not refused


def test_a_word_beside_an_indicator_is_no_indicator_and_no_refusal() -> None:
    found, refused = read_lines(["evil.example | C2", "198.51.100.9,APT1,com"], "t.csv")
    assert [i.value for i in found] == ["evil.example", "198.51.100.9"] and not refused


@pytest.mark.parametrize("word", ["imphash", "JA3", "ja3-fingerprint-md5", "Rich header hash", "x509-fingerprint-sha1", "Build ID", "NTLM"])
def test_a_hash_of_something_else_is_not_taken_for_one_of_a_file(word: str) -> None:
    value = SHA1 if "sha1" in word else MD5
    assert "is not looked for" in one(f"{word}: {value}")
    found, refused = read_lines(["type,value", f"{word},{value}", f"Dropper,{SHA256}"], "list.csv")
    assert ([(x.type, x.value) for x in found], [x.line for x in refused]) == ([("sha256", SHA256)], [2])
    assert read_lines([f"{word},note".replace("-", "_"), f"{value},x"], "list.csv")[0] == []


def test_a_word_that_looks_like_such_a_kind_hides_no_other_indicator() -> None:
    assert one(r"Run key: C:\Users\Public\x.exe") == ("path", r"c:\users\public\x.exe")
    assert one("build server: build.example.com") == ("domain", "build.example.com")


def test_two_values_in_one_cell_are_both_taken_as_misp_writes_them() -> None:
    found, refused = read_lines(["uuid,type,value", f'1,"filename|md5","a.exe|{MD5}"', f'2,"filename|imphash","b.exe|{MD5}"'], "list.csv")
    assert [(x.type, x.value) for x in found] == [("filename", "a.exe"), ("md5", MD5), ("filename", "b.exe")]
    assert refused == []


def test_a_refusal_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_text("# comment\nevil.example\n\n0.0.0.0/0\n")
    found, refused = read_file(path)
    assert [i.value for i in found] == ["evil.example"]
    assert [(r.file, r.line) for r in refused] == [("bad.txt", 4)]


def test_tables_are_read_by_their_header_or_cell_by_cell() -> None:
    found, refused = read_lines(
        ["type,value,comment", f"hash,{MD5},from sandbox", 'domain,"evil.example","a, b"', "ip,198.51.100.9,"], "t.csv"
    )
    assert [(i.type, i.value, i.line) for i in found] == [("md5", MD5, 2), ("domain", "evil.example", 3), ("ip", "198.51.100.9", 4)]
    assert not refused
    found, refused = read_lines([f"{SHA256};seen in May", "198.51.100.9;evil.example"], "t.csv")
    assert [i.type for i in found] == ["sha256", "ip", "domain"] and not refused


@pytest.mark.parametrize(
    "raw",
    [
        "evil.example\r\nbücher.example\r\n".encode("utf-16"),
        "evil.example\r\nbücher.example\r\n".encode("utf-16-le"),
        "evil.example\nbücher.example\n".encode("utf-16-be"),
        "evil.example\nbücher.example\n".encode("utf-8-sig"),
        "evil.example\nbücher.example".encode("cp1252"),
        "evil.example\rbücher.example\r".encode(),
        "evil.example\nbücher.example\n".encode() + bytes(512),
        "evil.example\n\ufeffbücher.example\n".encode(),  # two lists, one behind the other
    ],
)
def test_a_list_reads_the_same_in_every_encoding_and_with_every_line_end(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "list.txt").write_bytes(raw)
    found, refused = read_file(tmp_path / "list.txt")
    assert [(i.type, i.value) for i in found] == [("domain", "evil.example"), ("domain", "xn--bcher-kva.example")] and not refused


def test_a_list_that_is_not_there_is_a_complaint(tmp_path: Path) -> None:
    with pytest.raises(Complaint):
        Detection.load([], [tmp_path / "none.txt"])


# --- matching


def matches(tmp_path: Path, indicator: str, **fields: object) -> list[dict]:
    (tmp_path / "i.txt").write_text(indicator, encoding="utf-8")
    detection = Detection.load([], [tmp_path / "i.txt"])
    record = {"event.dataset": "mft", "escadre.id": "r", "@timestamp": None, "host.name": "h", "escadre.collection": "c", **fields}
    return [h.matched for h in detection.match(MFT, [record], HOST)]


@pytest.mark.parametrize(
    ("indicator", "value", "hit"),
    [
        ("evil.example", "http://cdn.EVIL.example/x", True),
        ("evil.example", "notevil.example", False),
        ("evil.example", "evil.example.org", False),
        ("evil.example", "dns:evil.example.", True),
        ("198.51.100.7", "to 198.51.100.7:443", True),
        ("198.51.100.7", "198.51.100.70", False),
        ("198.51.100.7", "::ffff:198.51.100.7", True),
        ("198.51.100.7", "[::FFFF:198.51.100.7]:22", True),
        ("198.51.100.7", "2001:db8::198.51.100.7", False),
        ("2001:db8::1", "2001:0db8:0000:0000:0000:0000:0000:0001", True),
        ("2001:db8::1", "2001:db8:0:0:0:0:0:1", True),
        ("2001:db8::1", "[2001:DB8::1]:443", True),
        ("2001:db8::1", "2001:db8::12", False),
        ("2001:db8::1", "from 2001:db8::1.", True),
        ("198.51.100.7", "1198.51.100.7", False),
        ("198.51.100.7", "198.51.100.7.5", False),
        ("198.51.100.0/22", "198.51.103.9", True),
        ("198.51.100.0/22", "198.51.104.9", False),
        ("172.16.0.0/12", "x 172.31.255.1 y", True),
        ("172.16.0.0/12", "172.32.0.1", False),
        ("2001:db8::/32", "2001:db8::5", True),
        ("2001:db8::/32", "2001:db9::5", False),
        (MD5, f"MD5={MD5.upper()},SHA1=x", True),
        (MD5, MD5 + "00", False),
        (r"C:\Users\Public\wh.exe", r'"c:\users\public\WH.EXE" -k', True),
        (r"C:\Users\Public\wh.exe", r"c:\users\public\wh.exe.bak", False),
        (r"C:\Users\Public\wh", r"C:\Users\Public\wh\a.dll", True),
        (r"C:\x\y.exe", "C:/x/y.exe", True),
        (r"%TEMP%\dir\bad.dll", r"C:\Users\a\AppData\Local\Temp\dir\bad.dll", True),
        ("/var/tmp/.x/run.sh", "sh /var/tmp/.x/run.sh &", True),
        ("/var/tmp/.x/run.sh", "/var/tmp/.x/run.sh2", False),
        ("/tmp/x/run.sh", "/var/tmp/x/run.sh", False),
        ("/tmp/x/run.sh", "a >/tmp/x/run.sh", True),
        ("/tmp/x/run.sh", "file:///tmp/x/run.sh", True),
        ("~/.config/bad", "/home/a/.config/bad", True),
        (r"C:\Users\Public\wh.exe", r"\Device\HarddiskVolume3\Users\Public\wh.exe", True),
        (r"C:\Users\Public\wh.exe", r"\VOLUME{01d4b2a1c0ffee00-1a2b3c4d}\USERS\PUBLIC\WH.EXE", True),
        (r"C:\Users\Public\wh.exe", r"D:\Users\Public\wh.exe", False),
        ("evil.dll", r"rundll32 C:\a\EVIL.dll,Go", True),
        ("evil.dll", "notevil.dll", False),
        ("bücher.exe", r"C:\BÜCHER.EXE", True),
        ("hxxp://evil[.]example/a", "GET http://evil.example/a?b", True),
        ("hxxp://evil[.]example/a", "http://evil.example/b", False),
        ("hxxp://evil[.]example/a", "http://evil.example/ab", False),
        ("hxxp://evil[.]example/a?id=", "http://evil.example/a?id=7", True),
    ],
)
def test_an_indicator_matches_whole_words_of_its_kind(tmp_path: Path, indicator: str, value: str, hit: bool) -> None:
    assert bool(matches(tmp_path, indicator, **{"process.command_line": value})) is hit


def test_every_field_is_looked_at_lists_and_free_form_objects_too(tmp_path: Path) -> None:
    assert matches(tmp_path, "evil.example", **{"process.args": ["-u", "evil.example"]}) == [{"process.args": "evil.example"}]
    assert matches(tmp_path, "evil.example", **{"winlog.event_data": {"Q": "evil.example"}}) == [{"winlog.event_data.Q": "evil.example"}]
    assert matches(tmp_path, "evil.example", **{"dns.question.name": "evil.example", "message": "asked for evil.example"}) == [
        {"dns.question.name": "evil.example"}
    ]
    assert matches(tmp_path, "evil.example", message="asked for evil.example") == [{"message": "asked for evil.example"}]
    assert matches(tmp_path, "evil.example", **{"escadre.collection": "evil.example"}) == []


def test_text_that_json_cannot_hold_is_searched_too(tmp_path: Path) -> None:
    assert matches(tmp_path, "evil.example", **{"file.path": "\udcff evil.example", "n": 1 << 70})


def test_a_finding_says_which_line_of_which_list(tmp_path: Path) -> None:
    (tmp_path / "i.txt").write_text("# x\nevil.example\n")
    detection = Detection.load([], [tmp_path / "i.txt"])
    record = {
        "event.dataset": "mft",
        "escadre.id": "r",
        "@timestamp": "2026-01-01T00:00:00Z",
        "host.name": "h",
        "escadre.collection": "c",
        "dns.question.name": "a.evil.example",
    }
    finding = next(detection.findings(detection.match(MFT, [record], HOST)))
    assert finding["rule.id"] == "domain:evil.example" and finding["rule.category"] == "ioc" and finding["rule.reference"] == "i.txt:2"
    assert finding["escadre.matched"] == {"dns.question.name": "a.evil.example"} and finding["threat.indicator.type"] == "domain-name"


def test_collected_files_are_found_by_hash_and_path_though_nothing_reads_them(tmp_path: Path) -> None:
    (tmp_path / "i.txt").write_text(f"{SHA256}\n/opt/tool\nhelper.bin\n")
    detection = Detection.load([], [tmp_path / "i.txt"])
    lines = [
        {"member": 1, "path": "/dev/shm/x", "sha256": SHA256, "size": 3},
        {"member": 2, "path": "/opt/tool", "sha256": "0" * 64},
        {"member": 3, "path": "/opt/tool/a.so", "sha256": "1" * 64},
        {"member": 4, "path": "/opt/tool/b.so", "sha256": "2" * 64},
        {"member": 5, "path": "/srv/helper.bin", "sha256": "3" * 64},
        {"member": 6, "path": "/srv/nothelper.bin", "sha256": "4" * 64},
    ]
    found = list(detection.completed(detection.findings(detection.of_members(lines, "c", "h")), {"c": Members(lines)}))
    by_path = {f["target"]["path"]: f for f in found if "target" in f}
    assert sorted(by_path) == ["/dev/shm/x", "/opt/tool", "/srv/helper.bin"]
    assert by_path["/dev/shm/x"]["target"] | {"file": 0} == {
        "mechanism": "file", "kind": "file", "remove": "FQ", "path": "/dev/shm/x", "name": "x", "payload": [], "file": 0,
    }  # fmt: skip
    assert by_path["/dev/shm/x"]["target"]["file"]["sha256"] == SHA256 and by_path["/dev/shm/x"]["rule.reference"] == "i.txt:1"
    assert [(f["rule.id"], f["count"], f["escadre.records"]) for f in found if "target" not in f] == [("path:/opt/tool", 2, [])]


def test_a_plain_line_is_read_as_any_other_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long lists take a short way; it must end where the long one ends, at the edges of each form too."""
    draw = random.Random(11)
    letters, octets = "abcdefghijklmnopqrstuvwxyz0123456789", (0, 1, 10, 99, 127, 192, 255, 256, 300)
    ends = ("com", "exe", "dll", "zip", "co.uk", "ru", "info", "sh", "local", "x", "github.io", "duckdns.org")

    def word(most: int = 12) -> str:
        return "".join(draw.choices(letters, k=draw.randint(1, most)))

    forms = (
        lambda: ".".join(str(draw.choice(octets)) for _ in range(4)),
        lambda: f"{word()}.{draw.choice(ends)}",
        lambda: f"{word()}.{word()}.{draw.choice(ends)}",
        lambda: draw.choice(ends),
        lambda: "".join(draw.choices("0123456789abcdefABCDEF", k=draw.choice((31, 32, 33, 40, 64, 65)))),
        lambda: ".".join(word(4) for _ in range(draw.randint(1, 6))),
    )
    lines = ["first.example", *(form() for _ in range(400) for form in forms), "255.255.255.255", "127.0.0.1", "www.cmd.exe", "cmd.exe"]
    taken, refused = read_lines(lines, "list")
    for module in (indicators, indicator_forms):
        monkeypatch.setattr(module, "plain_form", lambda _: None)
    assert (taken, refused) == read_lines(lines, "list")
    assert {one.type for one in taken} == {"ip", "domain", "filename", "md5", "sha1", "sha256"}


SUM = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"


@pytest.mark.parametrize(
    ("line", "taken", "refused"),
    [
        (f"{SUM},malware.exe,https://vendor.example/file/{SUM}", {("sha256", SUM), ("filename", "malware.exe")}, 1),
        (f"{SUM},see https://vendor.example/report about evil.example", {("sha256", SUM)}, 0),
        (f"| {SUM} | x.exe | https://vendor.example/x |", {("sha256", SUM), ("filename", "x.exe")}, 1),
        (f"{SUM}\tfound on 10.0.0.1\tsecond stage", {("sha256", SUM)}, 0),
        ("https://bad.example/b - second stage", {("url", "bad.example/b")}, 0),
        ("bad.example/b (second stage)", {("url", "bad.example/b")}, 0),
        ("198.51.100.7 (C2)", set(), 1),
        ("https://bad.example/a,https://bad.example/b", {("url", "bad.example/a"), ("url", "bad.example/b")}, 0),
    ],
)
def test_comments_and_references_are_no_indicators(line: str, taken: set[tuple[str, str]], refused: int) -> None:
    found, left = read_lines([line], "list.txt")
    assert ({(one.type, one.value) for one in found}, len(left)) == (taken, refused)
