"""Work and output grow with the evidence and no faster: each golden input is scaled by 2, 4 and 8, as it is and as one long line.

Work is the number of calls, counted by the interpreter; output is the bytes of the lines that the engine would write.
"""

from __future__ import annotations

import pytest

from commodore import catalogue
from commodore.engine import reading
from commodore.engine.assemble import line
from commodore.evidence import Evidence
from commodore.readers.calls import CallCount
from tests.commodore.damage import HOST, inputs

SLACK = 1.5
FIXED = (20_000, 200_000)
"""calls and bytes that an input may take whatever its size"""


def _cost(name: str, path: str, data: bytes) -> tuple[int, int, int]:
    """Return calls, bytes written, and problems listed for one input."""
    calls, written, problems = CallCount(), 0, 0

    def take(artefact, records, note):
        nonlocal written
        size = sum(len(line(record)) for record in records)
        written += size
        return size

    with calls.counting():
        for _, outcome in reading.read([catalogue.artefacts()[name]], Evidence(path, data), HOST, take, lambda _: None):
            problems += len(outcome.problems)
    return calls.made, written, problems


FORMS = {
    "repeated": lambda data, times: data * times,
    "one line": lambda data, times: data.replace(b"\n", b" ") * times,
    "quotes": lambda data, times: data + b"\"'\\" * (len(data) * times // 3),
    "blanks": lambda data, times: data + b" \t" * (len(data) * times // 2),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", sorted(catalogue.artefacts()))
def test_cost_grows_no_faster_than_the_input(name, form):
    tried = False
    for path, data in inputs(name):
        if not 0 < len(data) < (1 << 17 if form == "repeated" else 1 << 15):
            continue
        tried = True
        costs = {times: _cost(name, path, FORMS[form](data, times)) for times in (2, 4, 8)}
        for small, large in ((2, 4), (4, 8)):
            for what in (0, 1):
                bound = 2 * SLACK * costs[small][what] + FIXED[what]
                assert costs[large][what] <= bound, (
                    f"{path} as {form}: {('calls', 'bytes')[what]} grow from {costs[small]} to {costs[large]}"
                )
        assert costs[8][2] <= 1000
    if not tried:
        pytest.skip("no golden input is small enough")


def test_settings_that_a_table_repeats_are_not_copied_into_each_entry():
    data = b"".join(b"PATH=/bin:%d\n* * * * * root /bin/true\n" % n for n in range(2000))
    _, written, _ = _cost("cron", "/etc/crontab", data)
    assert written < 40 * len(data)
