"""All words of an index in one block of bytes, so that `*part*` becomes a set of words by one search through memory.

    words-<opstamp>.zst     the sorted words, each between two line feeds, of the state that this commit left

The opstamp is that of tantivy's meta.json. A file of another commit is not used; a reader without a fitting one makes it in memory.
"""

from __future__ import annotations

from pathlib import Path

import orjson
import tantivy
import zstandard

from eye.index.schema import ALL, WORDS, text_fields


def _stamp(folder: Path) -> int:
    return int(orjson.loads((folder / "meta.json").read_bytes()).get("opstamp", 0))


def write(folder: Path, found: tantivy.Index) -> None:
    """Write the words of the present commit, where they are not there yet, and remove those of other commits."""
    target = folder / f"words-{_stamp(folder)}.zst"
    for other in folder.glob("words-*"):
        if other != target:
            other.unlink()
    if not target.exists():
        aside = target.with_suffix(".new")
        aside.write_bytes(zstandard.ZstdCompressor(3).compress(_collect(found.searcher())))
        aside.replace(target)


def read(folder: Path, searcher: tantivy.Searcher) -> bytes:
    """The words: of the file, or collected from the index where that does not fit or does not read."""
    try:
        return zstandard.ZstdDecompressor().decompress((folder / f"words-{_stamp(folder)}.zst").read_bytes())
    except (OSError, ValueError, zstandard.ZstdError):
        return _collect(searcher)


def _collect(searcher: tantivy.Searcher) -> bytes:
    words = [term for term, _ in searcher.terms_with_prefix(ALL, "")]  # nearly all of them, in order already
    others = {term for name in (*WORDS[1:], *text_fields()) for term, _ in searcher.terms_with_prefix(name, "")}
    words += sorted(others.difference(words))
    words.sort()
    return ("\n" + "\n".join(words) + "\n").encode()


def containing(words: bytes, part: str, *, at_end: bool = False, most: int, between: bytes = b"\n") -> list[str] | None:
    """The words that contain (or end with) a part; None where there are more than `most`. `between`: what separates them."""
    found = places(words, part.encode("utf-8", "surrogatepass") + (between if at_end else b""), most, between)
    return None if found is None else [words[start:end].decode() for start, end in found]


def places(words: bytes, part: bytes, most: int, between: bytes) -> list[tuple[int, int]] | None:
    """Where each word that contains a part begins and ends; None where there are more than `most`."""
    found: list[tuple[int, int]] = []
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
