"""References: what files that start programs name is taken, with who named it; an unmodified file of a package is only listed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scout.collecting import pathlist
from scout.references import live
from scout.references.posix import from_command, from_setting
from tests.scout.collecting import *  # noqa: F403  (fixtures)
from tests.scout.collecting import scout

FIXTURES = Path(__file__).parents[2] / "fixtures/hives"
PROGRAM = b"\x7fELF" + bytes(60)
PLANTS = {
    "/etc/ld.so.preload": ("/opt/a/libpre.so\n", "/opt/a/libpre.so"),
    "/etc/systemd/system/a.service": ("[Service]\nExecStart=-/opt/a/unit --x\n", "/opt/a/unit"),
    "/etc/cron.d/a": ("* * * * * root cd /tmp && /opt/a/cron.d\n", "/opt/a/cron.d"),
    "/var/spool/cron/crontabs/agnes": ("@reboot ~/bin/own\n", "/home/agnes/bin/own"),
    "/var/spool/cron/atjobs/a0001": ("#!/bin/sh\n/opt/a/at\n", "/opt/a/at"),
    "/etc/rc.local": ("#!/bin/sh\nnohup /opt/a/rc &\n", "/opt/a/rc"),
    "/home/agnes/.bashrc": ("export LD_PRELOAD=/opt/a/libbash.so\n", "/opt/a/libbash.so"),
    "/etc/profile.d/a.sh": (". /opt/a/sourced\n", "/opt/a/sourced"),
    "/etc/sudoers.d/a": ("agnes ALL=(ALL) NOPASSWD: /opt/a/sudo.sh\n", "/opt/a/sudo.sh"),
    "/etc/pam.d/sshd": ("auth optional pam_a.so\n", "/usr/lib/x86_64-linux-gnu/security/pam_a.so"),
    "/root/.ssh/authorized_keys": ('command="/opt/a/forced" ssh-ed25519 AAAA x\n', "/opt/a/forced"),
    "/etc/udev/rules.d/9-a.rules": ('ACTION=="add", RUN+="/opt/a/udev"\n', "/opt/a/udev"),
    "/etc/inittab": ("a:2345:respawn:/opt/a/init\n", "/opt/a/init"),
    "/etc/xdg/autostart/a.desktop": ("[Desktop Entry]\nExec=in-path --x\n", "/usr/local/bin/in-path"),
}
"""place of the host → (content, the file that it names), each from the manual page of its program"""


def plant(root: Path, path: str, content: str | bytes, mode: int = 0o755) -> Path:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    file.chmod(mode)
    return file


@pytest.fixture
def planted(root):
    with (root / "etc/passwd").open("a") as passwd:
        passwd.write("agnes:x:1000:1000::/home/agnes:/bin/bash\n")
    for place, (content, named) in PLANTS.items():
        plant(root, place, content)
        plant(root, named, PROGRAM)
        plant(root, f"{named}.decoy", PROGRAM)
    return root


def test_what_starts_programs_is_followed_to_the_file_and_nothing_beside_it(planted, collected):
    archive = collected(planted)
    for place, (_, named) in PLANTS.items():
        line = archive.custody[named]
        assert (line["verdict"], line["target"], line["referrer"]) == ("taken", "LF26", [place]), named
        assert archive.content(named) == PROGRAM
        assert f"{named}.decoy" not in archive.custody


def test_the_custody_of_a_file_behind_a_link_names_both_paths(root, collected):
    plant(root, "/opt/jobs/job", "* * * * * root /opt/started\n", 0o644)
    plant(root, "/opt/started", PROGRAM)
    plant(root, "/usr/local/bin/real", PROGRAM)
    plant(root, "/etc/cron.d/direct", "* * * * * root /usr/local/bin/link\n", 0o644)
    (root / "usr/local/bin/link").symlink_to("real")
    (root / "etc/cron.d/linked").symlink_to("/opt/jobs/job")
    archive = collected(root)
    assert (archive.custody["/opt/jobs/job"]["verdict"], archive.custody["/opt/jobs/job"]["referrer"]) == ("taken", ["/etc/cron.d/linked"])
    assert archive.custody["/opt/started"]["referrer"] == ["/etc/cron.d/linked"]
    assert archive.custody["/usr/local/bin/real"]["referrer"] == ["/etc/cron.d/direct"]
    link = archive.custody["/usr/local/bin/link"]
    assert (link["verdict"], link["link"], link["referrer"]) == ("link", "real", ["/etc/cron.d/direct"])


def test_an_unmodified_file_of_a_package_is_listed_with_its_hash_and_a_modified_one_is_taken(root, collected):
    plant(root, "/etc/cron.d/a", "* * * * * root good; bad; /usr/bin/none\n", 0o644)
    plant(root, "/usr/bin/good", PROGRAM + b"good")
    plant(root, "/usr/bin/bad", PROGRAM + b"changed")
    plant(root, "/usr/bin/none", PROGRAM + b"none")
    digests = {name: hashlib.md5(PROGRAM + name.encode(), usedforsecurity=False).hexdigest() for name in ("good", "bad")}
    listed = "".join(f"{digest}  bin/{name}\n" for name, digest in digests.items())
    plant(root, "/var/lib/dpkg/info/tools:amd64.md5sums", listed, 0o644)
    archive = collected(root)
    good = archive.custody["/usr/bin/good"]
    assert (good["verdict"], good["sha256"]) == ("blocked", hashlib.sha256(PROGRAM + b"good").hexdigest())
    assert good["error"] == "an unmodified file of the package tools: hashed, not taken"
    assert archive.verdict("/usr/bin/bad") == archive.verdict("/usr/bin/none") == "taken"


def test_the_databases_of_alpine_and_arch_list_files_too(root, collected):
    import base64
    import gzip

    plant(root, "/etc/crontab", "* * * * * root one; two\n", 0o644)
    one, two = plant(root, "/usr/bin/one", PROGRAM + b"1"), plant(root, "/usr/bin/two", PROGRAM + b"2")
    sha1 = base64.b64encode(hashlib.sha1(one.read_bytes(), usedforsecurity=False).digest()).decode()
    plant(root, "/lib/apk/db/installed", f"P:box\nV:1\nF:usr/bin\nR:one\na:0:0:755\nZ:Q1{sha1}\n\n", 0o644)
    mtree = f"#mtree\n./usr/bin/two time=1.0 size=65 md5digest=0 sha256digest={hashlib.sha256(two.read_bytes()).hexdigest()}\n"
    plant(root, "/var/lib/pacman/local/two-1.0-1/mtree", gzip.compress(mtree.encode()), 0o644)
    archive = collected(root)
    assert archive.custody["/usr/bin/one"]["error"].startswith("an unmodified file of the package box:")
    assert archive.custody["/usr/bin/two"]["error"].startswith("an unmodified file of the package two:")


def test_a_secret_a_device_and_the_outside_are_not_reached(root, collected, tmp_path):
    (tmp_path / "outside").write_bytes(PROGRAM)
    plant(root, "/etc/shadow", "root:$6$x:1::::::\n", 0o600)
    plant(
        root, "/var/keys/id", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n-----END OPENSSH PRIVATE KEY-----\n"
    )
    (root / "opt").mkdir()
    (root / "opt/up").symlink_to("../" * 30 + str(tmp_path / "outside").lstrip("/"))
    os.mkfifo(root / "opt/pipe")
    plant(root, "/etc/crontab", "* * * * * root . /etc/shadow; . /var/keys/id; /opt/up; /opt/pipe; /proc/1/exe; ../../x\n", 0o644)
    archive = collected(root)
    assert archive.verdict("/etc/shadow") == archive.verdict("/var/keys/id") == "blocked"
    assert not any("outside" in path or "pipe" in path or path.startswith("/proc") for path in archive.custody)


def test_a_table_that_names_a_million_files_costs_the_stated_limit(root, collected):
    plant(root, "/opt/f1", PROGRAM)
    plant(root, "/etc/cron.d/many", "".join(f"* * * * * root /opt/f{n}\n" for n in range(1_000_000)), 0o644)
    plant(root, "/etc/cron.d/wide", "* * * * * root " + "; ".join(f"/opt/g{n}" for n in range(200_000)) + "\n", 0o644)
    plant(root, "/opt/f5000", PROGRAM)
    archive = collected(root)
    gaps = {line["source"]: line["error"] for line in archive.lines if line["type"] == "facts"}
    assert gaps["/etc/cron.d/many"] == "it names more than 2,000 files: only the first 2,000 were looked up"
    assert "/etc/cron.d/wide" in gaps
    assert archive.verdict("/opt/f1") == "taken"
    assert "/opt/f5000" not in archive.custody


def test_lines_without_end_cost_the_stated_limit(root, collected, monkeypatch):
    monkeypatch.setattr("scout.collecting.references.MAX_LINES", 400)
    monkeypatch.setattr("scout.collecting.references.MAX_ALL_LINES", 1_000)
    for name in ("aa", "bb", "cc", "dd"):
        plant(root, f"/etc/cron.d/{name}", "# x\n" * 398 + f"@reboot root /opt/{name}/first\n@reboot root /opt/{name}/second\n")
        for file in ("first", "second"):
            plant(root, f"/opt/{name}/{file}", PROGRAM)
    plant(root, "/etc/cron.d/aa", "# x\n" * 399 + "@reboot root /opt/aa/first\n@reboot root /opt/aa/second\n")
    archive = collected(root)
    gaps = {line["source"]: line["error"] for line in archive.lines if line["type"] == "facts"}
    assert gaps["/etc/cron.d/aa"] == "only its first 400 lines were searched for the programs that it starts"
    assert gaps["/etc/cron.d/dd"].endswith("1,000 lines were searched in all")
    taken = {path for path in archive.custody if path.startswith("/opt/")}
    assert {"/opt/aa/first", "/opt/bb/first", "/opt/bb/second"} <= taken
    assert not taken & {"/opt/aa/second", "/opt/dd/first", "/opt/dd/second"}


def test_what_the_registry_tasks_and_shortcuts_name_is_taken(collected, tmp_path):
    root = tmp_path / "disk"
    for name in ("SYSTEM", "SOFTWARE"):
        plant(root, f"/Windows/System32/config/{name}", (FIXTURES / name).read_bytes())
    for name in ("NTUSER.DAT", "NTUSER.DAT.LOG1"):
        plant(root, f"/Users/agnes.m/{name}", (FIXTURES / name).read_bytes())
    task = "<Task><Actions><Exec><Command>%ProgramData%\\t\\task.exe</Command><Arguments>/x</Arguments></Exec></Actions></Task>"
    plant(root, "/Windows/System32/Tasks/T", task.encode("utf-16"))
    plant(
        root,
        "/ProgramData/Microsoft/Windows/Start Menu/Programs/StartUp/s.url",
        "[InternetShortcut]\r\nURL=file:///C:/deep/in/tree/link.exe\r\n",
    )
    named = {
        "/ProgramData/t/task.exe": "C:\\Windows\\System32\\Tasks\\T",
        "/deep/in/tree/link.exe": "C:\\ProgramData\\Microsoft\\Windows\\Start Menu\\Programs\\StartUp\\s.url",
        "/Users/agnes.m/AppData/Local/Microsoft/OneDrive/OneDrive.exe": "C:\\Users\\agnes.m\\NTUSER.DAT",
        "/Windows/SYSTEM32/SpoolSv.exe": "C:\\Windows\\System32\\config\\SYSTEM",
    }
    for path in named:
        plant(root, path.replace("SYSTEM32", "System32"), b"MZ" + bytes(126))
        plant(root, path.replace("SYSTEM32", "System32").replace(".exe", ".decoy"), b"MZ" + bytes(126))
    archive = collected(root, "--targets", "WR,WP")
    for path, referrer in named.items():
        native = "C:" + path.replace("SYSTEM32", "System32").replace("/", "\\")
        line = archive.custody[native]
        assert (line["verdict"], line["target"], line["referrer"]) == ("taken", "WP08", [referrer]), native
        assert native.replace(".exe", ".decoy") not in archive.custody


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux")
def test_a_running_program_is_named_with_its_process(tmp_path):
    program = tmp_path / "dozing"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    running = subprocess.Popen([program, "60"])
    try:  # the child of another process than this one: what this process starts is its own footprint
        assert not any(path == str(program) for path, _ in live.names())
        code = "from scout.references import live; print(*(who for path, who in live.names() if path.endswith('/dozing')))"
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert said.split()[:2] == ["process", str(running.pid)]
    finally:
        running.kill()
        running.wait()


@pytest.mark.parametrize(
    ("text", "certain", "named"),
    [
        ("/bin/sh -c '/opt/x --y' >/dev/null", ["/bin/sh", "/opt/x"], []),
        ("DAEMON=/opt/d start", ["start"], ["/opt/d"]),
        ("env A=1 python3 /opt/s.py", ["env", "python3", "/opt/s.py"], ["1"][:0]),
    ],
)
def test_commands(text, certain, named):
    found = list(from_command(text))
    assert [one.path for one in found if one.certain] == certain
    assert [one.path for one in found if not one.certain] == named


def test_a_setting_names_paths_and_modules():
    found = {one.path: one.certain for one in from_setting("auth [success=1] pam_x.so arg=/etc/x.conf /lib/y.so https://h/p")}
    assert found == {"pam_x.so": True, "/etc/x.conf": False, "/lib/y.so": True}


def test_a_list_of_paths_collects_exactly_those(root, collected, tmp_path):
    for name in ("/opt/one", "/opt/two\nlines", "/opt/other", "/srv/app/x", "/srv/app/y/z"):
        plant(root, name, PROGRAM)
    odd = os.fsdecode(b"/opt/\xff")
    plant(root, odd, PROGRAM)
    paths = ["/opt/one", "/opt/two\nlines", "/srv/app", "/opt/gone", odd]
    listed = tmp_path / "missing.txt"
    listed.write_text("# what HUNTER lacks\n\n" + pathlist.written(paths))
    archive = collected(root, "--plan", str(listed))
    said = {source: line["verdict"] for source, line in archive.custody.items() if line.get("target")}
    assert said == {
        "/opt/one": "taken",
        "/opt/two\nlines": "taken",
        "/srv/app/x": "taken",
        "/srv/app/y/z": "taken",
        "/opt/gone": "missing",
        odd: "taken",
    }


@pytest.mark.parametrize(
    ("content", "said"), [(b"# none\n", "it names no path"), (b'/a\n"/b\n', "line 2: no JSON string"), (b"/a\n\xff\n", "line 2: not UTF-8")]
)
def test_a_list_that_is_wrong_says_where(root, tmp_path, key, capsys, content, said):
    listed = tmp_path / "list"
    listed.write_bytes(content)
    assert scout("collect", "-r", key[1], "-o", str(tmp_path), "--root", str(root), "--plan", str(listed)) == 2
    assert said in capsys.readouterr().err
