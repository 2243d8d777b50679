"""passwd, group, sudoers and PAM in odd spellings: what the programs that read them take, and nothing else.

`TAKEN` is what `getent -s files passwd` of glibc 2.36 prints for the line behind root's, `SUDO` what `cvtsudoers -f sudoers` and
`visudo -c` of sudo 1.9.13p3 say of the file.
"""

from __future__ import annotations

import pytest

from scout.formats.accounts import PasswdAccount, account, accounts, groups
from scout.formats.startup import languages
from scout.formats.textlines import split

EVIL = PasswdAccount("evil", "x", 0, 0, "", "/h", "/bin/sh")
TAKEN = [
    ("evil:x:0:0::/h:/bin/sh", EVIL),
    (" \t evil:x:0:0::/h:/bin/sh", EVIL),
    ("\v\fevil:x:0:0::/h:/bin/sh", EVIL),
    ("evil:x:00:00::/h:/bin/sh", EVIL),
    ("evil:x:+0:0::/h:/bin/sh", EVIL),
    ("evil:x: 0: 0::/h:/bin/sh", EVIL),
    ("evil:x:0:0::/h:/bin/sh\r", EVIL._replace(shell="/bin/sh\r")),
    ("evil:x:0:0::/h:/bin/sh:more", EVIL._replace(shell="/bin/sh:more")),
    ("evil:x:0:0", EVIL._replace(home="", shell="")),
    ("evil:x:0:0:g", EVIL._replace(gecos="g", home="", shell="")),
    ("evil::0:0::/h:/bin/sh", EVIL._replace(password="")),
    ("evil:x:0:0::/h\0idden:/bin/sh", EVIL._replace(shell="")),
    (":x:0:0::/h:/bin/sh", EVIL._replace(name="")),
    ("\ufeffevil:x:0:0::/h:/bin/sh", EVIL._replace(name="\ufeffevil")),
    ("evil:x::0::/h:/bin/sh", None),
    ("evil:x:0x0:0::/h:/bin/sh", None),
    ("evil:x:0 :0::/h:/bin/sh", None),
    ("evil:x:4294967296:0::/h:/bin/sh", None),
    ("evil:x:-1:0::/h:/bin/sh", None),
    ("evil:x:\u0660:0::/h:/bin/sh", None),
    ("evil:x:0", None),
    ("\0evil:x:0:0::/h:/bin/sh", None),
    ("#evil:x:0:0::/h:/bin/sh", None),
    ("  #evil:x:0:0::/h:/bin/sh", None),
    ("evil:x:0:\\", None),
    ("", None),
    (" ", None),
]


@pytest.mark.parametrize(("line", "taken"), TAKEN)
def test_an_account_is_what_the_c_library_takes(line: str, taken: PasswdAccount | None) -> None:
    assert account(line) == taken
    assert list(accounts(f"root:x:0:0:root:/root:/bin/bash\n{line}\n"))[1:] == ([taken] if taken else [])
    if taken and taken.name:
        assert [entry.parts["user"] for entry in entries("account", line)] == [taken.name]


def test_groups_in_odd_spellings() -> None:
    found = list(groups("root:x:0:\n  sudo:x: 27:paul, lea,\nops:x:50\n#a:x:1:\n+b\nbad:x:0x1:\n"))
    assert [tuple(group) for group in found] == [("root", 0, ()), ("sudo", 27, ("paul", "lea")), ("ops", 50, ())]


def entries(language: str, text: str | bytes):
    data = text.encode() if isinstance(text, str) else text
    return [entry for _, found in languages()[language].entries(split((data,))) for entry in found]


RULE = "www-data ALL=(ALL) NOPASSWD: ALL"
SUDO: list[tuple[str | bytes, list[str]]] = [
    (f"Defaults env_reset\r\n{RULE}\r\n", ["Defaults env_reset", RULE]),
    (RULE, [RULE]),
    (f"{RULE}\0x\nbin ALL=ALL\n", [RULE, "bin ALL=ALL"]),
    (f"games ALL=ALL\n\0{RULE}\nbin ALL=ALL\n", ["games ALL=ALL", "bin ALL=ALL"]),
    ("bin,\\\nwww-data ALL=(ALL) NOPASSWD: ALL\n", [f"bin, {RULE}"]),
    ("www-data \\\r\n ALL=ALL\r\n", ["www-data   ALL=ALL"]),
    (f"# c \\\n{RULE}\n", [RULE]),
    (f"bin ALL=ALL # c \\\n{RULE}\n", ["bin ALL=ALL # c \\", RULE]),
    ("#33 ALL=(ALL) NOPASSWD: ALL\n# 33 ALL=ALL\n", ["#33 ALL=(ALL) NOPASSWD: ALL"]),
    ("%#33 ALL=ALL\n", ["%#33 ALL=ALL"]),
    ("bin, #33 ALL=ALL \\\n , NOPASSWD: ALL\n", ["bin, #33 ALL=ALL   , NOPASSWD: ALL"]),
    ("  @include x\n#include y\n# include z\n#includedir /d\n", ["@include x", "#include y", "#includedir /d"]),
    (RULE.encode("utf-16"), []),
    (b"caf\xe9 ALL=ALL\n", [r"caf\xe9 ALL=ALL"]),
    (f"\f{RULE}\n", [RULE]),
]


@pytest.mark.parametrize(("text", "taken"), SUDO)
def test_a_rule_is_what_sudo_takes(text: str | bytes, taken: list[str]) -> None:
    assert [entry.parts["value"] for entry in entries("sudoers", text)] == taken


def test_pam_in_odd_spellings() -> None:
    text = "AUTH Sufficient \\\n pam_permit.so # c \\\n-session\toptional pam_exec.so /tmp/x\r\n"
    text += "@include common-auth\n@include ../../tmp/x\nauth\0x\n"
    assert [entry.parts["value"].split() for entry in entries("pam", text)] == [
        ["AUTH", "Sufficient", "pam_permit.so"],
        ["-session", "optional", "pam_exec.so", "/tmp/x"],
        ["@include", "../../tmp/x"],
    ]


def test_a_comment_ends_a_line_of_a_shell_script() -> None:
    commands = [entry.parts["command"] for entry in entries("shell", "a # b \\\nc\nd 'e # f \\\ng'\nh \\\ni\n")]
    assert commands == ["a # b \\", "c", "d 'e # f g'", "h i"]
