"""The last administrator keeps a way in: root, sudo by group or by name; a user who may log in and may do nothing does not count."""

from __future__ import annotations

import pytest

from tests.hunter.conftest import GUILTY, KEY
from tests.hunter.driver import hunt

KEYS = f"{KEY}evil dbus@localhost\n"
PASSWD = "root:x:0:0:root:/root:/bin/bash\npaul:x:1000:1000::/home/paul:/bin/bash\n"


@pytest.fixture
def last_key(bench):
    """root has no password and one key, the guilty one; paul has a password."""
    (bench.root / GUILTY["authorized-key"][1:]).write_text(KEYS)
    bench.plan_here(["authorized-key"])
    hunt("check", bench.plan, "--root", bench.root, "--seal")
    return bench


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"etc/group": "root:x:0:\nsudo:x:27:\npaul:x:1000:\n"}, 3),
        ({"etc/group": "root:x:0:\nsudo:x:27:paul\npaul:x:1000:\n"}, 0),
        ({"etc/group": "root:x:0:\nwheel:x:10:lea, paul\n"}, 0),
        ({"etc/group": "sudo:x:1000:\n"}, 0),
        (
            {
                "etc/group": "root:x:0:\nops:x:50:paul\n",
                "etc/sudoers": "# paul ALL=(ALL) ALL\nDefaults env_reset\n%ops ALL=(ALL:ALL) ALL\n",
            },
            0,
        ),
        ({"etc/group": "root:x:0:\nops:x:50:paul\n", "etc/sudoers": "# paul ALL=(ALL) ALL\nDefaults env_reset\n"}, 3),
        ({"etc/sudoers.d/site": "paul  ALL = (ALL) NOPASSWD: ALL\n"}, 0),
        ({"etc/shadow": "root:$y$j9T$abc$def:19000::::::\n", "etc/group": "root:x:0:\n"}, 0),
        ({"home/paul/.ssh/authorized_keys": KEYS, "etc/group": "sudo:x:27:paul\n", "etc/shadow": "root:*:1::::::\npaul:!:1::::::\n"}, 0),
        ({}, 0),
    ],
)
def test_the_last_administrator_keeps_a_way_in(last_key, files, code) -> None:
    for name, text in files.items():
        at = last_key.root / name
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text(text)
    got, out, _ = hunt("check", last_key.plan, "--root", last_key.root)
    assert (got, "no administrator could log in" in " ".join(out.split())) == (code, code == 3), out


def test_a_file_of_keys_counts_as_all_its_keys(bench) -> None:
    path = GUILTY["authorized-key"]
    (bench.root / path[1:]).write_text(KEYS)
    (bench.root / "etc/shadow").write_text("root:*:1::::::\npaul:!:1::::::\n")
    bench.plan_here(["file"])
    text = bench.plan.read_text()
    bench.plan.write_text(text.replace(f"path: {GUILTY['file']}", f"path: {path}"))
    assert hunt("check", bench.plan, "--root", bench.root, "--seal")[0] == 0
    code, out, _ = hunt("check", bench.plan, "--root", bench.root)
    assert (code, f"--i-know {path}" in out) == (3, True), out
    assert hunt("check", bench.plan, "--root", bench.root, "--i-know", path)[0] == 0
