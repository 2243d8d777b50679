"""Ten thousand decoys beside the guilty things: twins by case, by a blank, by a byte, by a hard link. None changes; undo gives all back."""

from __future__ import annotations

import os

from tests.conftest import need
from tests.hunter import hive_decoys
from tests.hunter.conftest import CRON_LINE, GUILTY, manifest
from tests.hunter.driver import hunt
from tests.range import plants

DECOYS = 10_000
TWINS = (CRON_LINE + b" ", b" " + CRON_LINE, CRON_LINE.upper(), CRON_LINE[:-1], b"#" + CRON_LINE, CRON_LINE + b"\xff")


def test_of_ten_thousand_decoys_none_changes(bench) -> None:
    cron = bench.root / GUILTY["cron-entry"][1:]
    cron.write_bytes(cron.read_bytes() + b"\n" + b"\n".join(TWINS) + b"\n")
    made = 0
    for path in GUILTY.values():
        at = bench.root / path[1:]
        for name in (
            f"{at.name} ",
            f" {at.name}",
            f"{at.name}.",
            f"{at.name}~",
            at.name.upper(),
            at.name.title(),
            f"{at.name}\n",
            f"{at.name}\u200b",
        ):
            twin = at.with_name(name)
            if not twin.exists():
                twin.write_bytes(at.read_bytes())
                os.link(twin, at.with_name(f"{name}.second"))
                made += 2
    crowd = b"".join(b"%b %d\n" % (CRON_LINE, n) for n in range(made + len(TWINS), DECOYS))
    cron.write_bytes(cron.read_bytes() + crowd)
    bench.plan_here()
    before = manifest(bench.root)
    meant = {path[1:] for path in GUILTY.values()} | {"etc/systemd/system/multi-user.target.wants/evil.service"}
    meant |= {"etc/systemd/system/evil.service.d/more.conf"}
    code, out, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert (code, f"Done: {len(GUILTY)} of {len(GUILTY)}, verified." in out) == (0, True), out + err
    after = manifest(bench.root)
    differ = {p for p in before.keys() | after.keys() if before.get(p) != after.get(p) and not (bench.root / p).is_dir()}
    assert differ == meant
    assert cron.read_bytes().endswith(b"\n".join(TWINS) + b"\n" + crowd)
    code, out, err = hunt("undo", bench.journal, "--root", bench.root)
    assert code == 0, out + err
    assert manifest(bench.root) == before


def test_of_the_decoys_in_hives_none_changes(tmp_path) -> None:
    """A few of those that `bench.decoys` plants by the thousand."""
    need(os.name == "posix" and os.geteuid() == 0 and plants.has_hivex(), "a Linux root account and python3-hivex")
    compared, gone, same = hive_decoys.changed(hive_decoys.planted(tmp_path, 200))
    assert (compared, gone, same) == (205, hive_decoys.MEANT, True)
