r"""Object kind `delete-at-boot`: whether the running Windows deletes a file at its next start, because a program holds it now.

Windows keeps the list in `PendingFileRenameOperations`: pairs of a path and a new name, which is empty for a deletion. Undo takes the pair
out and keeps every other one. Source: MoveFileExW.
"""

from __future__ import annotations

import sys

from hunter.host.host import RemovalHost
from hunter.host.view import HostView
from hunter.objects import Content, Described
from hunter.objects._plain import ManagedState
from hunter.ref import Ref
from hunter.unsafe import UnsafeError

LATER = "a program has it open or runs it: Windows deletes it at its next start, until then it stays"


def busy(view: HostView, path: str) -> bool:
    """Return whether a file of the running Windows is held by a program."""
    if not (isinstance(view, RemovalHost) and view.live and sys.platform == "win32"):
        return False
    from hunter.host.windows.files import WindowsFiles

    return isinstance(view.files, WindowsFiles) and view.files.busy(path)


class _DeleteAtBoot(ManagedState):
    kind = "delete-at-boot"

    def observe(self, host: RemovalHost, ref: Ref) -> Described:
        if not (host.live and sys.platform == "win32"):
            raise UnsafeError("Windows does not run here")
        from hunter.host.windows import at_boot

        return {"pending": "yes" if at_boot.pending(at_boot.native(host.files, ref.name)) else "no"}

    def changes(self, was: Described, now: Described) -> str:
        return f"pending was {(was or {}).get('pending', 'not known')}, is {(now or {}).get('pending', 'not known')}"

    def put(self, host: RemovalHost, ref: Ref, now: Described, then: Described, content: Content | None, mark: str) -> None:  # noqa: ARG002
        from hunter.host.windows import at_boot

        if self.observe(host, ref) == then:
            return
        (at_boot.add if then == {"pending": "yes"} else at_boot.remove)(at_boot.native(host.files, ref.name))
        if self.observe(host, ref) != then:
            raise UnsafeError("Windows reported success, but the file is not in its list of deletions")


OBJECT = _DeleteAtBoot()
