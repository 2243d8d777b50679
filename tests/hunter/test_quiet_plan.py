"""`hunter.planning.make` as a function: a quiet screen writes the plan and prints nothing."""

from __future__ import annotations

from commodore.engine.process import process
from hunter.planning.write import make
from scout.console import Screen
from scout.keys import keygen


def test_a_quiet_screen_prints_nothing(tmp_path, capsys):
    root = tmp_path / "root"
    (root / "etc/systemd/system").mkdir(parents=True)
    (root / "etc/hostname").write_text("web01\n")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (root / "etc/systemd/system/x.service").write_text("[Service]\nExecStart=/dev/shm/.x\n")
    process([root], tmp_path / "case")
    capsys.readouterr()
    make(tmp_path / "case", tmp_path / "plan.yaml", [keygen(tmp_path / "key.txt")], None, "high", Screen(quiet=True))
    assert capsys.readouterr() == ("", "")
    assert "/etc/systemd/system/x.service" in (tmp_path / "plan.yaml").read_text()
