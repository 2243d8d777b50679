"""Two names of one folder on a merged system, and folders that only look like it."""

from __future__ import annotations

import pytest

from scout.formats.linux_paths import one_path, spellings


@pytest.mark.parametrize(
    ("path", "one"),
    [
        ("/lib/systemd/system/a.service", "/usr/lib/systemd/system/a.service"),
        ("/usr/lib/systemd/system/a.service", "/usr/lib/systemd/system/a.service"),
        ("/lib64/x.so", "/usr/lib64/x.so"),
        ("/sbin/agetty", "/usr/sbin/agetty"),
        ("/lib", "/usr/lib"),
        ("/library/x", "/library/x"),
        ("/usr/local/lib/x", "/usr/local/lib/x"),
        ("/opt/lib/x", "/opt/lib/x"),
        ("lib/x", "lib/x"),
    ],
)
def test_one_path(path: str, one: str) -> None:
    assert one_path(path) == one == one_path(one)


def test_spellings() -> None:
    assert spellings("/bin/x") == ("/bin/x", "/usr/bin/x")
    assert spellings("/usr/lib32/x") == ("/usr/lib32/x", "/lib32/x")
    assert spellings("/opt/bin/x") == ("/opt/bin/x",)
