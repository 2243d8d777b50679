"""Host trees laid out from the corpus: what a mounted Windows disk and a mounted Linux root look like.

    windows_tree(corpus, dest)   → dest/Windows/System32/config/SYSTEM …   the files of `C:\\`
    linux_tree(corpus, dest)     → dest/etc/passwd …                       the files of `/`

Content comes from the corpus (real hives, logs, prefetch, tasks, utmp, syslog); the small text files that make a directory a host
(`/etc/passwd`, `/etc/hostname`, crontabs, units) are written here. Nothing in the trees is malicious.
"""

from __future__ import annotations

import lzma
import os
import shutil
from pathlib import Path

REGIPY = "hives/mkorman90+regipy/regipy_tests/data"
PLASO_HIVES = "hives/log2timeline+plaso/test_data"
SAMPLES = "evtx/omerbenamram+evtx/samples"
REMOTE = "Microsoft-Windows-TerminalServices-RemoteConnectionManager%4Operational.evtx"
SHELL_CORE = f"{SAMPLES}/E_Windows_system32_winevt_logs_Microsoft-Windows-Shell-Core%4Operational.evtx"
PLASO_LINUX = "linux/log2timeline+plaso/test_data"

HIVES = {
    "Windows/System32/config/SYSTEM": f"{REGIPY}/SYSTEM_B.xz",
    "Windows/System32/config/SYSTEM.LOG1": f"{REGIPY}/SYSTEM_B.LOG1.xz",
    "Windows/System32/config/SYSTEM.LOG2": f"{REGIPY}/SYSTEM_B.LOG2.xz",
    "Windows/System32/config/SECURITY": f"{REGIPY}/SECURITY.xz",
    "Windows/System32/config/SAM": f"{REGIPY}/SAM.xz",
    "Windows/AppCompat/Programs/Amcache.hve": f"{REGIPY}/amcache.hve.xz",
    "Users/agnes.m/NTUSER.DAT": f"{REGIPY}/transactions_NTUSER.DAT.xz",
    "Users/agnes.m/ntuser.dat.LOG1": f"{REGIPY}/transactions_ntuser.dat.log1.xz",
    "Users/agnes.m/ntuser.dat.LOG2": f"{REGIPY}/transactions_ntuser.dat.log2.xz",
    "Users/agnes.m/AppData/Local/Microsoft/Windows/UsrClass.dat": f"{REGIPY}/UsrClass.dat.xz",
    "Users/agnes.m/AppData/Local/Microsoft/Windows/UsrClass.dat.LOG1": f"{REGIPY}/UsrClass.dat.LOG1.xz",
    "Users/agnes.m/AppData/Local/Microsoft/Windows/UsrClass.dat.LOG2": f"{REGIPY}/UsrClass.dat.LOG2.xz",
    "Users/paul/NTUSER.DAT": f"{PLASO_HIVES}/NTUSER-WIN7.DAT",
    "Windows/ServiceProfiles/LocalService/NTUSER.DAT": f"{PLASO_HIVES}/NTUSER.DAT",
}
"""path below the volume → hive of the corpus (`.xz` is unpacked)"""

LOGS = {
    "System.evtx": f"{SAMPLES}/system.evtx",
    "Security.evtx": f"{SAMPLES}/security.evtx",
    "Application.evtx": f"{SAMPLES}/Application_no_crc32.evtx",
    "Microsoft-Windows-Sysmon%4Operational.evtx": f"{SAMPLES}/sysmon.evtx",
    REMOTE: f"{SAMPLES}/2-vss_0-{REMOTE}",
    "Microsoft-Windows-Shell-Core%4Operational.evtx": SHELL_CORE,
    "Microsoft-Windows-LanguagePackSetup%4Operational.evtx": f"{SAMPLES}/Microsoft-Windows-LanguagePackSetup%4Operational.evtx",
}
"""name in winevt/Logs → log of the corpus"""

