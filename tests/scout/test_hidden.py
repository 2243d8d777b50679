"""What a preloaded library hides is shown (it hides one name); programs without a file are copied; no hash leaves shadow."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scout.live.linux import _direct, directory_views, own_objects, port_views, process_views, shadow
from tests.conftest import ROOT, need
from tests.scout.collecting import *  # noqa: F403  (fixtures)
from tests.scout.collecting import SCOUT

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="live sources are for Linux")
INERT = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
struct dirent *readdir(DIR *d) {
  static struct dirent *(*real)(DIR *);
  if (!real) real = (struct dirent *(*)(DIR *))dlsym(RTLD_NEXT, "readdir");
  struct dirent *e;
  do e = real(d); while (e && (!strcmp(e->d_name, "hidden-by-a-test") || !strcmp(e->d_name, getenv("HIDDEN_ID"))));
  return e;
}
struct dirent64 *readdir64(DIR *d) { return (struct dirent64 *)readdir(d); }
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    need(shutil.which("cc"), "a C compiler")
    folder = tmp_path_factory.mktemp("library")
    (folder / "inert.c").write_text(INERT)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "inert.so", folder / "inert.c", "-ldl"], check=True, capture_output=True)
    return folder / "inert.so"


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def preloaded(library: Path, code: str, hidden: int) -> list:
    environment = os.environ | {"LD_PRELOAD": str(library), "HIDDEN_ID": str(hidden), "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    return json.loads(done.stdout)


def test_a_name_that_libc_hides_is_reported(library, tmp_path):
    need(_direct.available(), "the number of getdents64")
    for name in ("hidden-by-a-test", "shown"):
        (tmp_path / name).write_text("x")
    code = f"import json\nfrom scout.live.linux import directory_views as d\nprint(json.dumps(d.different({str(tmp_path)!r})))"
    assert preloaded(library, code, 0) == [{"path": f"{tmp_path}/hidden-by-a-test", "libc": False, "direct": True, "named": True}]
    assert directory_views.different(str(tmp_path)) == []


def test_a_process_that_libc_hides_and_the_library_itself_are_reported(library, sleeper):
    code = (
        "import json\nfrom scout.live.linux import own_objects as o, process_views as p, procfs\n"
        "print(json.dumps([list(p.collect())[1:], o.strangers(), procfs.pids()]))"
    )
    views, strangers, listed = preloaded(library, code, sleeper.pid)
    (seen,) = [one for one in views if one["pid"] == sleeper.pid]
    assert (seen["listed"], seen["answered"], seen["name"]) == (False, True, "sleep")
    assert strangers == [str(library)]
    assert sleeper.pid in listed  # the other live sources see it


def test_nothing_is_hidden_from_a_plain_process(sleeper):
    summary, *different = process_views.collect()
    assert sleeper.pid not in [one["pid"] for one in different]
    assert summary["listed"] > 0 and summary["answered"] > 0
    assert not [one for one in own_objects.collect() if one["preloaded"]]


def test_what_hidepid_hides_from_an_ordinary_user_is_no_hidden_process():
    need(os.geteuid() == 0 and shutil.which("unshare"), "root and unshare")
    code = (
        "import json, os, sys\nfrom scout.live.linux import process_views as p\nif sys.argv[1:]:\n  os.setgroups([])\n  os.setgid(65534)\n"
        "  os.setuid(65534)\nprint(json.dumps([os.getppid(), *p.collect()]))"
    )
    script = 'mount -t proc -o hidepid=2 proc /proc; "$@"; exit $?'
    for user in ((), ("nobody",)):
        alone = ["unshare", "--mount", "--pid", "--fork", "sh", "-ec", script, "sh", sys.executable, "-c", code, *user]
        done = subprocess.run(alone, cwd=ROOT, capture_output=True, text=True, check=True)
        parent, summary, *different = json.loads(done.stdout)
        assert (parent, different, summary.get("hidepid", False)) == (1, [], bool(user))
        assert summary["answered"] == 2 and summary["listed"] == (1 if user else 2)


def test_programs_without_a_file_are_copied(tmp_path, collected):
    program = shutil.which("sleep")
    copy = tmp_path / "deleted-later"
    shutil.copy(program, copy)
    deleted = subprocess.Popen([str(copy), "60"])
    copy.unlink()
    code = (
        f"import os\nf = os.memfd_create('m')\nos.write(f, open({program!r}, 'rb').read())\n"
        "os.execv(f'/proc/self/fd/{f}', ['sleep', '60'])"
    )
    memory = subprocess.Popen([sys.executable, "-c", code])
    try:
        while not os.readlink(f"/proc/{memory.pid}/exe").startswith("/memfd:"):
            os.sched_yield()
        archive = collected(None, "--targets", "LL02")
    finally:
        for one in (deleted, memory):
            one.kill()
            one.wait()
    digest = hashlib.sha256(Path(program).read_bytes()).hexdigest()
    for pid, why in ((deleted.pid, "running, its file is deleted"), (memory.pid, "running from memory (memfd)")):
        line = archive.custody[f"/proc/{pid}/exe"]
        assert (line["verdict"], line["sha256"], line["why"]) == ("taken", digest, why)
        assert line["referrer"][0].startswith(f"process {pid} ")
        assert hashlib.sha256(archive.content(f"/proc/{pid}/exe")).hexdigest() == digest


def test_the_state_of_passwords_without_any_hash():
    lines = [
        "root:$y$j9T$saltsalt$hashhashhash:20000:0:99999:7:::",
        "old:!$6$saltsalt$hashhashhash:19000:1:90:7:14:20500:",
        "daemon:*:20000:0:99999:7:::",
        "nobody:!*:20000::::::",
        "open::20000:0:99999:7:::",
        "des:abJnggxhB/yWI:1:::::: ",
        "no line of shadow",
    ]
    found = {one["name"]: one for one in shadow.states(iter(lines))}
    assert {name: (one["state"], one.get("algorithm")) for name, one in found.items()} == {
        "root": ("password", "yescrypt"),
        "old": ("locked", "sha512"),
        "daemon": ("none", None),
        "nobody": ("none", None),
        "open": ("empty", None),
        "des": ("password", "des"),
    }
    assert (found["root"]["changed"], found["old"]["expires"], found["old"]["inactive"]) == ("2024-10-04", "2026-02-16", 14)
    assert not any(secret in json.dumps(found) for secret in ("hash", "salt", "abJ", "j9T"))


def test_the_summary_of_a_collection_names_what_is_hidden(library, sleeper, key, tmp_path):
    need(_direct.available(), "the number of getdents64")
    environment = os.environ | {"LD_PRELOAD": str(library), "HIDDEN_ID": str(sleeper.pid), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [*SCOUT, "collect", "-r", key[1], "--targets", "LL03,LL05", "-o"]  # both archives may be of the same second
    for folder in ("hidden", "plain"):
        (tmp_path / folder).mkdir()
    done = subprocess.run([*command, str(tmp_path / "hidden")], check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    (line,) = [one for one in done.stdout.splitlines() if f"process {sleeper.pid} sleep" in one]
    assert "hidden?" in done.stdout and "readdir" not in line and "a probe" in line
    assert str(library) in done.stderr + done.stdout
    command = [*command, str(tmp_path / "plain"), "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment | {"LD_PRELOAD": ""})
    found = json.loads(done.stdout.splitlines()[-1])["differences"]
    assert not any(f"process {sleeper.pid} " in one for one in found.get("process_views", []))


HIDES_A_PORT = """
import json, pathlib, subprocess, sys
from scout.live.linux import port_views as p
port, fake = int(sys.argv[1]), pathlib.Path(sys.argv[2])
(fake / "self/net").mkdir(parents=True)
for table in ("tcp", "tcp6", "udp", "udp6"):
    lines = pathlib.Path("/proc/self/net", table).read_text().splitlines(keepends=True)
    (fake / "self/net" / table).write_text("".join(line for line in lines if table != "tcp" or f":{port:04X} " not in line))
subprocess.run(["mount", "--bind", fake, "/proc"], check=True)
p.SECONDS = 0
print(json.dumps(list(p.collect())))
"""
"""Lists without one port, put over those of the kernel for this process alone"""


def test_a_port_that_the_list_of_the_kernel_lacks_is_reported(tmp_path):
    need(os.geteuid() == 0 and shutil.which("unshare"), "root and unshare")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        alone = ["unshare", "--mount", sys.executable, "-c", HIDES_A_PORT, str(port), str(tmp_path / "proc")]
        done = subprocess.run(alone, cwd=ROOT, capture_output=True, text=True, check=True)
        summary, *different = json.loads(done.stdout)
        (seen,) = [one for one in different if (one["protocol"], one["port"]) == ("tcp", port)]
        assert (seen["listed"], seen["dumped"], seen["taken"], seen["uid"]) == (False, True, True, 0)
        assert port_views._one(("tcp", port)) is None  # nothing hides it from this process
        assert summary["dumped"] >= 1
    assert port_views.difference(seen) == f"tcp port {port} is shown by the socket dump and a probe only"
