"""No plaintext of evidence is written outside the case, and within it only as compressed records, by the system calls."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

from commodore.engine import scratch
from tests.commodore.cases import CLI, ROOT, environment, records
from tests.conftest import need

CALL = re.compile(r'(?:openat|open|creat)\((?:AT_FDCWD, )?"((?:[^"\\]|\\.)*)", ([A-Z_|]+)[^)]*\) = \d+')
DEVICES = ("/dev/", "/proc/")


def test_a_run_opens_nothing_for_writing_outside_the_case(corpus, tmp_path):
    need(shutil.which("strace"), "strace")
    logs = tmp_path / "PC" / "Windows" / "System32" / "winevt" / "Logs"
    logs.mkdir(parents=True)
    data = (corpus / "evtx/omerbenamram+evtx/samples/security.evtx").read_bytes()
    (logs / "Security.evtx").write_bytes(data)
    (logs.parents[3] / "$MFT").write_bytes((b"FILE0" + bytes(1019)) * (66 << 10))  # beyond what is held in memory: sealed
    scout = [sys.executable, "-m", "scout.cli"]
    quiet = {"check": True, "cwd": ROOT, "env": environment(), "capture_output": True}
    subprocess.run([*scout, "keygen", "-o", str(tmp_path / "key.txt")], **quiet)
    public = next(w for w in (tmp_path / "key.txt").read_text().split() if w.startswith("age1"))
    subprocess.run([*scout, "collect", "-r", public, "--root", str(logs.parents[3]), "-o", str(tmp_path)], **quiet)
    archive, case, trace = next(tmp_path.glob("*.age")), tmp_path / "case", tmp_path / "trace"
    command = [*CLI, "process", str(archive), "-i", str(tmp_path / "key.txt"), "-o", str(case), "--workers", "2"]
    traced = ["strace", "-f", "-qq", "-e", "trace=open,openat,creat,memfd_create", "-o", str(trace), *command]
    subprocess.run(traced, check=True, cwd=ROOT, env=environment(PYTHONDONTWRITEBYTECODE="1"), capture_output=True)
    calls = [m.groups() for m in CALL.finditer(trace.read_text(errors="replace"))]
    writes = {path for path, flags in calls if re.search("O_WRONLY|O_RDWR|O_CREAT", flags) and not path.startswith(DEVICES)}
    assert any(path.startswith(str(case)) for path in writes), "the trace saw the case being written"
    assert {path for path in writes if not path.startswith(str(case))} == set()
    assert "memfd_create" not in trace.read_text(errors="replace")
    assert len(records(case, "evtx")) > 2000
    plain = data[4096 + 512 : 4096 + 512 + 64]
    assert [p for p in case.rglob("*") if p.is_file() and plain in p.read_bytes()] == []


def test_what_is_sealed_is_not_what_was_given_and_reads_back_at_any_place(tmp_path):
    import io

    text = bytes(range(256)) * 5000
    sealed = scratch.seal(tmp_path / "s", io.BytesIO(text).read)
    raw = (tmp_path / "s").read_bytes()
    assert len(raw) == len(text)
    assert text[:64] not in raw
    assert (tmp_path / "s").stat().st_mode & 0o077 == 0 or sys.platform == "win32"
    with sealed.open() as view:
        for at in (0, 1, 15, 16, 17, 4095, 262_143, len(text) - 3):
            view.seek(at)
            assert view.read(40) == text[at : at + 40]