TASKS = {
    "Microsoft/Windows/Maintenance/UpdateCheck": "tasks/derived-from-evtx/mdecrevoisier+EVTX-to-MITRE-Attack/35446659460f.xml",
    "SoftwareHelper": "tasks/derived-from-evtx/mdecrevoisier+EVTX-to-MITRE-Attack/69e80dbe4900.xml",
    "T1053_005_WMI": "tasks/redcanaryco+atomic-red-team/atomics/T1053.005/src/T1053_005_WMI.xml",
}
"""name in System32/Tasks → task of the corpus"""

LINUX = {
    "var/log/auth.log": f"{PLASO_LINUX}/syslog/syslog_ssh.log",
    "var/log/syslog": f"{PLASO_LINUX}/syslog/syslog",
    "var/log/syslog.2.gz": f"{PLASO_LINUX}/syslog.gz",
    "var/log/cron.log": f"{PLASO_LINUX}/syslog/syslog_cron.log",
    "var/log/audit/audit.log": f"{PLASO_LINUX}/audit_enriched.log",
    "var/log/apt/history.log": f"{PLASO_LINUX}/apt_history.log",
    "var/log/dpkg.log": f"{PLASO_LINUX}/dpkg.log",
    "var/log/wtmp": f"{PLASO_LINUX}/utmp/utmp_x86_64",
    "var/log/btmp": f"{PLASO_LINUX}/utmp/utmp",
    "run/utmp": f"{PLASO_LINUX}/utmp/utmp",
    "root/.bash_history": f"{PLASO_LINUX}/bash_history",
    "home/agnes/.zsh_history": f"{PLASO_LINUX}/zsh_extended_history.txt",
    "home/agnes/.viminfo": f"{PLASO_LINUX}/.viminfo",
}
"""path below the root → file of the corpus"""

TEXTS = {
    "etc/hostname": "mairie-srv01\n",
    "etc/os-release": 'NAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    "etc/timezone": "Europe/Paris\n",
    "etc/machine-id": "0f1e2d3c4b5a69788796a5b4c3d2e1f0\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
    "agnes:x:1000:1000:Agnes:/home/agnes:/bin/bash\nbackup2:x:1001:1001::/srv/backup2:/bin/sh\n",
    "etc/group": "root:x:0:\nagnes:x:1000:\n",
    "etc/shadow": "root:$6$synthetic$0000000000000000000000:19000:0:99999:7:::\n",
    "etc/crontab": "SHELL=/bin/sh\n17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly\n",
    "etc/cron.d/e2scrub_all": "30 3 * * 0 root test -e /run/systemd/system || /sbin/e2scrub_all_cron\n",
    "var/spool/cron/crontabs/agnes": "*/10 * * * * /home/agnes/bin/backup.sh\n",
    "etc/systemd/system/backup.service": "[Unit]\nDescription=Nightly backup\n[Service]\nExecStart=/usr/local/bin/backup --all\n"
    "[Install]\nWantedBy=multi-user.target\n",
    "usr/lib/systemd/system/ssh.service": "[Unit]\nDescription=OpenBSD Secure Shell server\n[Service]\nExecStart=/usr/sbin/sshd -D\n",
    "etc/ssh/sshd_config": "PermitRootLogin no\nAuthorizedKeysFile .ssh/authorized_keys\n",
    "etc/ssh/ssh_host_ed25519_key": "-----BEGIN OPENSSH PRIVATE KEY-----\nc3ludGhldGlj\n-----END OPENSSH PRIVATE KEY-----\n",
    "etc/ld.so.preload": "",
    "root/.ssh/authorized_keys": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHN5bnRoZXRpY2tleWZvcnRlc3RzMDAwMDAwMDAwMDAw admin@example\n",
    "home/agnes/.ssh/authorized_keys": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHN5bnRoZXRpY2tleWZvcnRlc3RzMTExMTExMTExMTEx agnes@example\n",
    "home/agnes/.ssh/id_ed25519": "-----BEGIN OPENSSH PRIVATE KEY-----\nc3ludGhldGlj\n-----END OPENSSH PRIVATE KEY-----\n",
    "home/agnes/.ssh/known_hosts": "nas ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHN5bnRoZXRpY2tleWZvcnRlc3RzMjIyMjIyMjIyMjIy\n",
    "srv/backup2/.bash_history": "rsync -a /srv/data nas:/backup\n",
    "var/lib/dpkg/status": "Package: bash\nStatus: install ok installed\nVersion: 5.2.15-2+b2\n\n",
}
"""path below the root → text written here"""


