"""Command lines of all programs: help, names of values, completion, and the next step."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from escadre.helps import TOOLS, page
from tests.conftest import ROOT


def program(tool: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"from {tool}.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, env=os.environ | environment)


def completed(words: str) -> set[str]:
    """What Tab at the end of `words` offers in bash."""
    tool, *rest = words.split(" ")
    asked = {f"_{tool.upper()}_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(rest))}
    done = program(tool, **asked)
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize("tool", TOOLS)
def test_a_program_without_arguments_names_the_next_command(tool: str) -> None:
    done = program(tool)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(rf"^ +(1  )?{tool} [a-z]+ |^{tool} demo ", done.stdout, re.M)
    assert max(map(len, done.stdout.splitlines())) <= 120


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")
@pytest.mark.parametrize("tool", TOOLS)
def test_the_guide_keeps_its_words_whole_in_a_terminal_of_80_columns(tool: str) -> None:
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-c", f"from {tool}.cli import main; main()"]
    plain = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    subprocess.run(command, stdout=theirs, stdin=subprocess.DEVNULL, cwd=ROOT, env=plain, timeout=60, check=True)
    os.close(theirs)
    with os.fdopen(ours, "rb") as said:
        shown = os.read(said.fileno(), 1 << 16).decode()
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.split() == program(tool).stdout.split()


@pytest.mark.parametrize(
    "words", [("scout",), ("scout", "collect"), ("commodore", "rules", "stats"), ("hunter", "undo"), ("eye", "search")]
)
def test_the_short_form_asks_for_help_too(words: tuple[str, ...]) -> None:
    done = program(*words, "-h")
    assert done.returncode == 0
    assert f"Usage: {' '.join(words)} " in done.stdout


def test_a_help_names_values_by_words_and_an_output_by_the_same_option() -> None:
    helps = page()
    assert re.findall(r"^.*(?:<\w+>|list\[).*$", helps, re.M) == []
    assert set(re.findall(r"^  -o, (--\w+)", helps, re.M)) == {"--output"}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("scout collect --profile t", {"triage"}),
        ("scout collect --os w", {"windows"}),
        ("scout collect --targets LF04", {"LF04"}),
        ("scout targets LF04", {"LF04"}),
        ("commodore export case --format ", {"parquet", "csv", "timesketch", "stix", "misp", "ioc-csv", "ioc-text"}),
        ("commodore export case --dataset ev", {"evtx"}),
        ("commodore artefacts pref", {"prefetch"}),
        ("hunter plan case --severity h", {"high"}),
        ("hunter plan case-that-is-not-there --host ", set()),
    ],
)
def test_the_shell_completes_values(words: str, offered: set[str]) -> None:
    assert completed(words) == offered


def test_the_shell_completes_the_hosts_of_the_case(tmp_path) -> None:
    (tmp_path / "case.json").write_text("{}")
    (tmp_path / "collections").mkdir()
    for key, host in (("a", "web01"), ("b", "web02"), ("c", "web01")):
        (tmp_path / "collections" / f"{key}.json").write_text(f'{{"collection": "{key}", "host": "{host}"}}')
    assert completed(f"hunter plan {tmp_path} --host web0") == {"web01", "web02"}


@pytest.mark.parametrize("words", [("scout", "targets"), ("scout", "targets", "LF04"), ("commodore", "artefacts")])
def test_a_list_fits_into_80_columns_and_breaks_no_word(words: tuple[str, ...]) -> None:
    plain = program(*words).stdout
    fitted = program(*words, FORCE_COLOR="1", COLUMNS="80", TERM="dumb").stdout
    assert fitted.split() == plain.split()
    assert [line for line in fitted.splitlines() if len(line) > 80 and len(line.split()) > 2] == []
