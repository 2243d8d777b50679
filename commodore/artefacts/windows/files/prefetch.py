"""Prefetch: which programs ran, how often and when, and which files they loaded in their first ten seconds."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyscca

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from scout.formats.regf.data import filetime

ARTEFACT = Artefact(
    name="prefetch",
    title="Prefetch",
    about="Windows writes one file per program and path, about ten seconds after the program starts. Proves that it ran, when (the last "
    "eight times since Windows 8), how often, and which files and volumes it used. Often switched off on servers.",
    match=("Windows/Prefetch/*.pf", "WINNT/Prefetch/*.pf", "**/Prefetch/*.pf"),
    magic=((4, b"SCCA"), (0, b"MAM\x04"), (0, b"MAM\x84")),
    targets=("WX01",),
    fields=(
        "process.name",
        "process.executable",
        "escadre.prefetch.run_count",
        "escadre.prefetch.run_times",
        "escadre.prefetch.hash",
        "escadre.format",
        "escadre.prefetch.files",
        "volume.nt_name",
        "volume.serial_number",
        "escadre.prefetch.volume_created",
    ),
    times={
        "@timestamp": "last time the program started",
        "escadre.prefetch.run_times": "the last times it started, eight at most, one before Windows 8",
        "escadre.prefetch.volume_created": "when the volumes that it touched were formatted, without those that have no time",
    },
    kind="state",
    category=("process",),
    type=("start",),
    action="program-run-observed",
    attack=("T1204",),
    message="[{process.name!q}|A program] ran {escadre.prefetch.run_count} {escadre.prefetch.run_count:time|times}"
    "[, last at {@timestamp}|; the file holds no time of a run].",
    version=2,
    sources=("Windows Prefetch File (SCCA) format specification, J. Metz, libscca",),
)

MAX_FILES = 10_000
"""Most file names of one record; Windows traces far fewer."""
LARGEST = 64 << 20
"""Most bytes of an unpacked file; real ones stay below 2 MiB."""
_RUNS = 8
_VERSIONS = (17, 23, 26, 30, 31)


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001
    """Yield one record per file."""
    data = evidence.data
    if not data:
        yield Problem("empty file")
        return
    if data[:3] == b"MAM" and int.from_bytes(data[4:8], "little") > LARGEST:
        yield Problem(f"not unpacked: it claims {int.from_bytes(data[4:8], 'little')} bytes", lost=1)
        return
    file = pyscca.file()
    try:
        file.open_file_object(io.BytesIO(data))
        fields, problem = _fields(file)
    except (OSError, MemoryError, OverflowError, ValueError) as error:
        yield Problem(f"the prefetch file cannot be read: {_short(error)}", lost=1)
        return
    yield Record("0", fields)
    if problem:
        yield Problem(problem)


def _fields(file: Any) -> tuple[dict[str, Any], str]:
    """Return the fields of the record, and what could not be read."""
    version = file.format_version
    if version not in _VERSIONS:
        raise ValueError(f"format version {version} is not known")
    name = _clean(file.executable_filename)
    times = [t for t in (filetime(file.get_last_run_time_as_integer(i)) for i in range(_RUNS if version >= 26 else 1)) if t]
    files, problem = _files(file)
    fields: dict[str, Any] = {
        "process.name": name,
        "escadre.prefetch.run_count": file.run_count,
        "escadre.prefetch.run_times": times,
        "escadre.prefetch.hash": f"{file.prefetch_hash:08X}",
        "escadre.format": str(version),
        "escadre.prefetch.files": files,
        **_volumes(file),
    }
    if times:
        fields["@timestamp"] = times[0]
    if executable := next((f for f in files if f.rpartition("\\")[2][:29] == name), ""):
        fields["process.executable"] = executable
    return fields, problem


def _files(file: Any) -> tuple[list[str], str]:
    count = file.number_of_filenames
    files: list[str] = []
    for index in range(min(count, MAX_FILES)):
        try:
            files.append(_clean(file.get_filename(index)))
        except OSError as error:
            return files, f"{len(files)} of {count} file names were read: {_short(error)}"
    return files, f"{MAX_FILES} of {count} file names were kept" if count > MAX_FILES else ""


def _volumes(file: Any) -> dict[str, Any]:
    paths, serials, created = [], [], []
    for index in range(min(file.number_of_volumes, 64)):
        volume = file.get_volume_information(index)
        paths.append(_clean(volume.device_path))
        serials.append(f"{volume.serial_number:08X}")
        created.append(filetime(volume.get_creation_time_as_integer()))
    out: dict[str, Any] = {"volume.nt_name": paths, "volume.serial_number": serials}
    if known := [moment for moment in created if moment]:  # a list of times cannot hold a gap: the name of a volume since Windows 10 has it
        out["escadre.prefetch.volume_created"] = known
    return out


def _clean(text: str | None) -> str:
    """Return the text up to a NUL, as valid Unicode."""
    return (text or "").partition("\0")[0].encode("utf-8", "backslashreplace").decode("utf-8")


def _short(error: BaseException) -> str:
    """Return the last sentence of libscca's error message, without the name of the function."""
    return str(error).strip(" .\n").rpartition(". ")[2].rpartition(": ")[2][:200]


def expected(evidence: Evidence) -> int | None:
    """Return 1 for a file with the signature of a prefetch file, None for any other."""
    with evidence.open() as stream:
        head = stream.read(8)
    return 1 if head[:3] == b"MAM" or head[4:8] == b"SCCA" else None