def windows_tree(corpus: Path, dest: Path) -> Path:
    """Lay out a volume `C:` of a Windows 10 host in `dest`; SOFTWARE is absent, as it is from the corpus. Returns `dest`."""
    for path, source in HIVES.items():
        _place(corpus / source, dest / path)
    for name, source in LOGS.items():
        _place(corpus / source, dest / "Windows/System32/winevt/Logs" / name)
    for name, source in TASKS.items():
        _place(corpus / source, dest / "Windows/System32/Tasks" / name)
    _place(corpus / "tasks/log2timeline+plaso/test_data/wintask.job", dest / "Windows/Tasks/wintask.job")
    for file in sorted((corpus / "prefetch/puffyCid+artemis").rglob("*.pf")):
        _place(file, dest / "Windows/Prefetch" / file.name)
    for file in sorted((corpus / "prefetch/EricZimmerman+Prefetch/Prefetch.Test/TestFiles/Win10").rglob("*.pf"))[:40]:
        _place(file, dest / "Windows/Prefetch" / file.name)
    _place(corpus / "ntfs/EricZimmerman+MFT/MFT.Test/TestFiles/xw/$MFT", dest / "$MFT")
    _place(corpus / "ntfs/log2timeline+plaso/test_data/UsnJrnl.raw", dest / "$Extend/$UsnJrnl%3A$J")
    startup = "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup"
    _write(dest / "Users/agnes.m" / startup / "desktop.ini", "[.ShellClassInfo]\r\n")
    _write(dest / "Users/agnes.m" / startup / "notes.cmd", "@echo off\r\nrem inert\r\n")
    _write(dest / "Windows/inf/setupapi.dev.log", "[Device Install Log]\r\n")
    _write(dest / "Users/agnes.m/Documents/budget.txt", "not evidence of anything\r\n")
    _place(corpus / "pe-benign/pip-distlib/t64.exe", dest / "Users/Public/t64.exe")
    _place(corpus / "pe-benign/pip-distlib/w32.exe", dest / "Users/agnes.m/AppData/Local/Temp/invoice.pdf.exe")
    _place(corpus / "pe-benign/pip-distlib/w64.exe", dest / "Program Files/Python/w64.exe")
    return dest


def linux_tree(corpus: Path, dest: Path) -> Path:
    """Lay out the root of a Debian 12 host in `dest`, with one enabled unit, two shells, a script in /tmp. Returns `dest`."""
    for path, source in LINUX.items():
        _place(corpus / source, dest / path)
    for path, text in TEXTS.items():
        _write(dest / path, text)
    (dest / "etc/localtime").symlink_to("/usr/share/zoneinfo/Europe/Paris")
    wants = dest / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / "backup.service").symlink_to("/etc/systemd/system/backup.service")
    _write(dest / "tmp/.cache/run.sh", "#!/bin/sh\n# inert\nexit 0\n", 0o755)
    _write(dest / "usr/bin/benign.sh", "#!/bin/sh\nexit 0\n", 0o755)
    for empty in ("proc", "sys", "dev/shm", "var/tmp"):
        (dest / empty).mkdir(parents=True, exist_ok=True)
    for secret in ("etc/shadow", "etc/ssh/ssh_host_ed25519_key", "home/agnes/.ssh/id_ed25519"):
        (dest / secret).chmod(0o600)
    return dest


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == ".xz" and target.suffix != ".xz":
        with lzma.open(source) as packed, target.open("wb") as out:
            shutil.copyfileobj(packed, out)
    else:
        shutil.copyfile(source, target)
    os.utime(target, ns=(1_700_000_000_123_456_700, 1_700_000_000_123_456_700))


def _write(target: Path, text: str, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(text.encode())
    target.chmod(mode)
