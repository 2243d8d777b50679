"""Object kind `frozen`: whether a running process is stopped, with everything that it started (SIGSTOP; undo lets them go on)."""

from __future__ import annotations

from hunter.host import processes
from hunter.host.host import RemovalHost
from hunter.objects import Content, Described
from hunter.objects.process import ProcessAddress, find, protected
from hunter.ref import Ref
from hunter.unsafe import SurpriseError

_ENDED = "ended"


class _Frozen(ProcessAddress):
    kind = "frozen"
    drifts = False
    fleeting = False

    def observe(self, host: RemovalHost, ref: Ref) -> Described:
        process = find(host, ref)
        if process is None:
            return {"frozen": _ENDED}
        return {"frozen": "yes" if process.stopped else "no", "ticks": process.ticks, "boot": process.boot}

    def same(self, one: Described, other: Described) -> bool:
        """A process that ended is as good as stopped, and as good as one that goes on: neither can be asked of it any more."""
        if one is None or other is None:
            return one is other
        return _ENDED in (one["frozen"], other["frozen"]) or one == other

    def changes(self, was: Described, now: Described) -> str:
        return f"frozen was {(was or {}).get('frozen', 'not known')}, is {(now or {}).get('frozen', 'not known')}"

    def put(self, host: RemovalHost, ref: Ref, now: Described, then: Described, content: Content | None, mark: str) -> None:  # noqa: ARG002
        process = find(host, ref)
        if process is None or now is None or then is None or now["frozen"] == _ENDED:
            return
        processes.expect(process, (str(now["boot"]), str(now["ticks"])))
        if why := protected(process):
            raise SurpriseError(why)
        if then["frozen"] == "yes":
            processes.freeze(process)
        else:
            processes.resume(process)


OBJECT = _Frozen()
