"""Stop a run between two steps at Ctrl-C, SIGTERM or a hang-up, never within one. A second Ctrl-C stops it at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hunter.run.settle import RemovalRun
from scout.collecting.signals import caught
from scout.console import STOPPED, Complaint


@contextmanager
def in_whole_steps(run: RemovalRun) -> Iterator[None]:
    """Give a run the signals that ask it to stop, and close its journal at the end. Complaint (code 130) at a second Ctrl-C."""
    try:
        with caught() as signals:
            run.signals = signals
            yield
    except KeyboardInterrupt as e:
        what = "Stopped in the middle of a step; the journal says where."
        raise Complaint(what, run.way_on(back=run.undoing), STOPPED) from e
    finally:
        run.journal.close()
