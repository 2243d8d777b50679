"""Deliveries to real servers: complete, over a line that breaks, to a server that fails, and to one that must not be trusted."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from datetime import timedelta

import pytest

from scout.keys import load_identities
from scout.verifying.verify import verify
from tests.conftest import need
from tests.scout import servers
from tests.scout.collecting import *  # noqa: F403  (fixtures)
from tests.scout.collecting import AS_ROOT, SCOUT, mounted, scout

SECRET = b"plain text of the host: never on the line, never on the server"
KINDS = {"https": servers.nginx, "sftp": servers.sshd, "s3": servers.s3}


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """A root whose archive has about 24 MB: more than one part of every kind."""
    root = tmp_path_factory.mktemp("big") / "root"
    (root / "var/log").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "etc/hostname").write_text("big\n")
    (root / "var/log/syslog").write_bytes(SECRET * 50)
    chance = random.Random(14)
    for number in range(12):
        (root / f"var/log/app{number}.log").write_bytes(chance.randbytes(2_000_000))
    return root


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """`started(kind)`: the server of a kind, started once."""
    with ExitStack() as stack:
        known = {}

        def start(kind):
            if kind not in known:
                known[kind] = stack.enter_context(KINDS[kind](tmp_path_factory.mktemp(kind)))
            return known[kind]

        yield start


@pytest.fixture
def deliver(key, tmp_path, capsys):
    """`deliver(root, *options)` → (exit code, JSON of the summary, local folder)."""

    def run(root, *options):
        out = tmp_path / f"out{len(list(tmp_path.glob('out*')))}"
        out.mkdir()
        code = scout("collect", "--json", "-r", key[1], "--root", str(root), "-o", str(out), *options)
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else {"error": said.err}, out

    return run


def archive_of(held, name):
    """The archive that a server holds, put together as the guide says."""
    if name in held:
        return held[name]
    if "host.age" in held:
        return held["host.age"]
    return b"".join(data for part, data in sorted(held.items()) if part.startswith(f"{name}.part"))


def whole(data, key, receipt, folder):
    path = folder / "joined.age"
    path.write_bytes(data)
    verdict = verify(path, load_identities(key[0]), receipt)
    assert verdict.state == "whole", verdict.lines
    return verdict


def name_of(document):
    return document["archive"].rsplit("/", 1)[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_arrives_whole_with_its_receipt_and_leaves_nothing_here(started, big, deliver, key, tmp_path, kind):
    server = started(kind)
    before = server.holds()
    code, said, out = deliver(big, *server.url(server.port))
    assert code == 0, said
    held = {name: data for name, data in server.holds().items() if before.get(name) != data}
    data = archive_of(held, name_of(said))
    assert whole(data, key, said["receipt"], tmp_path)
    receipt = next(data for name, data in held.items() if name.endswith(".receipt.json"))
    assert json.loads(receipt)["code"] == said["receipt"] and json.loads(receipt)["size"] == len(data)
    assert said["delivered"]["complete"] and said["delivered"]["sent"] == len(data)
    assert list(out.iterdir()) == []
    assert not any(SECRET in data for data in held.values())


@pytest.mark.parametrize(("kind", "cut"), [("https", 5_000_000), ("sftp", 1_500_000), ("s3", 7_000_000)])
def test_a_line_that_is_cut_every_few_megabytes(started, big, deliver, key, tmp_path, kind, cut):
    server = started(kind)
    with closing(servers.BrokenLine(server.port, cut=cut)) as line:
        code, said, out = deliver(big, *server.url(line.port))
    assert code == 0, said
    assert line.cuts > 2 and said["delivered"]["retries"] >= line.cuts
    assert whole(archive_of(server.holds(), name_of(said)), key, said["receipt"], tmp_path)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("kind", ["https", "sftp"])
def test_what_a_dead_server_does_not_take_is_a_local_file_that_completes_it(started, big, deliver, key, tmp_path, kind):
    server = started(kind)
    with closing(servers.BrokenLine(server.port, most=18_500_000)) as line:
        code, said, out = deliver(big, *server.url(line.port), "--retry-for", "1")
    assert code == 1
    done, name = said["delivered"], name_of(said)
    assert not done["complete"] and "broken" in done["failed"] and "cat " in done["joining"]
    rest = out / done["rest"].rsplit("/", 1)[-1]
    assert rest.stat().st_mode & 0o777 == 0o600
    joined = archive_of(server.holds(), name)[: done["sent"]] + rest.read_bytes()
    assert 0 < done["sent"] < len(joined)
    assert whole(joined, key, out / f"{name}.receipt.json", tmp_path)
    assert SECRET not in rest.read_bytes()


def test_an_upload_to_s3_that_dies_keeps_its_rest_and_says_how_to_complete_it(started, big, deliver):
    server = started("s3")
    with closing(servers.BrokenLine(server.port, most=12_000_000)) as line:
        code, said, out = deliver(big, *server.url(line.port), "--retry-for", "1")
    assert code == 1 and "complete-multipart-upload" in said["delivered"]["joining"]
    rest = out / said["delivered"]["rest"].rsplit("/", 1)[-1]
    assert said["delivered"]["sent"] + rest.stat().st_size == said["bytes_written"]


def test_a_full_server_leaves_the_rest_here(big, deliver, key, tmp_path):
    need(AS_ROOT, "root")
    there = tmp_path / "full"
    there.mkdir()
    (tmp_path / "ssh").mkdir()
    with mounted("-t", "tmpfs", "-o", "size=9m", "none", str(there)), servers.sshd(tmp_path / "ssh", there) as server:
        code, said, out = deliver(big, *server.url(server.port))
        done = said["delivered"]
        assert code == 1 and "full" in done["advice"]
        beginning = server.holds()[name_of(said)][: done["sent"]]
    rest = (out / done["rest"].rsplit("/", 1)[-1]).read_bytes()
    assert whole(beginning + rest, key, said["receipt"], tmp_path)


def test_a_server_that_fails_at_the_end_leaves_the_last_part_here(big, deliver, key, tmp_path):
    with closing(servers.OddServer(tmp_path, lambda name, n: 500 if name.endswith(".part0002") else None)) as server:
        code, said, out = deliver(big, *server.options, "--retry-for", "1")
    assert code == 1 and "500" in said["delivered"]["failed"]
    rest = out / f"{name_of(said)}.part0002"
    assert whole(server.got[f"{name_of(said)}.part0001"] + rest.read_bytes(), key, said["receipt"], tmp_path)


def test_a_server_that_fails_now_and_then_is_asked_again(big, deliver, key, tmp_path):
    with closing(servers.OddServer(tmp_path, lambda name, n: 503 if n in (2, 4) else None)) as server:
        code, said, _ = deliver(big, *server.options)
    assert code == 0 and said["delivered"]["retries"] == 2
    assert whole(archive_of(server.got, name_of(said)), key, said["receipt"], tmp_path)


def test_a_server_that_refuses_only_the_receipt_has_the_archive(root, deliver, tmp_path):
    with closing(servers.OddServer(tmp_path, lambda name, n: 403 if name.endswith(".receipt.json") else None)) as server:
        code, said, _ = deliver(root, *server.options)
    assert code == 0 and said["delivered"]["complete"] and "403" in said["delivered"]["no_receipt"]


def test_keep_leaves_the_same_archive_here(started, big, deliver, tmp_path):
    server = started("https")
    code, said, out = deliver(big, *server.url(server.port), "--keep")
    assert code == 0
    here = (out / name_of(said)).read_bytes()
    assert archive_of(server.holds(), name_of(said)) == here
    assert sorted(path.suffix for path in out.iterdir()) == [".age", ".json"]


@pytest.mark.parametrize("option", [["--keep"], ["--pin", "ab" * 32], ["--ca", "ca.pem"], ["--ssh-key", "key"]])
def test_an_option_of_a_delivery_without_an_address_is_refused(root, tmp_path, key, option):
    command = [*SCOUT, "collect", "-r", key[1], "--root", str(root), "-o", str(tmp_path), *option]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and f"{option[0]}: the archive goes to no server" in done.stderr and "--to" in done.stderr
    assert not list(tmp_path.glob("*.age"))


def test_a_kept_archive_is_whole_where_the_server_dies(started, big, deliver, key):
    server = started("https")
    with closing(servers.BrokenLine(server.port, most=10_000_000)) as line:
        code, said, out = deliver(big, *server.url(line.port), "--keep", "--retry-for", "1")
    assert code == 1 and said["delivered"]["rest"] is None
    assert verify(out / name_of(said), load_identities(key[0]), said["receipt"]).state == "whole"


def test_a_signal_ends_the_collection_and_what_was_read_is_delivered(started, big, key, tmp_path):
    """The line stands still, and the root has more than all buffers hold: the signal arrives before the end."""
    server = started("sftp")
    (tmp_path / "out").mkdir()
    with closing(servers.BrokenLine(server.port, hold=500_000)) as line:
        command = [*SCOUT, "collect", "--json", "-r", key[1], "--root", str(big), "-o", str(tmp_path / "out"), *server.url(line.port)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        while child.poll() is None and line.passed < 500_000:
            time.sleep(0.02)
        child.send_signal(signal.SIGTERM)
        line.go_on.set()
        said = json.loads(child.communicate()[0])
    assert child.returncode == 143 and said["state"] == "interrupted" and said["delivered"]["complete"]
    path = tmp_path / "joined.age"
    path.write_bytes(server.holds()[name_of(said)])
    assert verify(path, load_identities(key[0]), said["receipt"]).state == "interrupted"


def test_nothing_is_collected_where_the_test_upload_fails(started, root, deliver, tmp_path):
    https = started("https")
    trust = ["--ca", str(https.extra["cert"])]
    base = f"https://localhost:{https.port}"
    for options, why in [
        (["--to", f"{base}/in/"], "not trusted"),
        (["--to", f"{base}/in/", "--pin", "00" * 32], "not the pinned one"),
        (["--to", f"https://wrong.localhost:{https.port}/in/", *trust], "wrong.localhost"),
        (["--to", f"{base}/denied/", *trust], "403"),
        (["--to", f"{base}/static/", *trust], "405"),
        (["--to", f"{base}/moved/", *trust], "redirects to https://elsewhere.example/in/"),
        (["--to", f"https://localhost:{servers.free_port()}/", *trust], "refused"),
        (["--to", f"http://localhost:{https.port}/in/"], "no place"),
        (["--to", "ftp://localhost/"], "no place"),
        (["--to", "https:///x"], "not an https address"),
        (["--to", f"{base}/in/?X-Amz-Signature=1"], "multipart"),
        (["--to", "s3:/does/not/exist"], "cannot be read"),
        (["--to", f"{base}/in/", "--pin", "12"], "--pin"),
    ]:
        code, said, out = deliver(root, *options)
        assert code in (2, 3) and why in said["error"], (options, said)
        assert "Traceback" not in said["error"] and list(out.iterdir()) == []


def test_an_ssh_server_that_cannot_be_trusted_or_entered(started, root, deliver):
    ssh = started("sftp")
    to, trust = ssh.url(ssh.port)[:2], ["--pin", ssh.extra["pin"]]
    log_in = ["--ssh-key", str(ssh.extra["key"])]
    for options, why in [
        ([*to, *log_in], "Host key verification failed"),
        ([*to, *log_in, "--pin", "SHA256:" + "A" * 43], "No key of"),
        ([*to, *trust, "--ssh-key", str(ssh.extra["other"])], "Permission denied"),
        ([to[0], f"{to[1]}/nowhere", *trust, *log_in], "does not exist"),
        ([to[0], to[1].replace("://", "://user:password@"), *trust], "no password"),
    ]:
        code, said, out = deliver(root, *options)
        assert code in (2, 3) and why in said["error"], (options, said)
        assert list(out.iterdir()) == []


def test_presigned_urls_that_have_expired(started, root, deliver, tmp_path):
    server = started("s3")
    path = tmp_path / "old.json"
    path.write_text(json.dumps(servers.grant(server.port, server.port, server.extra["cert"], seconds=60, past=3600)))
    code, said, _ = deliver(root, "--to", f"s3:{path}", "--ca", str(server.extra["cert"]))
    assert code == 3 and "403" in said["error"] and "expired" in said["error"]


@pytest.mark.parametrize(
    "validity", [{"begins": timedelta(days=2), "ends": timedelta(days=9)}, {"begins": timedelta(days=-9), "ends": timedelta(days=-2)}]
)
def test_a_clock_that_does_not_fit_the_certificate_is_named(root, deliver, tmp_path, validity):
    with closing(servers.OddServer(tmp_path, lambda name, n: None, **validity)) as server:
        code, said, _ = deliver(root, *server.options)
        assert code == 3 and "clock" in said["error"]
        pin = servers.x509.load_pem_x509_certificate(server.cert.read_bytes()).fingerprint(servers.hashes.SHA256()).hex(":")
        code, said, _ = deliver(root, *server.options[:2], "--pin", f"SHA256:{pin}")
        assert code == 0, said


def test_a_server_that_takes_small_bodies_only_leaves_everything_here(started, root, deliver, key):
    server = started("https")
    to = f"https://localhost:{server.port}/small/"
    code, said, out = deliver(root, "--to", to, "--ca", str(server.extra["cert"]))
    assert code == 1 and "413" in said["delivered"]["failed"] and said["delivered"]["sent"] == 0
    assert verify(out / name_of(said), load_identities(key[0]), out / f"{name_of(said)}.receipt.json").state == "whole"


def test_over_ipv6(started, root, deliver):
    if not servers.has_ipv6():
        pytest.skip("this machine has no IPv6")
    server = started("https")
    code, said, _ = deliver(root, "--to", f"https://[::1]:{server.port}/in/", "--ca", str(server.extra["cert"]))
    assert code == 0, said


def test_stdout_gets_the_archive_and_nothing_else(root, key, tmp_path):
    command = [*SCOUT, "collect", "-r", key[1], "--root", str(root), "--to", "-"]
    done = subprocess.run(command, capture_output=True, check=True, cwd=tmp_path)
    code = next(line.split()[1] for line in done.stderr.decode().splitlines() if line.strip().startswith("receipt"))
    assert whole(done.stdout, key, code, tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name != "joined.age" and path.name != "root"] == []


def test_a_reader_of_stdout_that_ends_is_named(big, key, tmp_path):
    command = (
        f"{sys.executable} -c 'from scout.cli import main; main()' collect -q -r {key[1]} --root {big} --to - | head -c 100000 > /dev/null"
    )
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert done.returncode == 3 and "could not be written any further" in done.stderr and "Traceback" not in done.stderr


def test_a_server_that_takes_nothing_stops_the_collection_and_not_the_memory():
    """What nobody takes away fills two buffers and the pipe, then the writer has to wait."""
    from scout.delivering.courier import PipeParts

    reads, writes = os.pipe()
    source = PipeParts(reads, 1 << 20)
    os.set_blocking(writes, False)
    total = quiet = 0
    while quiet < 20:
        try:
            total += os.write(writes, bytes(1 << 16))
            quiet = 0
        except BlockingIOError:
            quiet += 1
            time.sleep(0.02)
    assert 2 << 20 <= total <= (2 << 20) + (1 << 20) + 1
    os.close(writes)
    got, last = 0, False
    while not last:
        data, last = source.take()
        got += len(data)
    assert got == total


def test_where_neither_the_server_nor_this_host_has_room_the_collection_ends_and_says_so(started, big, key, tmp_path, capsys):
    need(AS_ROOT, "root")
    server = started("sftp")
    (tmp_path / "small").mkdir()
    with mounted("-t", "tmpfs", "-o", "size=1m", "none", str(tmp_path / "small")) as out:
        with closing(servers.BrokenLine(server.port, most=5_000_000)) as line:
            code = scout("collect", "-q", "-r", key[1], "--root", str(big), "-o", str(out), *server.url(line.port), "--retry-for", "1")
    said = capsys.readouterr().err
    assert code == 3 and "could not be delivered" in said and "No space left" in said and "Traceback" not in said
