"""The fourth reader: every key, time, value, type and byte of the corpus' hives is as hivex reads it; the two that it refuses are named."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from scout.formats.regf import Hive
from tests.conftest import need
from tests.range.plants import SYSTEM_PYTHON
from tests.scout.test_regf import PLASO, REGIPY, load

SCRIPT = Path(__file__).with_name("read_with_hivex.py")


@pytest.mark.slow
@pytest.mark.corpus
def test_every_key_and_value_is_as_hivex_reads_it(corpus, tmp_path):
    ready = Path(SYSTEM_PYTHON).exists() and not subprocess.run([SYSTEM_PYTHON, "-c", "import hivex"], capture_output=True).returncode
    need(ready, "python3-hivex")
    files = [*(corpus / REGIPY).iterdir(), *(corpus / PLASO).rglob("*")]
    hives = {str(p.relative_to(corpus)): load(p) for p in files if p.is_file() and "LOG" not in p.name.upper()}
    refused, keys = set(), 0
    for number, (name, data) in enumerate(sorted(hives.items())):
        (tmp_path / str(number)).write_bytes(data)
        done = subprocess.run([SYSTEM_PYTHON, SCRIPT, tmp_path / str(number)], capture_output=True, text=True, check=True)
        _, error, theirs = json.loads(done.stdout)
        if error:
            refused.add(Path(name).stem)
            continue
        ours = {k.path: [k.written, [[v.name, v.kind, v.raw.hex()] for v in k.values()]] for k in Hive.open(data).walk()}
        assert ours.keys() == theirs.keys(), name
        assert [path for path in ours if ours[path] != theirs[path]] == [], name
        keys += len(ours)
    assert keys > 150_000
    # a list of keys that points outside, and a hive with 52 torn bins: hivex gives nothing of them, our reader the rest
    assert refused == {"corrupt_sub_key_list", "corrupted_system_hive"}
