"""Recognise what a given path is: an archive, a directory with the files of one host or several, a file of evidence, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from commodore import catalogue
from commodore.engine import computers, packed, plain, roots
from commodore.engine.inputs import ArchiveCollection, EvidenceCollection, PlainCollection
from scout.console import WRONG_USE, Complaint, plural

AGE = b"age-encryption.org/v1"
DEEPEST_PACKED = 2
"""packed collections within each other that are unpacked"""
_RECEIPT = ".receipt.json"
KINDS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"SQLite format 3", "a SQLite database"),
    (b"EVF\x09", "an EWF (E01) image"),
    (b"-----BEGIN AGE", "an armoured age file"),
    (b"{", "JSON text"),
)
"""first bytes of files that are no evidence, and what they are; programs, documents and archives are evidence"""


def expanded(path: Path) -> list[Path]:
    """Return the inputs that a path means.

    A directory of archives means these and the other evidence in it. A receipt beside its archive (`archives/*` names both) means
    nothing. Any other path means itself.
    """
    if path.name.endswith(_RECEIPT) and _is_archive(path.with_name(path.name.removesuffix(_RECEIPT))):
        return []
    if not path.is_dir() or roots.host_like(path):
        return [path]
    entries = sorted(path.iterdir())
    archives = {entry for entry in entries if entry.is_file() and _is_archive(entry)}
    return [entry for entry in entries if entry in archives or _is_evidence(entry)] if archives else [path]


def _is_evidence(path: Path) -> bool:
    if path.is_dir():
        return roots.host_like(path)
    file = plain.single(path)
    _placed(file)
    return _known(file)


def _is_archive(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return stream.read(len(AGE)) == AGE
    except OSError:
        return False


def recognise(path: Path, identities: Sequence[Any]) -> EvidenceCollection:
    """Return the collection that a path holds, the first one where it holds several. Raises Complaint (exit 2) for what is none."""
    return collections(path, identities)[0]


def collections(path: Path, identities: Sequence[Any], unpack_in: Path | None = None) -> Sequence[EvidenceCollection]:
    """Return the collections that a path holds: one for an archive of SCOUT and a file, one per host for a directory and for what another
    collector packed. Raises Complaint (exit 2).

    `unpack_in`: folder of the case for what was packed, made when it is needed; without one, what is packed stays a file.
    """
    if path.is_dir():
        return _directory(path, unpack_in)
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
            return [ArchiveCollection(path, identities, path.stat().st_size, path.name.split("-20", 1)[0]).open()]
        except Complaint as c:
            raise c if str(path) in c.what else Complaint(f"{path}: {c.what}", c.do, c.code) from None
    return _packed_or_file(path, head, unpack_in)


def _packed_or_file(path: Path, head: bytes, unpack_in: Path | None) -> list[PlainCollection]:
    """Return the collections of a file: the hosts that another collector packed, a compressed file of evidence, or the file itself."""
    if unpack_in is None:
        return [_file(path, head)]
    if packed.candidates([path]):
        return _unpacked(path, unpack_in)
    file = plain.single(path)
    _placed(file)
    if catalogue.matcher().match(file.below, head).names == ("archive_contents",) and (made := packed.single(path, unpack_in)) is not None:
        (inner,) = made.folder.iterdir()
        with inner.open("rb") as stream:
            head_of_inner = stream.read(max(8192, catalogue.matcher().head))
        with suppress(Complaint):  # nothing that is read: the archive itself is
            return [_held(_file(inner, head_of_inner), path, made)]
    return [_file(path, head)]


def _unpacked(path: Path, unpack_in: Path, depth: int = 0) -> list[PlainCollection]:
    """Return the hosts in a packed collection; `depth`: packed collections that it is in."""
    made = packed.unpacked(path, unpack_in)
    return [
        _held(one, path, made) for one in _directory(made.folder, unpack_in if depth + 1 < DEEPEST_PACKED else None, depth + 1, made.links)
    ]


def _held(collection: PlainCollection, path: Path, made: packed.UnpackedFolder) -> PlainCollection:
    """Return the collection as one of the packed file: with its path, and with the facts that the archive states in place of the copy's."""
    collection.origin = path
    if collection.unpacked is not None:  # of a packed collection within this one
        return collection
    collection.unpacked = made
    for file in collection.files:
        said = made.facts.get(file.path.relative_to(made.folder).as_posix(), {})
        file.facts = {key: value for key, value in file.facts.items() if key not in ("mode", "uid", "gid", "mtime")} | said
    return collection


def _directory(path: Path, unpack_in: Path | None, depth: int = 0, links: Mapping[Path, str] = plain.NO_LINKS) -> list[PlainCollection]:
    """Return the hosts in a directory: one per root of a file system, one per computer of the event logs outside a root, and those that
    another collector packed.
    """
    hosts = roots.find(path)
    found: list[PlainCollection] = []
    if len(hosts) == 1:
        system, files = plain.walk(path, hosts[0], (), links)
        packs, files = _apart(files, unpack_in)
        found.append(_collection(path, files, system, path.resolve().name))
    else:
        folders = {volume.folder for host in hosts for volume in host}
        for volumes in hosts:
            system, files = plain.walk(_above(volumes), volumes, folders - {volume.folder for volume in volumes}, links)
            inside = _numbered([file for file in files if file.placed])
            found.append(_collection(_above(volumes), inside, system, _named(path, volumes)))
        system, files = plain.walk(path, (), folders, links)
        packs, files = _apart(files, unpack_in)
        for file in files if found or packs else ():
            _placed(file)
        if not (found or packs) or any(map(_known, files)):
            found += _split(path, system if not hosts else plain.layout(file.below for file in files), files)
    if unpack_in is not None:
        for pack in packs:
            found += _unpacked(pack, unpack_in, depth)
    return found


