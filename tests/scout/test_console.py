"""Output and exit codes of every tool: calls without arguments, closed pipes, JSON."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

TOOLS = ("scout", "commodore", "eye", "hunter", "escadre")


def tool(*words: str, **more) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, timeout=120, **more)


@pytest.mark.parametrize("name", TOOLS)
def test_a_bare_call_and_help_are_answered_on_stdout_in_plain_lines(name):
    for words, codes in ((), (0, 2)), (("--help",), (0,)):
        done = tool(name, *words)
        assert done.returncode in codes and not done.stderr, done.stderr
        assert name in done.stdout and len(done.stdout.splitlines()) > 5
        assert "\\n" not in done.stdout and "╭" not in done.stdout
    assert tool(name, "--version").stdout.startswith(f"{name} ")


def test_help_fits_a_narrow_terminal():
    done = tool("commodore", "process", "--help", env={"COLUMNS": "40", "PATH": "/usr/bin:/bin"})
    assert max(map(len, done.stdout.splitlines())) <= 60


@pytest.mark.parametrize("words", ["scout targets", "scout targets --json", "commodore artefacts"])
def test_where_nobody_reads_on_a_tool_ends_without_a_word(words):
    """As other programs do that are killed by SIGPIPE; 0 would say that it had told all, 1 that something was lost."""
    program = f"{sys.executable} -m {words}"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {program} | true; echo ${{PIPESTATUS[0]}}"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout.strip(), done.stderr) == ("141", "")
