"""Every text format in every form in which a file may come: what was planted is in a record, or the ledger says why it is not.

What a program on the host makes of each form is in `test_line_ends.py`, format by format. Here no form may hide a line in silence.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from commodore.artefact import Record
from commodore.artefacts.linux.files import authorized_keys, cron, ld_so_preload, startup_files, systemd_units
from commodore.artefacts.linux.logs import auth_log
from commodore.artefacts.windows.files import scheduled_tasks, startup_folder
from commodore.catalogue import artefacts
from commodore.evidence import Evidence
from commodore.host import Host
from tests.commodore.damage import inputs, items

PLANT = "/dev/shm/plant"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
TASK = f'<?xml version="1.0"?>\n<Task>\n<Actions><Exec>\n<Command>{PLANT}</Command></Exec></Actions>\n</Task>\n'
FORMATS = {
    "unit": (systemd_units, "/etc/systemd/system/a.service", f"# first\n[Service]\nExecStart={PLANT}\nUser=root\n"),
    "crontab": (cron, "/etc/crontab", f"# first\nSHELL=/bin/sh\n* * * * * root {PLANT}\n1 * * * * root /bin/true\n"),
    "user crontab": (cron, "/var/spool/cron/crontabs/root", f"# first\n* * * * * {PLANT}\n"),
    "anacrontab": (cron, "/etc/anacrontab", f"# first\n7 5 x {PLANT}\n"),
    "authorized_keys": (authorized_keys, "/root/.ssh/authorized_keys", f'# first\ncommand="{PLANT}" {KEY} a\n{KEY} b\n'),
    "ld.so.preload": (ld_so_preload, "/etc/ld.so.preload", f"/lib/first.so\n{PLANT}\n"),
    "auth.log": (
        auth_log,
        "/var/log/auth.log",
        f"2026-02-21T12:00:00Z w sudo: a : TTY=x ; PWD=/ ; USER=root ; COMMAND=/bin/true\n"
        f"2026-02-21T12:00:01Z w sudo: a : TTY=x ; PWD=/ ; USER=root ; COMMAND={PLANT}\n",
    ),
    "task": (scheduled_tasks, "C:\\Windows\\System32\\Tasks\\x", TASK),
    "internet shortcut": (
        startup_folder,
        "C:\\Users\\b\\AppData\\Roaming\\Microsoft\\Windows\\Start Menu\\Programs\\Startup\\a.url",
        f"[InternetShortcut]\nURL={PLANT}\nIconIndex=1\n",
    ),
    **{
        name: (startup_files, f"/{name}", text)
        for name, text in {
            "etc/profile": f"# first\n{PLANT} &\n",
            "root/.bashrc": f"# first\nalias x={PLANT}\n",
            "etc/rc.local": f"#!/bin/sh\n{PLANT}\n",
            "etc/environment": f"# first\nLD_PRELOAD={PLANT}\n",
            "etc/sudoers": f"# first\nbob ALL=(ALL) NOPASSWD: {PLANT}\n",
            "etc/pam.d/sshd": f"# first\nsession optional pam_exec.so {PLANT}\n",
            "etc/udev/rules.d/9.rules": f'# first\nACTION=="add", RUN+="{PLANT}"\n',
            "etc/xdg/autostart/x.desktop": f"# first\n[Desktop Entry]\nType=Application\nExec={PLANT}\n",
            "etc/apt/apt.conf.d/99x": f'// first\nAPT::Update::Pre-Invoke {{"{PLANT}"}};\n',
            "etc/logrotate.d/x": f"# first\n/var/log/x {{\n postrotate\n {PLANT}\n endscript\n}}\n",
            "etc/inittab": f"# first\nx:2345:respawn:{PLANT}\n",
            "etc/ssh/sshd_config": f"# first\nAuthorizedKeysCommand {PLANT}\n",
            "etc/modprobe.d/x.conf": f"# first\ninstall x {PLANT}\n",
            "etc/passwd": f"root:x:0:0::/root:/bin/sh\nplant::0:0::/:{PLANT}\n",
        }.items()
    },
}
FORMS = {
    "LF": lambda t: t.encode(),
    "CR LF": lambda t: t.replace("\n", "\r\n").encode(),
    "CR": lambda t: t.replace("\n", "\r").encode(),
    "no last end": lambda t: t.rstrip("\n").encode(),
    "BOM": lambda t: t.encode("utf-8-sig"),
    "UTF-16 LE": lambda t: b"\xff\xfe" + t.encode("utf-16-le"),
    "UTF-16 BE": lambda t: b"\xfe\xff" + t.encode("utf-16-be"),
    "NUL padding": lambda t: t.encode() + bytes(4096),
    "NUL before": lambda t: bytes(512) + t.encode(),
    "Latin-1": lambda t: t.replace("first", "café").encode("latin-1"),
    "long line": lambda t: t.replace("first", "x" * 200_000).encode(),
    "form feed": lambda t: t.replace("\n", "\x0b\x0c\n").encode(),
}


def held(name: str, form: str) -> tuple[bool, list[str]]:
    """Whether a record has what was planted, and the problems."""
    module, source, text = FORMATS[name]
    evidence = Evidence(source, FORMS[form](text), facts={"mtime": "2026-02-21T20:00:00Z"})
    items = list(module.parse(evidence, Host("c", timezone="UTC", users={"0": "root"})))
    records = [str(item.fields) for item in items if isinstance(item, Record)]
    return any(PLANT in record for record in records), [item.reason for item in items if not isinstance(item, Record)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", FORMATS)
def test_no_form_of_a_file_hides_a_line_in_silence(name: str, form: str) -> None:
    found, problems = held(name, form)
    assert found or problems


@pytest.mark.parametrize("form", ["LF", "CR LF", "no last end", "NUL padding", "Latin-1"])
@pytest.mark.parametrize("name", FORMATS)
def test_the_forms_that_editors_and_copies_make_keep_the_line(name: str, form: str) -> None:
    assert held(name, form)[0]


def plain(value: object) -> object:
    """A value without carriage returns at its end, which some programs take as part of it."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.rstrip("\r") if isinstance(value, str) else value


def read(known, source: str, data: bytes) -> tuple[list[dict], list[str]]:
    evidence = Evidence(source, data, facts={"mtime": "2026-10-31T20:00:00Z"})
    found = list(items(SimpleNamespace(ARTEFACT=known.artefact, parse=known.parse), evidence))
    records = [{k: plain(v) for k, v in one.fields.items()} for one in found if isinstance(one, Record)]
    return records, [one.reason for one in found if not isinstance(one, Record)]


WHOLE_FILE = {"documents", "scripts", "startup_folder"}
"""One record for each file, which says its size and its digest"""


@pytest.mark.parametrize("name", sorted(set(artefacts()) - WHOLE_FILE))
def test_no_form_of_a_golden_input_loses_a_record_in_silence(name: str) -> None:
    """Texts that artefacts have as examples, those of new artefacts too."""
    for source, data in inputs(name):
        if b"\0" in data or b"\n" not in data or not utf8(data):
            continue
        before, said = read(artefacts()[name], source, data)
        for form, made in FORMS.items():
            after, problems = read(artefacts()[name], source, made(data.decode()))
            assert len(after) >= len(before) or set(problems) - set(said), f"{source} as {form}"
            if form == "no last end":
                gone = [one for one in before if one not in after]
                assert not gone or set(problems) - set(said), f"{source} as {form}"


def utf8(data: bytes) -> bool:
    try:
        return bool(data.decode())
    except UnicodeDecodeError:
        return False