def _apart(files: list[plain.PlainFile], unpack_in: Path | None) -> tuple[list[Path], list[plain.PlainFile]]:
    """Return the packed collections among the files outside a root, and the other files."""
    outside = [file.path for file in files if file.verdict == "taken" and not file.placed] if unpack_in is not None else []
    packs = packed.candidates(outside)
    return packs, _numbered([file for file in files if file.path not in packs]) if packs else files


def _above(volumes: list[roots.Volume]) -> Path:
    return volumes[0].folder.parent if volumes[0].letter else volumes[0].folder


def _named(path: Path, volumes: list[roots.Volume]) -> str:
    """Return the folder's name of a host in a directory of several: that of the given directory where the root is called as a drive."""
    above = _above(volumes)
    return (path.resolve() if above == path else above).name


def _split(path: Path, system: str, files: list[plain.PlainFile]) -> list[PlainCollection]:
    """Return one collection for files outside a root, or one per computer where their event logs are of several."""
    for file in files:
        _placed(file)
    _check(path, files)
    logs = {file.path: computers.of_log(file.path) for file in files if file.verdict == "taken"}
    names = computers.hosts({path: found for path, found in logs.items() if found})
    label = path.resolve().name
    if not names:
        return [_collection(path, files, system, label)]
    if len(set(names.values())) == 1:
        return [_collection(path, files, system, label, next(iter(names.values())))]
    nearest = _nearest(path, names)
    parts: dict[str, list[plain.PlainFile]] = {}
    for file in files:
        other = file.path not in names and (logs.get(file.path) or _known(file))
        parts.setdefault("" if other else names.get(file.path) or nearest(file.path), []).append(file)
    return [_collection(path, _numbered(part), "windows" if name else system, name or label, name) for name, part in sorted(parts.items())]


def _nearest(path: Path, names: dict[Path, str]) -> Callable[[Path], str]:
    """Return a function that gives the host of the log nearest to a file: in its folder, else in the next folder above it."""
    below: dict[Path, str] = {}
    for log in sorted(names):
        for folder in log.parents:
            below.setdefault(folder, names[log])
            if folder == path:
                break
    return lambda file: next((below[folder] for folder in file.parents if folder in below), "")


def _numbered(files: list[plain.PlainFile]) -> list[plain.PlainFile]:
    for number, file in enumerate(files):
        file.ordinal = number
    return files


def _collection(path: Path, files: list[plain.PlainFile], system: str, label: str, computer: str = "") -> PlainCollection:
    total = sum(file.size for file in files)
    return PlainCollection(path, files, system, plain.collection_id(files), label, total, computer)


def _check(path: Path, files: list[plain.PlainFile]) -> None:
    """Complain about a directory without a root in which nothing can be read, or nothing is evidence."""
    if not any(f.verdict == "taken" for f in files) and files:
        raise Complaint(f"{path}: none of its {len(files)} entries is a file that can be read.", "Check the path and your rights.")
    if not any(_known(f) for f in files):
        count = plural(len(files), "file")
        raise Complaint(
            f"{path} holds no evidence: {count}, none of a kind that commodore reads.",
            "Give a directory laid out like a host (`Windows/…`, `etc/…`), or files that `commodore artefacts` lists.",
            WRONG_USE,
        )


def _known(file: plain.PlainFile) -> bool:
    """Return whether some artefact reads the file, by its path or its first bytes."""
    matcher = catalogue.matcher()
    if file.verdict != "taken":
        return False
    try:
        with file.path.open("rb") as stream:
            return bool(matcher.match(file.below, stream.read(matcher.head)).names)
    except OSError:
        return False


def _placed(file: plain.PlainFile) -> None:
    """Read a loose file that is known by its name alone (`auth.log`, `wtmp.1`) as if it were in its place."""
    if not _known(file):
        file.below = catalogue.matcher().home(file.path.name) or file.below


def _file(path: Path, head: bytes) -> PlainCollection:
    file = plain.single(path)
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
    system = "windows" if windows else "linux" if paths else ""
    named = computers.hosts({path: computers.of_log(path)}) if windows else {}
    return _collection(path, [file], system, path.stem, named.get(path, ""))


def what(head: bytes) -> str:
    """Describe a file that is no evidence, in words."""
    if not head:
        return "empty"
    for magic, words in KINDS:
        if head.startswith(magic):
            return words
    text = sum(c in b"\t\n\r" or 32 <= c < 127 or c > 127 for c in head)
    return "text" if text > len(head) * 0.95 and b"\0" not in head else "data of an unknown kind"
