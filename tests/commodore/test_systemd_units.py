"""Unit files as systemd reads them: systemd's own verdict where it is installed, the manual pages for the rest."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from commodore.artefacts.linux.files import systemd_units
from tests.commodore.damage import damaged, inputs, survives
from tests.conftest import need

UNIT = "/etc/systemd/system/x.service"


def read(text: str | bytes, source: str = UNIT) -> dict:
    (record,), _ = survives(systemd_units, source, text.encode() if isinstance(text, str) else text)
    return record.fields


def test_an_empty_assignment_forgets_what_stood_before():
    fields = read("[Service]\nExecStart=/a\nExecStart=/b\nExecStart=\nExecStart=/c d\nExecStartPre=/pre\n")
    assert fields["escadre.systemd.exec"] == ["ExecStart=/c d", "ExecStartPre=/pre"]
    assert (fields["process.command_line"], fields["process.executable"]) == ("/c d", "/c")


@pytest.mark.parametrize(
    ("value", "executable", "prefix"),
    [
        ("-/bin/a x", "/bin/a", "-"),
        ("@/bin/a name x", "/bin/a", "@"),
        ("+-/bin/a", "/bin/a", "+-"),
        (":/bin/a $X", "/bin/a", ":"),
        ("!!/bin/a", "/bin/a", "!!"),
        ('"/opt/my app/run" x', "/opt/my app/run", None),
    ],
)
def test_prefix_characters_and_quotes(value, executable, prefix):
    fields = read(f"[Service]\nExecStart={value}\n")
    assert fields["process.executable"] == executable
    assert fields["escadre.systemd.exec"] == [f"ExecStart={value}"]
    assert value.startswith(prefix or '"')


def test_a_semicolon_that_stands_alone_parts_commands():
    fields = read("[Service]\nExecStart=-/bin/a 'x ; y' ; /bin/b \\; c; d\nExecStop=/c ;\n")
    assert fields["escadre.systemd.exec"] == ["ExecStart=-/bin/a 'x ; y'", r"ExecStart=/bin/b \; c; d", "ExecStop=/c"]
    assert (fields["process.executable"], fields["process.args"]) == ("/bin/a", ["x ; y"])


def test_characters_written_as_numbers_are_spelt_out():
    fields = read(r"""[Service]
