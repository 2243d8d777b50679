"""PAM files: the modules that are read from them are those that libpam itself calls, with the same arguments.

libpam (1.4 and later) reads a folder of ours by `pam_start_confdir`. The module of the test says which function was called with which
arguments, and decides nothing.
"""

from __future__ import annotations

import ctypes.util
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from scout.formats.startup import languages
from tests.conftest import need
from tests.scout.test_accounts import entries

MODULE = r"""
#include <stdio.h>
#include <stdlib.h>
static int say(const char *what, int argc, const char **argv) {
    FILE *out = fopen(getenv("PAM_SAID"), "a");
    if (!out) return 25;
    fprintf(out, "%s", what);
    for (int i = 0; i < argc; i++) fprintf(out, "\x1f%s", argv[i]);
    fprintf(out, "\x1e");
    fclose(out);
    return 25;
}
#define TYPE(name, what) int name(void *h, int flags, int c, const char **v) { return say(what, c, v); }
TYPE(pam_sm_authenticate, "auth")
TYPE(pam_sm_acct_mgmt, "account")
TYPE(pam_sm_open_session, "session")
int pam_sm_chauthtok(void *h, int flags, int c, const char **v) { return flags & 0x4000 ? say("password", c, v) : 25; }
"""
ASK = r"""
import ctypes, json, os, sys
lib, libc = ctypes.CDLL("libpam.so.0"), ctypes.CDLL(None)
talk = (ctypes.c_void_p * 2)()
codes = []
for folder in sys.argv[1:]:
    libc.setenv(b"PAM_SAID", os.fsencode(folder) + b"/said", 1)
    handle = ctypes.c_void_p()
    code = lib.pam_start_confdir(b"svc", b"nobody", talk, os.fsencode(folder), ctypes.byref(handle))
    codes.append(code)
    if code == 0:
        for name in ("pam_authenticate", "pam_acct_mgmt", "pam_open_session", "pam_chauthtok"):
            getattr(lib, name)(handle, 0)
        lib.pam_end(handle, 0)
print(json.dumps(codes))
"""
SECOND = "session optional {M} t=2\n"
TEXTS = [
    "auth required {M} t=1 plain\n",
    "AUTH Required {M} t=1\n",
    "auth\trequired\t{M}\tt=1\n",
    "   auth required {M} t=1",
    "auth required {M} t=1\r\n" + SECOND,
    "auth required {M} t=1 # comment\n",
    "auth required {M} t=1#comment too\n",
    "  # auth required {M} t=1\n",
    "auth \\\n required \\\n {M} t=1\n",
    "auth required {M} t=1 \\\n" + SECOND,
    "# c \\\nauth required {M} t=1\n",
    "auth required {M} t=1 # c \\\n" + SECOND,
    "auth required {M} t=1 \\ \t\n" + SECOND,
    "auth required {M} t=1 \\\r\n" + SECOND,
    "auth required {M} t=1\\\n2\n",
    "\\\nauth required {M} t=1\n",
    "#\\\n\\\nauth required {M} t=1\n",
    "-auth required {M} t=1\n",
    "- auth required {M} t=1\n" + SECOND,
    "[auth] required {M} t=1\n",
    "[-auth] required {M} t=1\n",
    "[auth]required {M} t=1\n",
    "auth [success=ok default=ignore] {M} t=1\n",
    "auth [ success = ok ] {M} t=1\n",
    "auth [success=1 default=ignore] {M} t=1\nauth required {M} t=2\n",
    "auth [success=ok \\\n default=ignore] {M} t=1\n",
    "auth [default=ignore]{M} t=1\n",
    "auth required[x] {M} t=1\n",
    "auth required [{M}] t=1\n",
    "auth required {M} t=1 [a b] c\n",
    "auth required {M} t=1 [a \\] b]\n",
    "auth required {M} [t=1 b]\n",
    "\ufeffauth required {M} t=1\n" + SECOND,
    "auth required {M} t=1\0more\n" + SECOND,
    "\0auth required {M} t=1\n" + SECOND,
    "svc auth required {M} t=1\n" + SECOND,
    "wrong required {M} t=1\n" + SECOND,
    "auth nonsense {M} t=1\n" + SECOND,
    "auth required\n" + SECOND,
    "auth\n" + SECOND,
    "\n\n\nauth required {M} t=1\n\n# end",
    "auth optional {M} t=1\nauth sufficient {M} t=2\nauth binding {M} t=3\n",
    "account required {M} t=1\npassword required {M} t=2\nsession required {M} t=3\nauth required {M} t=4\n",
    "auth required {M} t=1 \"a b\" 'c' a\\ b caf\u00e9\n",
    "auth\u00a0required {M} t=1\n" + SECOND,
    "auth required {M} t=1\r session optional {M} t=2\n",
    "auth required /nonexistent/x.so t=1\n" + SECOND,
]
LINE = re.compile(r"\[?-?(\w+)(?:\]\s*|\s+)(?:\[(?:\\.|[^\]\\])*\]\s*|\S+\s+)\[?([^\s\]]+)\]?\s*(.*)", re.DOTALL)


