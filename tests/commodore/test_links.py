"""Links in places where a mechanism reads: the record is that of the file behind the link, from a directory and from an archive."""

from __future__ import annotations

import pytest

from commodore.case.ledger import is_loss
from commodore.case.reader import CaseReader
from commodore.engine.links import resolve
from commodore.engine.process import process
from scout.collecting.collect import collect
from scout.collecting.options import CollectOptions
from scout.console import Screen
from scout.keys import keygen, load_identities
from tests.commodore.cases import ledger, records


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "root"
    for folder in ("etc/systemd/system", "etc/cron.d", "opt/app", "home/u/dot", "home/u/.config/systemd/user", "usr/lib/systemd/system"):
        (root / folder).mkdir(parents=True)
    (root / "etc/hostname").write_text("web01\n")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nu:x:1000:1000::/home/u:/bin/sh\n")
    (root / "opt/app/app.service").write_text("[Service]\nExecStart=/dev/shm/.m\n")
    (root / "etc/systemd/system/app.service").symlink_to("/opt/app/app.service")
    (root / "home/u/dot/mine.service").write_text("[Service]\nExecStart=/dev/shm/.u\n")
    (root / "home/u/.config/systemd/user/mine.service").symlink_to("../../../dot/mine.service")
    (root / "opt/app/table").write_text("* * * * * root /dev/shm/.c\n")
    (root / "etc/cron.d/app").symlink_to("../../opt/app/table")
    (root / "usr/lib/systemd/system/ssh.service").write_text("[Service]\nExecStart=/usr/sbin/sshd\n")
    (root / "etc/systemd/system/sshd.service").symlink_to("/usr/lib/systemd/system/ssh.service")
    (root / "etc/systemd/system/off.service").symlink_to("/dev/null")
    (root / "etc/systemd/system/lost.service").symlink_to("/mnt/other/lost.service")
    return root


def archived(tree, tmp_path):
    key = tmp_path / "key.txt"
    public = keygen(key)
    collect(CollectOptions(recipients=(public,), out=tmp_path, root=tree), Screen(quiet=True))
    return next(tmp_path.glob("*.tar.zst.age")), load_identities(key)


@pytest.mark.parametrize("kind", ["directory", "archive"])
def test_what_a_link_leads_to_is_read_in_its_place(tree, tmp_path, kind):
    given, identities = (tree, []) if kind == "directory" else archived(tree, tmp_path)
    case = tmp_path / "case"
    assert not process([given], case, identities=identities).unread
    started = {r["escadre.source"]: r["process.command_line"] for name in ("systemd_units", "cron") for r in records(case, name)}
    assert started == {
        "/etc/systemd/system/app.service": "/dev/shm/.m",
        "/home/u/.config/systemd/user/mine.service": "/dev/shm/.u",
        "/etc/cron.d/app": "/dev/shm/.c",
        "/usr/lib/systemd/system/ssh.service": "/usr/sbin/sshd",
    }
    said = {line["path"]: line["reason"] for line in ledger(case)}
    assert said["/etc/systemd/system/lost.service"] == "link: it leads to /mnt/other/lost.service, which is not in this collection"
    assert said["/etc/systemd/system/off.service"] == "link to /dev/null: there is nothing to read"
    assert said["/etc/systemd/system/sshd.service"] == "link: it leads to /usr/lib/systemd/system/ssh.service, which is read there"
    assert said["/opt/app/app.service"] == "read as /etc/systemd/system/app.service, a link to it"
    assert not any(is_loss(line) for line in ledger(case))
    high = {f["target"]["path"] for f in CaseReader(case).findings() if "/dev/shm/." in f["message"]}
    assert high == {"/etc/systemd/system/app.service", "/home/u/.config/systemd/user/mine.service", "/etc/cron.d/app"}


@pytest.mark.parametrize(
    ("links", "path", "to"),
    [
        ({"/a": "b"}, "/a", "/b"),
        ({"/a/b": "/c", "/c/d": "../e"}, "/a/b/d", "/e"),
        ({"/a/b": "../../../../x"}, "/a/b", "/x"),
        ({"/a": "/b", "/b": "/a"}, "/a", ""),
        ({"/lib": "usr/lib", "/etc/s": "/lib/s"}, "/etc/s", "/usr/lib/s"),
    ],
)
def test_a_path_is_resolved_as_the_kernel_does(links, path, to):
    assert resolve(path, links) == to
