"""Keep the memory of processes, when all that a plan stops has stopped: encrypted to the recipients of the plan alone, journaled."""

from __future__ import annotations

from collections.abc import Iterator

from hunter.host import processes
from hunter.host.host import RemovalHost
from hunter.objects import told
from hunter.objects.process import find
from hunter.ref import Ref
from hunter.run.settle import RemovalRun
from hunter.unsafe import UnsafeError
from scout.console import Complaint, escape
from scout.keys import load_recipients


def keep_memory(run: RemovalRun, host: RemovalHost) -> None:
    """Keep what the edits of a run ask for, and is not kept yet. Complaint where it cannot be read or written: nothing was ended yet."""
    assert run.opened is not None
    for_whom, _ = load_recipients(run.opened["recipients"])
    for ref in _asked(run):
        top = find(host, ref)
        for process in processes.with_memory(top) if top is not None else []:
            who = {"pid": process.pid, "ticks": process.ticks, "boot": process.boot}
            if any(who.items() <= line.items() for line in run.memory):
                continue
            run.heed(back=False)
            try:
                with processes.memory(process) as stream:
                    if stream is None:
                        continue
                    kept = run.vault.store(stream, f"{run.number:03d}-memory-{len(run.memory) + 1:04d}.age", for_whom)
                    lost = {"unread": stream.unread, "left_out": stream.left_out}
            except (UnsafeError, OSError) as e:
                why = e.strerror or str(e) if isinstance(e, OSError) else str(e)
                what = f"The memory of {escape(told(ref))}, process {process.pid}, was not kept: {escape(why)}. Nothing was ended."
                do = f"Make it possible, then the same command goes on. To let the processes go on: {run.undo}"
                raise Complaint(f"{what} {run.progress(back=False)}", do) from e
            run.add("memory", **ref.to_json(), **who, program=process.executable, command=process.command, **lost, **kept)


def _asked(run: RemovalRun) -> Iterator[Ref]:
    """Yield the processes whose memory is to be kept."""
    seen = set()
    for ref, item in run.objects.items():
        process = ref._replace(object="process")
        wanted = any(edit.get("memory") and action not in run.left_out for action, edit in item.edits.items())
        if wanted and process not in seen:
            seen.add(process)
            yield process