def own(text: str, module: str) -> list[tuple[str, str]]:
    """What our reader says, as libpam calls it: brackets round an argument are no part of it."""
    out = []
    for entry in entries("pam", text):
        kind, named, arguments = LINE.fullmatch(entry.parts["value"]).groups()
        if named == module:
            plain = re.sub(r"\[((?:\\.|[^\]\\])*)\]", lambda found: found[1].replace("\\]", "]"), arguments)
            out.append((kind.lower(), " ".join(plain.split())))
    return sorted(out)


@pytest.fixture(scope="module")
def called(tmp_path_factory):
    """Text → sorted (type, arguments) of the modules that libpam called for it."""
    need(shutil.which("gcc") and ctypes.util.find_library("pam"), "gcc and libpam")
    need(hasattr(ctypes.CDLL("libpam.so.0"), "pam_start_confdir"), "libpam 1.4 or later")
    folder = tmp_path_factory.mktemp("pam")
    (folder / "said.c").write_text(MODULE)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(folder / "said.so"), str(folder / "said.c")], check=True, capture_output=True)
    module, folders = str(folder / "said.so"), []
    for number, text in enumerate(TEXTS):
        conf = folder / str(number)
        conf.mkdir()
        (conf / "svc").write_bytes(text.replace("{M}", module).encode())
        (conf / "said").touch()
        folders.append(str(conf))
    asked = subprocess.run([sys.executable, "-c", ASK, *folders], check=True, capture_output=True, env={**os.environ, "LC_ALL": "C"})
    assert set(json.loads(asked.stdout)) == {0}, "libpam read each of them"
    out = {}
    for text, conf in zip(TEXTS, folders, strict=True):
        with open(f"{conf}/said", newline="", encoding="utf-8", errors="surrogateescape") as file:
            calls = [call.split("\x1f") for call in file.read().split("\x1e") if call]
        out[text] = sorted((kind, " ".join(" ".join(arguments).split())) for kind, *arguments in calls)
    assert sum(map(len, out.values())) > 40
    return module, out


@pytest.mark.parametrize("text", TEXTS)
def test_the_modules_that_are_read_are_those_that_libpam_calls(called, text):
    module, calls = called
    assert own(text.replace("{M}", module), module) == calls[text]


def test_pam_conf_begins_with_the_service():
    lines = "sshd auth required pam_unix.so\nother [session] optional pam_exec.so /tmp/x # c\n"
    lines += "# x auth required a.so\nauth required b.so c\n"
    assert [entry.parts["value"] for entry in entries("pam-conf", lines)] == [
        "sshd auth required pam_unix.so",
        "other [session] optional pam_exec.so /tmp/x",
    ]
    assert languages()["pam-conf"].joined == " "
