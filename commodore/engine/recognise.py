"""Which collection a given path holds: an archive, a directory laid out like a host, a single file of evidence, or none of these."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from commodore.engine import catalogue, plain
from commodore.engine.inputs import ArchiveCollection, Collection, PlainCollection
from scout.console import WRONG_USE, Complaint, plural

AGE = b"age-encryption.org/v1"
_RECEIPT = ".receipt.json"
KINDS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\xd0\xcf\x11\xe0", "an OLE document (old Word, Excel or installer)"),
    (0, b"\x1f\x8b", "gzip data"),
    (0, b"\x28\xb5\x2f\xfd", "zstd data, not encrypted"),
    (0, b"7z\xbc\xaf", "a 7-Zip archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"MZ", "a Windows program"),
    (0, b"\x7fELF", "a Linux program"),
    (0, b"\x89PNG", "a picture (PNG)"),
    (0, b"\xff\xd8\xff", "a picture (JPEG)"),
    (257, b"ustar", "a tar archive, not made by scout"),
    (0, b"SQLite format 3", "a SQLite database"),
    (0, b"EVF\x09", "an EWF (E01) image"),
    (0, b"-----BEGIN AGE", "an armoured age file"),
    (0, b"{", "JSON text"),
)
_OFFICE = ((b"word/", "a Word document"), (b"xl/", "an Excel workbook"), (b"ppt/", "a PowerPoint file"))


def expanded(path: Path) -> list[Path]:
    """A directory that is no host and holds archives stands for these, and for the other evidence in it; a receipt beside its archive
    (`archives/*` names both) for nothing; everything else for itself.
    """
    if path.name.endswith(_RECEIPT) and _is_archive(path.with_name(path.name.removesuffix(_RECEIPT))):
        return []
    if not path.is_dir() or plain.host_like(path):
        return [path]
    entries = sorted(path.iterdir())
    archives = {entry for entry in entries if entry.is_file() and _is_archive(entry)}
    return [entry for entry in entries if entry in archives or _is_evidence(entry)] if archives else [path]


def _is_evidence(path: Path) -> bool:
    if path.is_dir():
        return plain.host_like(path)
    file = plain.single(path, "")
    _placed(file)
    return _known(file)


def _is_archive(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return stream.read(len(AGE)) == AGE
    except OSError:
        return False


def recognise(path: Path, identities: Sequence[Any]) -> Collection:
    """The collection that a path holds. Raises Complaint (exit 2) for what is none."""
    if path.is_dir():
        return _directory(path)
    try:
        with path.open("rb") as stream:
            head = stream.read(max(8192, catalogue.matcher().head))
    except FileNotFoundError:
        raise Complaint(
            f"{path} does not exist.", "Give archives, directories laid out like a host, or evidence files.", WRONG_USE
        ) from None
    except OSError as e:
        raise Complaint(f"{path} cannot be read: {e.strerror}.", "Check the path and your rights.") from None
    if head.startswith(AGE):
        if not identities:
            raise Complaint(f"{path} is encrypted.", "Give the key file with -i key.txt.", WRONG_USE)
        try:
            return ArchiveCollection(path, identities, path.stat().st_size, path.name.split("-20", 1)[0]).open()
        except Complaint as c:
            raise c if str(path) in c.what else Complaint(f"{path}: {c.what}", c.do, c.code) from None
    return _file(path, head)


def _directory(path: Path) -> Collection:
    system, files = plain.walk(path)
    if not plain.host_like(path):
        for file in files:
            _placed(file)
    if not any(f.verdict == "taken" for f in files) and files and not plain.host_like(path):
        raise Complaint(f"{path}: none of its {len(files)} entries is a file that can be read.", "Check the path and your rights.")
    if not plain.host_like(path) and not any(_known(f) for f in files):
        count = plural(len(files), "file")
        raise Complaint(
            f"{path} holds no evidence: {count}, none of a kind that commodore reads.",
            "Give a directory laid out like a host (`Windows/…`, `etc/…`), or files that `commodore artefacts` lists.",
            WRONG_USE,
        )
    return PlainCollection(path, files, system, plain.collection_id(files), path.resolve().name, sum(f.size for f in files))


def _known(file: plain.PlainFile) -> bool:
    """Whether some artefact reads the file, by its path or its first bytes."""
    matcher = catalogue.matcher()
    if file.verdict != "taken":
        return False
    try:
        with file.path.open("rb") as stream:
            return bool(matcher.match(file.below, stream.read(matcher.head)).names)
    except OSError:
        return False


def _placed(file: plain.PlainFile) -> None:
    """A loose file that is known by its name alone (`auth.log`, `wtmp.1`) is read as if it lay in its place."""
    if not _known(file):
        file.below = catalogue.matcher().home(file.path.name) or file.below


def _file(path: Path, head: bytes) -> Collection:
    file = plain.single(path, "")
    _placed(file)
    names = catalogue.matcher().match(file.below, head).names
    if not names:
        raise Complaint(
            f"{path} is no archive, no known evidence file and no directory (it is {what(head)}).",
            "Give archives made by scout, a directory laid out like a host, or a file that `commodore artefacts` lists.",
            WRONG_USE,
        )
    reader = catalogue.artefacts()[names[0]].artefact
    paths = " ".join(reader.match).lower()
    windows = "windows/" in paths or "users/" in paths
    file.source = plain.native(path.name, "windows" if windows else "linux")
    return PlainCollection(path, [file], "windows" if windows else "linux", plain.collection_id([file]), path.stem, file.size)


def what(head: bytes) -> str:
    """What a file that is no evidence seems to be, in words."""
    if not head:
        return "empty"
    for at, magic, words in KINDS:
        if head[at : at + len(magic)] == magic:
            if magic.startswith(b"PK"):
                return next((name for sign, name in _OFFICE if sign in head), words)
            return words
    text = sum(c in b"\t\n\r" or 32 <= c < 127 or c > 127 for c in head)
    return "text" if text > len(head) * 0.95 and b"\0" not in head else "data of an unknown kind"
