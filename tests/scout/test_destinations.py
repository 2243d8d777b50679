"""Links where a program of the host reads: the file behind the link is taken too, a secret never, and nothing outside the tree."""

from __future__ import annotations

import os

from tests.scout.collecting import *  # noqa: F403  (fixtures)


def taken(archive) -> dict[str, str]:
    return {path: line["verdict"] for path, line in archive.custody.items()}


def test_the_file_behind_a_unit_that_is_a_link_is_taken(root, collected):
    (root / "etc/systemd/system").mkdir(parents=True)
    (root / "opt/app").mkdir(parents=True)
    (root / "srv").mkdir()
    (root / "opt/app/app.service").write_text("[Service]\nExecStart=/opt/app/run\n")
    (root / "srv/units").symlink_to("../opt/app")
    (root / "etc/systemd/system/app.service").symlink_to("/srv/units/app.service")
    (root / "etc/systemd/system/masked.service").symlink_to("/dev/null")
    (root / "etc/systemd/system/gone.service").symlink_to("/opt/none.service")
    (root / "etc/systemd/system/circle.service").symlink_to("circle.service")
    said = taken(collected(root))
    assert said["/etc/systemd/system/app.service"] == "link"
    assert said["/opt/app/app.service"] == "taken"
    there = {path for path, verdict in said.items() if verdict not in ("missing", "link")}
    assert {path for path in there if path.startswith(("/opt", "/srv", "/dev"))} == {"/opt/app/app.service"}


def test_a_link_does_not_reach_a_secret_or_the_outside(root, collected, tmp_path):
    (tmp_path / "outside").write_text("* * * * * root /bin/true\n")
    (root / "etc/cron.d").mkdir(parents=True)
    (root / "etc/shadow").write_text("root:$6$x:1::::::\n")
    (root / "etc/cron.d/shadow").symlink_to("../shadow")
    (root / "etc/cron.d/up").symlink_to("../" * 20 + str(tmp_path / "outside").lstrip("/"))
    os.mkfifo(root / "tmp/pipe")
    (root / "etc/cron.d/pipe").symlink_to("/tmp/pipe")
    said = taken(collected(root))
    assert said["/etc/shadow"] == "blocked"
    assert not any("outside" in path for path in said)
    assert said.get("/tmp/pipe") in (None, "blocked")


def test_a_link_where_nothing_reads_is_only_listed(root, collected):
    (root / "etc/alternatives").mkdir()
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/vim.basic").write_bytes(b"\x7fELF")
    (root / "etc/alternatives/editor").symlink_to("/usr/bin/vim.basic")
    said = taken(collected(root))
    assert said["/etc/alternatives/editor"] == "link"
    assert "/usr/bin/vim.basic" not in said
