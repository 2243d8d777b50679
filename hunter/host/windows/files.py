r"""The files of the running Windows, or of a mounted Windows root on Windows. `/Users/x` is `C:\Users\x`.

A path is opened by one handle, which must lead exactly there: links, mounts and short names are refused. A file is compared and deleted
by the same handle, which nobody else may write through. A new file is made in a private folder beside its place, with content, streams,
descriptor, attributes and times, and moved there by one call.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from ctypes import byref, c_uint32, c_void_p
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from hunter.host.area import Area
from hunter.host.files import Content, Described
from hunter.host.state import ObjectState, presence
from hunter.host.tree import EVERYBODY, TEXT_LIMIT, parts
from hunter.host.windows import handles
from hunter.host.windows.made import make_file, make_private_folder, ns_of, state_of, ticks_of, type_of
from hunter.host.windows.native import ADVAPI, KERNEL, descriptor, failed, owner, raise_privileges
from hunter.unsafe import SurpriseError, UnsafeError
from scout.console import Complaint
from scout.formats.regf.data import sid

_FORBIDDEN = frozenset(':*?"<>|\\')
TRUSTED = {"S-1-5-18", "S-1-5-32-544", "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"}
"""the system, administrators, the installer of Windows"""
_NEW = "new"
HASHED, ENTRIES = 8 << 20, 20_000


class WindowsFiles:
    """`hunter.host.files.HostFiles` on Windows. `root`: the drive of the running Windows where none is given."""

    def __init__(self, root: Path | None = None) -> None:
        system = os.environ.get("SystemDrive", "C:") + "\\"  # noqa: SIM112  (Windows writes it so)
        self.native = os.path.abspath(root or system)  # noqa: PTH100
        self.live = self.native.casefold() == system.casefold()
        raise_privileges()
        self._prefix = "\\\\?\\" + self.native.rstrip("\\")
        with handles.opened(self._prefix + "\\", handles.READ_ATTRIBUTES) as handle:
            self._real, self.root_ino = handles.final(handle).rstrip("\\"), handles.facts(handle).index

    def close(self) -> None:
        """Nothing is held."""

    def accept(self, mounts: Iterable[str]) -> None:
        """Nothing to accept: a path that leads through a mount is refused."""

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold a mutex with the name of the root, which ends with the process."""
        name = hashlib.sha256(self.native.casefold().encode()).hexdigest()[:16]
        mutex = KERNEL.CreateMutexW(None, 0, f"Global\\Escadre-Hunter-{name}")
        if not mutex:
            raise failed("the lock of HUNTER cannot be made")
        try:
            if KERNEL.WaitForSingleObject(mutex, 0) not in (0, 0x80):  # 0x80: its owner ended without giving it back
                raise Complaint(f"Another hunter is at work on {self.native}.", "Wait until it has ended.")
            try:
                yield
            finally:
                KERNEL.ReleaseMutex(mutex)
        finally:
            KERNEL.CloseHandle(mutex)

    # --- names

    def _path(self, path: str) -> str:
        if path == "/":
            return self._prefix + "\\"
        found = parts(path)
        if any(_FORBIDDEN & set(part) or min(part) < " " for part in found):
            raise UnsafeError(f"{path} is no path of Windows")
        return "\\".join([self._prefix, *found])

    @contextmanager
    def _opened(self, path: str, access: int = handles.READ | handles.CONTROL, share: int = handles.SHARE_ALL) -> Iterator[c_void_p]:
        native = self._path(path)
        with handles.opened(native, access, share, exact=self._real + native.removeprefix(self._prefix).rstrip("\\")) as handle:
            yield handle

    @contextmanager
    def _looked_at(self, path: str, access: int = 0, share: int = handles.SHARE_ALL) -> Iterator[c_void_p]:
        """Open a file to compare it, with its audit entries where the rights of this process are enough for them."""
        wanted = access | handles.READ | handles.CONTROL
        try:
            held = self._opened(path, wanted | handles.AUDIT, share)
            handle = held.__enter__()
        except OSError as e:
            if getattr(e, "winerror", 0) not in (5, 1314):
                raise
            held = self._opened(path, wanted, share)
            handle = held.__enter__()
        try:
            yield handle
        finally:
            held.__exit__(None, None, None)

    # --- reading

    def state(self, path: str) -> ObjectState | None:
        try:
            with self._looked_at(path) as handle:
                found = state_of(handle, self._path(path))
            with self._opened(os.path.dirname(path), handles.READ_ATTRIBUTES) as folder:  # noqa: PTH120
                return replace(found, parent_ino=handles.facts(folder).index, root_ino=self.root_ino)
        except OSError as e:
            if handles.missing(e):
                return None
            raise UnsafeError(f"it cannot be looked at: {e.strerror or e}") from e

    def read(self, path: str) -> bytes:
        try:
            with self.content(path) as stream:
                data = stream.read(TEXT_LIMIT + 1)
        except OSError as e:
            if handles.missing(e):
                raise FileNotFoundError(path) from e
            raise UnsafeError(f"it cannot be read: {e.strerror or e}") from e
        if len(data) > TEXT_LIMIT:
            raise UnsafeError(f"it is larger than {TEXT_LIMIT >> 20} MiB")
        return data

    @contextmanager
    def content(self, path: str) -> Iterator[BinaryIO]:
        with self._opened(path, handles.READ) as handle:
            if handles.facts(handle).basic.attributes & (handles.DIRECTORY | handles.REPARSE):
                raise UnsafeError("it is no ordinary file")
            with handles.stream_of(handle) as stream:
                yield stream

    def names(self, directory: str) -> list[tuple[str, str]]:
        try:
            with self._opened(directory, handles.READ_ATTRIBUTES), os.scandir(self._path(directory)) as entries:
                return sorted((e.name, type_of(e.stat(follow_symlinks=False).st_file_attributes)) for e in entries)  # type: ignore[attr-defined]
        except OSError as e:
            if handles.missing(e):
                return []
            raise UnsafeError(f"{directory}: {e.strerror}") from e

    def controller(self, path: str) -> int:
        """Return `EVERYBODY` where a user who is no administrator owns the file, or it is in a profile; 0 for nobody."""
        if path.casefold().startswith("/users/"):
            return EVERYBODY
        try:
            with self._opened(path, handles.CONTROL) as handle:
                return 0 if sid(owner(descriptor(handle))) in {*TRUSTED, caller()} else EVERYBODY
        except OSError as e:
            if handles.missing(e):
                return 0
            raise UnsafeError(f"it cannot be looked at: {e.strerror or e}") from e

    def barrier(self, path: str) -> str:
        folder = os.path.dirname(path)  # noqa: PTH120
        try:
            with self._opened(folder, 0x2 | 0x4 | 0x40):  # add a file, add a folder, delete an entry
                return ""
        except OSError as e:
            if getattr(e, "winerror", 0) == 19:
                return f"{folder}: the volume is read-only"
            return f"{folder}: no right to write there: run as administrator"

    def busy(self, path: str) -> bool:
        """Return whether another program has the file open or runs it, so that it can only be deleted at the next start."""
        try:
            with self._opened(path, handles.READ | handles.WRITE | handles.DELETE):
                return False
        except OSError as e:
            return handles.busy(e)

    def native_path(self, path: str) -> str:
        r"""Return the path as Windows writes it, `C:\Users\x`."""
        return self._path(path).removeprefix("\\\\?\\")

    # --- writing

    def put(self, path: str, now: Described, then: Described, content: Content | None, mark: str) -> None:
        native = self._path(path)
        if then is None:
            self._delete(path, now)
            return
        self._check(path, now)
        private = f"{handles.parent(native)}\\{_temporary(mark)}"
        self.tidy(path, mark)
        make_private_folder(private)
        make_file(f"{private}\\{_NEW}", ObjectState.from_json(then), content)
        self._check(path, now)
        if not KERNEL.MoveFileExW(f"{private}\\{_NEW}", native, 0x8 | (0x1 if now is not None else 0)):
            raise failed(path)
        if not KERNEL.RemoveDirectoryW(private):
            raise failed(private)

    def _check(self, path: str, now: Described) -> None:
        present = self.state(path)
        if now is None or present is None:
            if now is not None:
                raise SurpriseError("it is gone")
            if present is not None:
                raise SurpriseError(presence(None, present.to_json()))
        elif not ObjectState.from_json(now).same(present):
            raise SurpriseError("; ".join(ObjectState.from_json(now).changes(present)))

    def _delete(self, path: str, now: Described) -> None:
        """Compare and delete a file by one handle, through which nobody else may write."""
        if now is None:
            return
        try:
            with self._looked_at(path, handles.DELETE | handles.WRITE_ATTRIBUTES, handles.SHARE_READ) as handle:
                present = state_of(handle, self._path(path))
                if not ObjectState.from_json(now).same(present):
                    raise SurpriseError("; ".join(ObjectState.from_json(now).changes(present)))
                handles.delete(handle)
        except OSError as e:
            if handles.missing(e):
                raise SurpriseError("it is gone") from e
            if handles.busy(e):
                raise UnsafeError("another program has it open or runs it") from e
            raise

    def tidy(self, path: str, mark: str) -> None:
        private = f"{handles.parent(self._path(path))}\\{_temporary(mark)}"
        with suppress(FileNotFoundError):
            Path(private, _NEW).chmod(0o600)
            Path(private, _NEW).unlink()
        with suppress(FileNotFoundError):
            Path(private).rmdir()

    # --- what lies beside

    def area(self, folder: str) -> Area | None:
        try:
            with self._opened(folder, handles.READ_ATTRIBUTES) as handle:
                basic = handles.facts(handle).basic
            names = self.names(folder)
        except OSError as e:
            if handles.missing(e):
                return None
            raise
        shallow = len(names) > ENTRIES
        entries = {name: self._digest(f"{folder.rstrip('/')}/{name}", shallow=shallow) for name, _ in names}
        return Area(ns_of(basic.written), ns_of(basic.read), {name: digest for name, digest in entries.items() if digest})

    def _digest(self, path: str, *, shallow: bool) -> str:
        try:
            status = os.lstat(self._path(path))
            told: list[object] = [status.st_file_attributes]  # type: ignore[attr-defined]
            if not status.st_file_attributes & handles.DIRECTORY:  # type: ignore[attr-defined]
                told += [status.st_size, status.st_mtime_ns]
                if not shallow and status.st_size <= HASHED and (state := self.state(path)):
                    told += [state.sha256, state.xattrs, state.native]
        except FileNotFoundError:
            return ""
        except (UnsafeError, OSError) as e:  # a name or file that cannot be opened: its listing alone counts
            told = [type(e).__name__]
        return hashlib.sha256(repr(told).encode(errors="surrogateescape")).hexdigest()[:24]

    def set_times(self, path: str, times: tuple[int, int]) -> None:
        access = handles.WRITE_ATTRIBUTES | handles.READ_ATTRIBUTES
        with self._opened(path, access) as handle:
            handles.set_facts(handle, handles.Basic(0, ticks_of(times[0]), ticks_of(times[1]), 0, 0))

    def set_folder_times(self, folder: str, times: tuple[int, int]) -> None:
        self.set_times(folder, times)


def _temporary(mark: str) -> str:
    return f".escadre-{mark}.tmp"


def caller() -> str:
    """Return the SID of the user who runs HUNTER, '' where it cannot be read. Source: TOKEN_USER."""
    token, needed = c_void_p(), c_uint32()
    ADVAPI.OpenProcessToken.argtypes = [c_void_p, c_uint32, c_void_p]
    ADVAPI.GetTokenInformation.argtypes = [c_void_p, ctypes.c_int, c_void_p, c_uint32, c_void_p]
    KERNEL.GetCurrentProcess.restype = c_void_p
    if not ADVAPI.OpenProcessToken(KERNEL.GetCurrentProcess(), 0x8, byref(token)):
        return ""
    try:
        buffer = ctypes.create_string_buffer(256)
        if not ADVAPI.GetTokenInformation(token, 1, buffer, 256, byref(needed)):
            return ""
        return sid(buffer.raw[16 : needed.value])
    finally:
        KERNEL.CloseHandle(token)
