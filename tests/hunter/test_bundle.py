"""A bundle: one file of HUNTER, one signed plan and who may sign, in a root without Python; what it sends back is read by `status`."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from hunter.bundle import contents
from hunter.bundle.main import main
from scout.console import Complaint
from tests.conftest import need
from tests.hunter.conftest import Bench, manifest
from tests.hunter.driver import hunt
from tests.hunter.test_signature import new_key, signers


@pytest.fixture
def signed(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Bench, Path]:
    """A bench with a signed plan, and the list of who may sign."""
    need(bool(shutil.which("ssh-keygen")), "ssh-keygen")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    bench.plan_here()
    key = new_key(tmp_path, "k")
    assert hunt("sign", bench.plan, "-k", key)[0] == 0
    return bench, signers(tmp_path, key)


@pytest.fixture
def baked(signed: tuple[Bench, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Bench, Path]:
    """The program of a bundle, in this process: its baked files are where a frozen one has them."""
    bench, listed = signed
    here = tmp_path / "frozen"
    for name, content in contents.baked_files(bench.plan, listed).items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(content)
    monkeypatch.setattr(contents, "_HERE", here / "hunter/bundle")
    return bench, tmp_path / "bundle.work"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_check_apply_verify_pack_undo(baked, capsys) -> None:
    bench, work = baked
    before = manifest(bench.root)
    code, out, err = run(capsys, "check", "--dir", work, "--root", bench.root)
    assert (code, "5 ready" in out, "Signed by alice@site" in err) == (0, True, True), out + err
    assert manifest(bench.root) == before and (work / "plan.yaml").read_bytes() == bench.plan.read_bytes()
    code, out, err = run(capsys, "apply", "--yes", "--dir", work, "--root", bench.root, "-o", bench.folder)
    assert code == 0 and "Done: 5 of 5" in out and "All gone" in out and "Packed" in out, out + err
    (archive,) = bench.folder.glob("web01-*-removal.tar.zst.age")
    code, out, err = hunt("status", bench.case, archive, "-i", bench.key)
    assert code == 0 and "web01  applied  5 removed" in out and out.count("  gone") == 5, out + err
    assert run(capsys, "undo", "--dir", work, "--root", bench.root)[0] == 0
    assert manifest(bench.root) == before


@pytest.mark.parametrize("name", ["plan.yaml", "plan.yaml.sig", "allowed_signers"])
def test_a_changed_file_in_its_folder_or_another_host_is_refused_before_any_write(baked, capsys, name) -> None:
    bench, work = baked
    state = manifest(bench.root)
    assert run(capsys, "check", "--dir", work, "--root", bench.root)[0] == 0
    (work / name).write_bytes((work / name).read_bytes() + b"# changed\n")
    code, _, err = run(capsys, "apply", "--yes", "--dir", work, "--root", bench.root)
    assert (code, "is not the one of this bundle" in err) == (2, True), err
    (bench.root / "etc/machine-id").write_text("f" * 32 + "\n")
    state = manifest(bench.root)
    code, _, err = run(capsys, "apply", "--yes", "--dir", f"{work}2", "--root", bench.root)
    assert (code, "not web01, the host of the plan" in err) == (3, True), err
    assert manifest(bench.root) == state


def test_a_signature_that_expired_stops_apply_but_not_undo_and_the_way_back(baked, capsys) -> None:
    bench, work = baked
    before = manifest(bench.root)
    assert run(capsys, "apply", "--yes", "--dir", work, "--root", bench.root, "-o", bench.folder)[0] == 0
    for place in (contents._HERE, work):
        line = (place / "allowed_signers").read_text().replace("alice@site ", 'alice@site valid-before="20200101" ')
        (place / "allowed_signers").write_text(line)
    code, _, err = run(capsys, "apply", "--yes", "--dir", work, "--root", bench.root)
    assert (code, "expired at" in err) == (2, True), err
    assert run(capsys, "verify", "--dir", work, "--root", bench.root)[0] == 0
    assert run(capsys, "undo", "--dir", work, "--root", bench.root)[0] == 0
    assert manifest(bench.root) == before


def test_a_folder_that_others_may_write_is_refused(baked, capsys) -> None:
    bench, work = baked
    work.mkdir(mode=0o700)
    work.chmod(0o777)
    code, _, err = run(capsys, "--dir", work, "--root", bench.root)
    assert (code, "can be written by others" in err) == (2, True), err


def test_a_plan_without_a_valid_signature_gives_no_bundle(signed, tmp_path) -> None:
    from hunter.bundle.build import bundle

    bench, listed = signed
    with pytest.raises(Complaint, match="not there"):
        bundle(bench.plan, None, tmp_path)
    with pytest.raises(Complaint, match="not in the list"):
        bundle(bench.plan, signers(tmp_path, new_key(tmp_path, "other")), tmp_path)
    bench.plan.write_text("# changed\n" + bench.plan.read_text())
    with pytest.raises(Complaint, match="changed after it was signed"):
        bundle(bench.plan, listed, tmp_path)
    Path(f"{bench.plan}.sig").unlink()
    with pytest.raises(Complaint, match="is not signed"):
        bundle(bench.plan, listed, tmp_path)


@pytest.mark.slow
def test_the_frozen_bundle_works_in_a_root_without_python(signed, tmp_path) -> None:
    """PyInstaller takes most of the time of this test. The host of the plan is the root that the bundle runs in."""
    need(find_spec("PyInstaller") and shutil.which("objdump"), "PyInstaller (the extra agent), objdump")
    need(bool(shutil.which("unshare")), "unshare")
    bench, listed = signed
    code, out, err = hunt("bundle", bench.plan, "--allowed-signers", listed, "-o", tmp_path, "--json")
    assert code == 0, out + err
    made = json.loads(out)
    program = Path(made["bundle"])
    assert program.name == "hunter-web01" and made["size"] < 40_000_000
    root, place = bench.root, bench.root / "run/hunter"
    place.mkdir(parents=True, mode=0o700)
    linked = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    libraries = [word for line in linked.splitlines() for word in line.split() if word.startswith("/")]
    beside = Path(next(one for one in libraries if "/libc.so." in one)).parent
    more = [str(beside / name) for name in ("libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1", "libgcc_s.so.1")]
    for path in dict.fromkeys((*libraries, *more)):
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    shutil.copy(program, place / program.name)
    for folder in ("proc", "dev/shm", "mnt"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    os.mknod(root / "dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    assert not list(root.rglob("python*"))
    before = manifest(root)

    def inside(*arguments: str) -> subprocess.CompletedProcess[str]:
        script = f'mount -t proc proc {root}/proc && hostname web01 && exec chroot {root} /run/hunter/{program.name} "$@"'
        return subprocess.run(
            ["unshare", "-m", "-u", "sh", "-c", script, "sh", *arguments],
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"]},
            check=False,
        )

    done = inside()
    assert done.returncode == 0 and "5 ready" in done.stdout, done.stdout + done.stderr
    done = inside("apply", "--yes", "-o", "/mnt")
    assert done.returncode == 0 and "All gone" in done.stdout, done.stdout + done.stderr
    (archive,) = (root / "mnt").glob("web01-*-removal.tar.zst.age")
    code, out, err = hunt("status", bench.case, archive, "-i", bench.key)
    assert code == 0 and "web01  applied  5 removed" in out, out + err
    done = inside("undo")
    assert done.returncode == 0 and f"/run/hunter/{program.name}" not in done.stderr, done.stdout + done.stderr
    ours = ("run", "mnt", "dev", "proc")
    after = manifest(root)
    assert {p: v for p, v in after.items() if not p.startswith(ours)} == {p: v for p, v in before.items() if not p.startswith(ours)}
