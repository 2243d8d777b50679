"""All words of an index in one block of bytes, so that `*part*` becomes a set of words by one search through memory; and the terms of its
fields, which the engine takes long to list.

    words-<opstamp>.zst     of the state that this commit left: a line of JSON with the frequent words of each field of words,
                            `{field: [[word, records], …]}`; then all words, sorted, each between two line feeds
    terms-<opstamp>-<field>.zst     the terms of a field that has many, as a JSON list

The opstamp is that of tantivy's meta.json. A file of another commit is not used; a reader without a fitting one makes it in memory.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from pathlib import Path

import orjson
import tantivy
import zstandard

from commodore.schema import registry
from eye.index.schema import ALL, PAIR, WORDS, has_terms, pieces_of, text_fields

MANY_TERMS = 2_000
"""Terms from which a field has a file of them: fewer are listed as fast by the engine."""
MOST_FREQUENT, RARE = 1_000, 500
"""Words of a field that count as frequent: so many at most, each in more than one of so many records."""


@dataclass(frozen=True, slots=True)
class Dictionary:
    """`words`: sorted, between line feeds. `frequent`: field of words → its most frequent words with their numbers of records."""

    words: bytes
    frequent: dict[str, list[tuple[str, int]]]


def _stamp(folder: Path) -> int:
    return int(orjson.loads((folder / "meta.json").read_bytes()).get("opstamp", 0))


def write(folder: Path, found: tantivy.Index) -> None:
    """Write words and terms of the present commit, where they are not there yet, and remove those of other commits."""
    stamp = _stamp(folder)
    target = folder / f"words-{stamp}.zst"
    for other in (*folder.glob("words-*"), *folder.glob("terms-*")):
        if other != target and not other.name.startswith(f"terms-{stamp}-"):
            other.unlink()
    if not target.exists():
        searcher = found.searcher()
        for name in (*map(pieces_of, text_fields()), PAIR, *(n for n, f in registry().items() if f.type == "keyword" and has_terms(n))):
            terms = [term for term, _ in searcher.terms_with_prefix(name, "")]
            if len(terms) >= MANY_TERMS:
                _put(_terms_file(folder, stamp, name), orjson.dumps(terms))
        made = _collect(searcher)
        _put(target, orjson.dumps(made.frequent) + made.words)


def _put(target: Path, content: bytes) -> None:
    aside = target.with_suffix(".new")
    aside.write_bytes(zstandard.ZstdCompressor(3, write_checksum=True).compress(content))
    aside.replace(target)


def _get(source: Path) -> bytes:
    """The content of a file. Its header may claim any size, so memory grows with what is there. Raises OSError, ValueError, ZstdError."""
    reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
    content = reader.decompress(source.read_bytes())
    if not reader.eof:
        raise ValueError(f"{source.name} is cut")
    return content


def _terms_file(folder: Path, stamp: int, name: str) -> Path:
    return folder / f"terms-{stamp}-{name.replace(':', '-')}.zst"


def terms(folder: Path, searcher: tantivy.Searcher, name: str) -> list[str]:
    """The terms of a field: of the file, or of the index where there is none that fits and reads."""
    try:
        found = orjson.loads(_get(_terms_file(folder, _stamp(folder), name)))
    except (OSError, ValueError, zstandard.ZstdError):
        found = None
    if isinstance(found, list) and set(map(type, found)) <= {str}:
        return found
    return [term for term, _ in searcher.terms_with_prefix(name, "")]


def read(folder: Path, searcher: tantivy.Searcher) -> Dictionary:
    """The words: of the file, or collected from the index where that does not fit or does not read."""
    try:
        content = _get(folder / f"words-{_stamp(folder)}.zst")
        end = content.index(b"\n")
        frequent = {name: [(str(word), int(n)) for word, n in words] for name, words in orjson.loads(content[:end]).items()}
        return Dictionary(content[end:], frequent)
    except (OSError, ValueError, TypeError, AttributeError, zstandard.ZstdError):
        return _collect(searcher)


def _collect(searcher: tantivy.Searcher) -> Dictionary:
    frequent: dict[str, list[tuple[str, int]]] = {}

    def of(name: str) -> list[str]:
        terms = searcher.terms_with_prefix(name, "")
        often = [term for term in terms if term[1] * RARE > searcher.num_docs]
        frequent[name] = heapq.nlargest(MOST_FREQUENT, often, key=lambda term: term[1])
        return [term for term, _ in terms]

    words = of(ALL)  # nearly all of them, in order already
    others = {term for name in (*WORDS, *text_fields()) if name != ALL for term in of(name)}
    words += sorted(others.difference(words))
    words.sort()
    return Dictionary(("\n" + "\n".join(words) + "\n").encode(), frequent)


def containing(words: bytes, part: str, *, at_end: bool = False, most: int, between: bytes = b"\n") -> list[str] | None:
    """The words that contain (or end with) a part; None where there are more than `most`. `between`: what separates them."""
    found = places(words, part.encode("utf-8", "surrogatepass") + (between if at_end else b""), most, between)
    return None if found is None else [words[start:end].decode() for start, end in found]


def places(words: bytes, part: bytes, most: int, between: bytes) -> list[tuple[int, int]] | None:
    """Where each word that contains a part begins and ends; None where there are more than `most`."""
    found: list[tuple[int, int]] = []
    if words.count(part) > 4 * most:  # a word has a part more often than that only if it is made for it
        return None
    at = words.find(part)
    while at >= 0:
        if len(found) == most:
            return None
        start = words.rfind(between, 0, at) + 1
        end = words.find(between, at)
        found.append((start, end))
        at = words.find(part, end)
    return found


def beginning(words: bytes, start: str, most: int) -> list[str]:
    """The first words that begin with `start`."""
    found: list[str] = []
    at = words.find(b"\n" + start.encode())
    while at >= 0 and len(found) < most:
        end = words.find(b"\n", at + 1)
        word = words[at + 1 : end].decode()
        if not word.startswith(start):
            break
        found.append(word)
        at = end
    return found