ExecStart=/\x74mp/\141\u0062 c\x20d e\sf \x22g \\x41 \n
Environment=LD_PRELOAD=/\x74mp/x
""")
    assert (fields["process.executable"], fields["process.env_vars"]) == ("/tmp/ab", ["LD_PRELOAD=/tmp/x"])
    assert fields["process.args"] == ["c d", "e f", '"g', r"\x41", "n"]
    assert r"\x74mp" in fields["escadre.settings"][0]


def test_a_socket_that_accepts_starts_a_service_per_connection():
    source = "/etc/systemd/system/x.socket"
    assert read("[Socket]\nListenStream=1\nAccept=yes\n", source)["escadre.systemd.activates"] == "x@.service"
    assert read("[Socket]\nListenStream=1\nAccept=no\n", source)["escadre.systemd.activates"] == "x.service"


def test_continuation_lines_skip_comments_and_end_with_the_file():
    assert read("[Service]\nExecStart=/bin/a \\\n# no\n; no\n  two \\\n three\n")["process.args"] == ["two", "three"]
    assert read("[Service]\nExecStart=/bin/a \\")["process.executable"] == "/bin/a"
    assert read("[Service]\nExecStart=/bin/a \\\\\nUser=u\n")["user.name"] == "u"  # an escaped backslash joins nothing


def test_a_carriage_return_and_a_nul_end_a_line_as_they_do_for_systemd():
    fields = read(b"[Service]\nExecStart=/bin/good\rExecStart=/bin/evil\0User=root\n")
    assert fields["escadre.systemd.exec"] == ["ExecStart=/bin/good", "ExecStart=/bin/evil"]
    assert fields["user.name"] == "root"


@pytest.mark.parametrize("end", ["\r\n", "\n\r", "\r", "\0\n", "\r\0\n"])
def test_a_unit_means_the_same_whatever_ends_its_lines(end):
    text = '[Unit]\nDescription=d\n\n[Service]\nExecStart=/bin/sh -c \\\n  "exec /var/tmp/x.sh"\n\nUser=root\n[Install]\nAlias=a.target\n'
    records, problems = survives(systemd_units, UNIT, text.replace("\n", end).encode())
    assert (records[0].fields, problems) == (survives(systemd_units, UNIT, text.encode())[0][0].fields, [])
    assert records[0].fields["escadre.systemd.exec"] == ['ExecStart=/bin/sh -c  "exec /var/tmp/x.sh"']


@pytest.mark.parametrize(
    ("source", "unit", "drop_in", "scope"),
    [
        ("/etc/systemd/system/ssh.service.d/x.conf", "ssh.service", "x.conf", "system"),
        ("/usr/lib/systemd/user/a@.service", "a@.service", None, "user"),
        ("/home/u/.config/systemd/user/b.timer", "b.timer", None, "user"),
        ("/run/systemd/transient/run-1.scope", "run-1.scope", None, "system"),
        ("/etc/systemd/system/service.d/all.conf", "service", "all.conf", "system"),
        ("/etc/systemd/system/foo-bar-.service.d/x.conf", "foo-bar-.service", "x.conf", "system"),
        ("/etc/systemd/system/getty@tty1.service.d/x.conf", "getty@tty1.service", "x.conf", "system"),
        ("/run/systemd/system.control/a.service.d/50-x.conf", "a.service", "50-x.conf", "system"),
    ],
)
def test_the_path_says_unit_drop_in_and_scope(source, unit, drop_in, scope):
    fields = read("[Unit]\nDescription=d\n", source)
    assert (fields["service.name"], fields.get("escadre.systemd.drop_in"), fields["escadre.scope"]) == (unit, drop_in, scope)


def test_a_timer_starts_the_service_of_its_name_or_the_unit_that_it_names():
    assert read("[Timer]\nOnCalendar=daily\nOnBootSec=1min\n", "/etc/systemd/system/t.timer")["escadre.systemd.activates"] == "t.service"
    fields = read("[Timer]\nOnCalendar=daily\nUnit=other.service\n", "/etc/systemd/system/t.timer")
    assert (fields["escadre.systemd.activates"], fields["escadre.trigger"]) == ("other.service", ["OnCalendar=daily"])


def test_an_empty_file_masks_and_odd_lines_are_named():
    assert read("# only a comment\n")["escadre.systemd.empty"]
    records, problems = survives(systemd_units, UNIT, b"ExecStart=/a\n[Service]\nnonsense\nExecStart=/b\n")
    assert records[0].fields["escadre.systemd.exec"] == ["ExecStart=/b"]
    assert [p.locator for p in problems] == ["line 1", "line 3"]


def test_commands_of_this_machine_are_those_of_its_unit_files():
    """Read line by line, as a person would: plain units, without continuation lines and resets."""
    units = [p for p in Path("/usr/lib/systemd/system").glob("*.service") if p.is_file() and not p.is_symlink()]
    need(units, "a machine with systemd units")
    for unit in units:
        text = unit.read_text()
        if "\\\n" in text or "ExecStart=\n" in text:
            continue
        starts = [x for x in read(unit.read_bytes(), str(unit)).get("escadre.systemd.exec", []) if x.startswith("ExecStart=")]
        assert starts == [line.strip() for line in text.split("\n") if line.startswith("ExecStart=")], unit


def test_systemd_finds_the_same_executable(tmp_path):
    """systemd-analyze verify complains about each executable that is not there, by the path that it reads out of the unit."""
    analyze = shutil.which("systemd-analyze")
    need(analyze, "systemd-analyze")
    cases = ["@/no/such/a name", "-/no/such/b", '"/no/such/c d" x', "+/no/such/e \\\n  more", "/no/such/f\rExecStart=/no/such/g"]
    cases += [r"/no/su\x63h/\150", r"/no/such/\u0069 x", "/no/such/j ; /no/such/k", r"/no/such/l\x20m", r'"/no/such/n\so"']
    for number, case in enumerate(cases):
        text = f"[Service]\nType=oneshot\nExecStart={case}\n"
        unit = tmp_path / f"case{number}.service"
        unit.write_bytes(text.encode())
        said = subprocess.run([analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False).stderr
        fields = read(text, f"/etc/systemd/system/{unit.name}")
        if not fields["escadre.systemd.exec"][0].startswith("ExecStart=-"):
            assert f"Command {fields['process.executable']} is not executable" in said, said


@pytest.mark.parametrize(("source", "data"), inputs("systemd_units"), ids=lambda v: v if isinstance(v, str) else "")
def test_damage_is_survived(source, data):
    for bad in damaged(data):
        survives(systemd_units, source, bad)


def test_a_path_that_no_bytes_make_is_survived():
    odd = "/etc/systemd/system/\ud83d\udcff.service"
    records, _ = survives(systemd_units, odd, b"[Service]\nExecStart=/bin/\xff\n")
    assert records[0].fields["process.executable"] == "/bin/\\xff"
