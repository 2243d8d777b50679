"""`eye index CASE`: one tantivy index per case, brought up to date by adding and taking out files of records.

    index/v<format>-<digest>/     the index: segments, and meta.json, which tantivy replaces in one step at a commit
    index/v…/words-<n>.zst        all words of the state that commit n left (eye.index.dictionary)
    index/v…/terms-<n>-….zst      terms of fields that have many, of the same state
    index/v…/torn.json            mark of a file that did not read to its end → what is missing (eye.index.torn)
    index/.lock                   held by the run that builds (commodore.case.lock)

The digest names the field registry: an index of other fields or of another format is another folder, and the old one is removed when the
new one is committed. Every document carries the file that it came from with its size and time, so the index itself lists its content: a
file whose mark is there is up to date. A file is taken out and added in the same commit, and a run that is killed leaves the last commit.
The folder can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

import orjson
import tantivy

from commodore.case import private
from commodore.case.jsonl import lines
from commodore.case.lock import alone
from commodore.schema import registry
from eye.case import Source, cannot_write, finding_sources, open_case, sources
from eye.index import dictionary, torn
from eye.index.adding import Adder, Progress, mark, uncollected, writer_of
from eye.index.apart import Apart, clear, worth_it
from eye.index.joined import join
from eye.index.schema import HOT, NUMBERED, PART, opened
from scout.console import Complaint, escape, plural

FORMAT = 11
MOST_WORKERS = 4
COMMIT_RECORDS = 2_000_000
"""Records after which a long run commits, so that a kill costs no more."""


@dataclass
class Built:
    """The result of `index`. `parts`: files of records that the index holds. `torn`: a sentence per file that does not read to its end."""

    records: int = 0
    parts: int = 0
    built: int = 0
    built_records: int = 0
    dropped: int = 0
    seconds: float = 0.0
    bytes: int = 0
    names: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)


def folder_name() -> str:
    """The name of the index folder of this version."""
    types = ";".join(f"{f.name}={f.type}{'[]' if f.many else ''}" for f in registry().values())
    return f"v{FORMAT}-{hashlib.blake2b(f'{types}|{HOT}|{sorted(NUMBERED)}'.encode(), digest_size=6).hexdigest()}"


def all_sources(case: Path) -> list[Source]:
    """All files of records and of findings."""
    return [*sources(case), *finding_sources(case)]


def index(
    path: str | Path, *, workers: int | None = None, progress: Progress | None = None, waiting: Callable[[str], None] | None = None
) -> Built:
    """Bring the index of a case up to date and return what was done.

    `workers`: processors to use (all, at most four, unless given): a process for each where there is much to build, else one makes the
    documents and the others are tantivy's threads. One run at a time: where another process is building, `waiting` is called with its
    process id (or ''), and its finished parts are used. A damaged index is built anew. Raises Complaint.
    """
    case = open_case(path)
    home = case / "index"
    try:
        with alone(home / ".lock", waiting), uncollected():
            return _index(case, home, workers or max(1, min(MOST_WORKERS, os.cpu_count() or 1)), progress)
    except OSError as e:
        raise cannot_write(home, e.strerror or e) from e
    except ValueError as e:  # tantivy's words for a file that cannot be written
        if not any(words in str(e) for words in ("IO error", "index writer", "An error occurred")):
            raise
        raise cannot_write(home, str(e).splitlines()[0][:200]) from e


def _index(case: Path, home: Path, workers: int, progress: Progress | None) -> Built:
    started, done = time.monotonic(), Built()
    folder = home / folder_name()
    found = _open(folder)
    present = marks(found.searcher())
    wanted = {mark(source): source for source in all_sources(case)}
    gone = [term for term in present if term not in wanted]
    told = {term: why for term, why in torn.read(folder).items() if term in wanted}
    stale = [source for term, source in wanted.items() if term not in present and term not in told and not _empty(source)]
    clear(home)
    if worth_it(stale, workers):
        done.built_records = _several(folder, min(workers, len(stale)), stale, gone, told, progress)
    elif gone or stale:
        done.built_records = _one(folder, found, workers, stale, gone, told, progress)
    found.reload()
    renewed = {(source.dataset, source.collection) for source in stale}
    done.dropped = sum(_of(term) not in renewed for term in gone)
    done.built, done.names = len(stale), [source.dataset for source in stale]
    done.parts, done.records = len(marks(found.searcher())), found.searcher().num_docs
    done.torn = list(told.values())
    dictionary.write(folder, found)
    for other in home.iterdir():
        if other.is_dir() and other != folder:
            shutil.rmtree(other, ignore_errors=True)
    done.bytes = sum(f.stat().st_size for f in folder.iterdir() if f.is_file())
    done.seconds = time.monotonic() - started
    return done


def _one(
    folder: Path, found: tantivy.Index, workers: int, stale: list[Source], gone: list[str], told: dict[str, str], progress: Progress | None
) -> int:
    """Take files out and add files in this process; the number of records that were added."""
    writer = writer_of(found, workers)
    try:
        for term in gone:
            writer.delete_documents_by_term(PART, term)
        adder, total, since = Adder(writer, told, progress), 0, 0
        for source in stale:
            number = adder.add(source)
            total, since = total + number, since + number
            if since >= COMMIT_RECORDS:
                writer.commit()
                since = 0
        torn.write(folder, told)
        writer.commit()
    finally:
        writer.wait_merging_threads()
    return total


def _several(folder: Path, workers: int, stale: list[Source], gone: list[str], told: dict[str, str], progress: Progress | None) -> int:
    """The same by several processes."""
    renewed = {(source.dataset, source.collection) for source in stale}
    left = set(gone)

    def joined(others: list[Path], sources: list[Source]) -> None:
        """Take out what these files replace, and what is no more."""
        nonlocal left
        added = {(source.dataset, source.collection) for source in sources}
        out = {term for term in left if (part := _of(term)) in added or part not in renewed}
        left -= out
        torn.write(folder, told)
        join(folder, others, sorted(out))

    return Apart(folder.parent, workers, told, progress, joined, COMMIT_RECORDS).build(stale)


def _of(term: str) -> tuple[str, str]:
    """Dataset and collection of a mark."""
    dataset, _, collection = term.rpartition("@")[0].partition("/")
    return dataset, collection


def _open(folder: Path) -> tantivy.Index:
    """The index to write to; one that does not read is removed and begun anew."""
    private.folder(folder)
    try:
        if damage(folder, contents=True):
            raise ValueError
        return opened(str(folder))
    except ValueError:
        shutil.rmtree(folder)
        private.folder(folder)
        return opened(str(folder))


def damage(folder: Path, *, contents: bool = False) -> str:
    """Return the first file of the index that is missing, cut or overwritten, in words; '' where all are complete.

    `contents`: read every file and compare its checksum, else look at the last bytes only. A file of tantivy ends with a footer (JSON with
    the CRC-32 of what precedes it), the footer's length and the number 1337, each of four bytes (tantivy, `directory/footer.rs`).
    """
    try:
        about = orjson.loads((folder / "meta.json").read_bytes())
    except FileNotFoundError:
        return "" if not any(folder.glob("*.store")) else "meta.json is missing"
    except ValueError:
        return "meta.json does not read"
    for segment in about.get("segments", []):
        name = segment["segment_id"].replace("-", "")
        for suffix in ("store", "term", "idx", "pos", "fast", "fieldnorm"):
            if why := _footer(folder / f"{name}.{suffix}", contents=contents):
                return why
    return ""


def _footer(file: Path, *, contents: bool) -> str:
    try:
        size = file.stat().st_size
        with file.open("rb") as raw:
            raw.seek(-8, os.SEEK_END)
            length, magic = struct.unpack("<II", raw.read(8))
            if magic != 1337:
                return f"{file.name} is cut or overwritten"
            if not contents:
                return ""
            raw.seek(size - 8 - length)
            wanted = orjson.loads(raw.read(length))["crc"]
            raw.seek(0)
            left, found = size - 8 - length, 0
            while left and (block := raw.read(min(left, 1 << 22))):
                found, left = zlib.crc32(block, found), left - len(block)
    except FileNotFoundError:
        return f"{file.name} is missing"
    except OSError as e:
        return f"{file.name} does not read ({e.strerror})"
    except (ValueError, KeyError, TypeError):
        return f"{file.name} is overwritten"
    return "" if found == wanted else f"{file.name} is overwritten"


def marks(searcher: tantivy.Searcher) -> dict[str, int]:
    """Mark of each file that the index holds → its number of records."""
    return {term: n for term, n in searcher.terms_with_prefix(PART, "", tantivy.Query.all_query()) if n}


def _empty(source: Source) -> bool:
    if source.path.stat().st_size >= 100:
        return False
    try:
        return next(iter(lines(source.path)), None) is None
    except Complaint:  # it is told when it is read
        return False


def outdated(path: str | Path, present: dict[str, int] | None = None) -> str:
    """Return the message for an index that differs from the current case; '' where it is up to date. `present`: marks of an open index."""
    case = open_case(path)
    wanted = all_sources(case)
    folder = case / "index" / folder_name()
    if present is None:
        try:
            if not (folder / "meta.json").exists():
                raise FileNotFoundError
            if why := damage(folder):
                return f"The index of {escape(case)} is damaged: {escape(why)}"
            present = marks(readable(folder).searcher())
        except FileNotFoundError:
            other = any((case / "index").glob("v*/meta.json")) or (case / "index" / "parts").exists()
            return f"The index of {escape(case)} was made by another version" if other else f"{escape(case)} has no index yet"
        except ValueError as e:
            return f"The index of {escape(case)} is damaged: {escape(str(e).splitlines()[0][:200])}"
    told = torn.read(folder)
    stale = [source for source in wanted if mark(source) not in present and mark(source) not in told and not _empty(source)]
    gone = len(set(present) - {mark(source) for source in wanted})
    if not stale and not gone:
        return ""
    if not present:
        return f"{escape(case)} has no index yet"
    return f"The index of {escape(case)} is older than the case ({len(stale) or gone:,} of {plural(len(wanted), 'part')})"


def missing(path: str | Path) -> list[str]:
    """Return what of the present case the index lacks because it does not read, a sentence per file."""
    case = open_case(path)
    told = torn.read(case / "index" / folder_name())
    return [told[term] for term in map(mark, all_sources(case)) if term in told] if told else []


def readable(folder: Path) -> tantivy.Index:
    """The index to read from. tantivy locks a folder to open it; where nothing may be written, it gets a folder of links to the files."""
    try:
        return opened(str(folder))
    except ValueError as e:
        if "Lockfile" not in str(e) and "lock" not in str(e).lower():
            raise
    aside = Path(mkdtemp(prefix="eye-"))  # needed until the files are open
    try:
        for file in folder.resolve().iterdir():
            if file.suffix != ".lock":
                (aside / file.name).symlink_to(file)
        return opened(str(aside))
    finally:
        for _ in range(100):
            shutil.rmtree(aside, ignore_errors=True)  # a thread of tantivy may make its lock file in it meanwhile
            if not aside.exists():
                break


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file of an index folder; nothing where it was removed, since what is mapped stays."""
    try:
        with os.scandir(folder) as files:
            return {file.name: file.stat().st_size for file in files if not file.name.startswith(".")}
    except OSError:
        return {}
