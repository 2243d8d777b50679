"""The recipe for many hosts by ssh, with a real OpenSSH server: archives and receipts come back, and nothing stays on the host."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scout.keys import load_identities
from scout.verifying.verify import verify
from tests.conftest import ROOT, need
from tests.scout.collecting import *  # noqa: F403  (fixtures)
from tests.scout.collecting import AS_ROOT


@pytest.fixture
def server(tmp_path):
    """Options for ssh to an OpenSSH server of this test's own, on a port of 127.0.0.1."""
    program = shutil.which("sshd") or "/usr/sbin/sshd"
    need(AS_ROOT and os.path.exists(program) and shutil.which("ssh") and shutil.which("scp"), "root and OpenSSH (openssh-server)")
    Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = (
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/user.pub\nPidFile none\n"
        "StrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n"
    )
    (tmp_path / "sshd_config").write_text(settings)
    with subprocess.Popen([program, "-D", "-e", "-f", tmp_path / "sshd_config"], stderr=subprocess.DEVNULL) as running:
        for _ in range(200):
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        known = f"-o Port={port} -o IdentityFile={tmp_path}/user -o IdentitiesOnly=yes -o UserKnownHostsFile=/dev/null"
        yield f"{known} -o StrictHostKeyChecking=no -o BatchMode=yes -o LogLevel=ERROR"
        running.terminate()


def test_archives_come_back_and_nothing_stays(server, key, tmp_path):
    agent, out = tmp_path / "scout", tmp_path / "collected"
    out.mkdir()
    # the agent as a script: what it does is tested elsewhere, here it is the recipe
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from scout.agent.main import main; main()"
    agent.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{start}" "$@" -r {key[1]} --targets LL06\n')
    agent.chmod(0o755)
    (tmp_path / "hosts").write_text("127.0.0.1\n\nnosuchhost.invalid\nlocalhost\n")
    before = set(Path("/dev/shm").glob("scout.*"))
    command = [ROOT / "docs/fleet/collect.sh", agent, tmp_path / "hosts", out]
    done = subprocess.run(command, env={**os.environ, "SSH_OPTIONS": server}, capture_output=True, text=True)
    assert done.returncode == 1 and "nosuchhost.invalid: no ssh" in done.stderr  # one host is not there
    assert done.stdout.splitlines() == ["127.0.0.1: exit 0, 1 archive", "localhost: exit 0, 1 archive"], done.stderr
    for host in ("127.0.0.1", "localhost"):
        (archive,) = (out / host).glob("*.age")
        assert verify(archive, load_identities(key[0]), f"{archive}.receipt.json").receipt == "agrees"
    assert set(Path("/dev/shm").glob("scout.*")) == before
