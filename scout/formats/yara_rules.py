"""YARA rules of a directory: what compiles is kept, what does not is refused with file, line and reason; match with bounds.

Facts of the language: YARA's documentation, "Writing YARA rules". External variables are those that scanners of hosts supply: THOR's and
Loki's manuals name `filename`, `filepath`, `extension`, `filetype`, `md5` and `owner`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from scout.console import WRONG_USE, Complaint
from scout.formats.indicators import Refused

ENDINGS = (".yar", ".yara")
MOST_BYTES = 16 << 20
"""bytes of one rule file"""
EXTERNALS = ("filename", "filepath", "extension", "filetype", "md5", "owner")
"""external variables of rules; each is a text, '' where it is not known"""
STRINGS = 10
"""strings of a match that are returned"""
SHOWN = 128
"""bytes of a string that matched, which are returned"""
FORMAT = "1"
_TOKEN = re.compile(
    r"""(?P<skip>//[^\n]*|/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*"|(?<==)\s*/(?:\\.|[^/\\\n])+/[is]*|(?<=matches)\s+/(?:\\.|[^/\\\n])+/[is]*)"""
    r"""|(?P<rule>(?:\b(?:private|global)\s+){0,2}\brule\s+(?P<name>\w+))|(?P<open>\{)|(?P<close>\})""",
    re.DOTALL,
)
_MAGIC = (
    (b"MZ", "EXE"), (b"\x7fELF", "ELF"), (b"PK\x03\x04", "ZIP"), (b"%PDF", "PDF"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE"),
    (b"{\\rtf", "RTF"), (b"Rar!", "RAR"), (b"7z\xbc\xaf\x27\x1c", "7ZIP"), (b"\x1f\x8b", "GZIP"), (b"\x89PNG", "PNG"), (b"GIF8", "GIF"),
    (b"\xff\xd8\xff", "JPEG"), (b"L\0\0\0\x01\x14\x02\0", "LNK"), (b"<?php", "PHP"), (b"ElfFile\0", "EVTX"), (b"regf", "REGISTRY"),
)  # fmt: skip
"""beginning of a file → its type in the words of THOR's external variable"""


class RuleText(NamedTuple):
    """A file of rules: its path below the directory that was given, and its bytes."""

    name: str
    content: bytes


class YaraMatch(NamedTuple):
    """A rule that matched: its id (`file:name`), name, meta, tags, and the strings (identifier, offset, bytes)."""

    rule: str
    name: str
    file: str
    meta: dict[str, Any]
    tags: tuple[str, ...]
    strings: tuple[tuple[str, int, bytes], ...]


def rule_texts(paths: Iterable[Path]) -> list[RuleText]:
    """Return all files of rules below directories, and those given by name, in a stable order. Raises Complaint."""
    found: dict[str, RuleText] = {}
    for path in paths:
        if path.is_dir():
            for below in sorted(p for p in path.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file()):
                found[str(below)] = RuleText(str(below.relative_to(path)), _read(below))
        elif path.is_file():
            found[str(path)] = RuleText(path.name, _read(path))
        else:
            raise Complaint(f"{path} does not exist.", "Give a directory of rules, or a rule file.", WRONG_USE)
    return list(dict(sorted(found.items())).values())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise Complaint(f"cannot read the rules in {path}: {e.strerror or e}.", "Give a file that can be read.", WRONG_USE) from e


class YaraRules:
    """Compiled rules. `refused`: what did not compile; `names`: the number of rules that did."""

    def __init__(self, texts: list[RuleText], cache: Path | None = None) -> None:
        """Compile, or load what an earlier run compiled. `cache`: folder of compiled rules; None: no cache."""
        import yara

        self.digest = _digest(texts, yara.__version__)
        self.refused: list[Refused] = []
        self._sound: dict[str, str] = {}
        self._meta: dict[str, dict[str, dict[str, Any]]] = {}
        self._one_by_one: dict[str, dict[str, Any]] = {}
        path = cache / f"{self.digest[:40]}.yara" if cache else None
        self._rules: Any = self._stored(path) if path else None
        if self._rules is None:
            for text in texts:
                if (sound := _sound(text, self.refused)) is not None:
                    self._sound[text.name] = sound
            self._rules = yara.compile(sources=self._sound, externals=dict.fromkeys(EXTERNALS, ""), includes=False)
            if path:
                self._store(path)
        self.count = sum(1 for _ in self._rules)

    def __len__(self) -> int:
        return self.count

    def _stored(self, path: Path) -> Any:
        """Return the compiled rules of the cache; None where it has none, or they are not this user's own."""
        import json

        import yara

        with suppress(OSError, ValueError, KeyError, yara.Error):
            if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
                return None
            said = json.loads(path.with_suffix(".json").read_bytes())
            if said["sha256"] != hashlib.sha256(path.read_bytes()).hexdigest():
                return None
            rules = yara.load(str(path))
            self._sound = said["sound"]
            self.refused = [Refused(*row) for row in said["refused"]]
            return rules
        return None

    def _store(self, path: Path) -> None:
        """Write the compiled rules, whole or not at all."""
        import json

        import yara

        with suppress(OSError, yara.Error):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            part = path.with_suffix(f".{os.getpid()}")
            self._rules.save(str(part))
            said = {"sha256": hashlib.sha256(part.read_bytes()).hexdigest(), "sound": self._sound, "refused": self.refused}
            part.replace(path)
            part.write_text(json.dumps(said))
            part.replace(path.with_suffix(".json"))

    def match(self, data: bytes | Path, externals: Mapping[str, str], timeout: int, failed: list[str]) -> Iterator[YaraMatch]:
        """Yield the rules that match, in the order of their files.

        A path is mapped, not read. Where all rules together take more than `timeout` seconds, or one of them ends the scan with an error,
        each file of rules is applied alone, then each rule; `failed` gets the rules that could not be applied in full, with the reason.
        """
        import yara

        known = {name: externals.get(name, "") for name in EXTERNALS}
        try:
            found = _matched(self._rules, data, known, timeout, failed)
        except yara.Error:
            found = []
            for name in self._sound:
                try:
                    found += _matched(self._alone(name), data, known, timeout, failed)
                except yara.Error:
                    found += self._by_rule(name, data, known, timeout, failed)
        yield from (_match(one) for one in found)

    def match_process(self, pid: int, timeout: int) -> Iterator[YaraMatch]:
        """Yield the rules that match the memory of a process. Raises OSError where it ended, may not be read, or takes longer."""
        import yara

        try:
            found = self._rules.match(pid=pid, timeout=timeout)
        except yara.TimeoutError:
            raise OSError(f"not compared within {timeout} s") from None
        except yara.Error as e:
            raise OSError(str(e)) from e
        yield from (_match(one) for one in found)

    def meta(self, file: str, name: str) -> dict[str, Any] | None:
        """Return the meta of a rule of a file; None where there is no such rule."""
        if file not in self._sound:
            return None
        if file not in self._meta:  # such an object can be iterated once
            self._meta[file] = {rule.identifier: dict(rule.meta) for rule in self._alone(file)}
        return self._meta[file].get(name)

    def _alone(self, name: str) -> Any:
        """Return the rules of one file, compiled alone."""
        import yara

        held = self._one_by_one.setdefault(name, {})
        if "" not in held:
            held[""] = yara.compile(sources={name: self._sound[name]}, externals=dict.fromkeys(EXTERNALS, ""), includes=False)
        return held[""]

    def _by_rule(self, name: str, data: bytes | Path, known: dict[str, str], timeout: int, failed: list[str]) -> list[Any]:
        """Return the matches of one file's rules, each applied alone; those that need another rule are given up with it."""
        import yara

        found = []
        text, held = self._sound[name], self._one_by_one[name]
        spans = list(_spans(text))
        for rule, start, _ in spans:
            try:
                if rule not in held:
                    others = text
                    for _, low, high in spans:
                        others = others if low == start else _blanked(others, low, high)
                    held[rule] = yara.compile(sources={name: others}, externals=dict.fromkeys(EXTERNALS, ""), includes=False)
                found += _matched(held[rule], data, known, timeout, failed)
            except yara.TimeoutError:
                failed.append(f"{name}:{rule}: it takes more than {timeout} s")
            except yara.Error as e:  # an error of the scan, or it needs a rule that has one
                failed.append(f"{name}:{rule}: {e}")
        return found


def _matched(rules: Any, data: bytes | Path, externals: dict[str, str], timeout: int, failed: list[str]) -> list[Any]:
    """Return the matches. A string that occurs more often than YARA counts is named in `failed`, once."""

    def warned(kind: int, about: Any) -> int:  # noqa: ARG001
        said = f"{about.namespace}:{about.rule}: {about.string} occurs too often, only the first places were counted"
        if said not in failed:
            failed.append(said)
        return 0  # CALLBACK_CONTINUE

    given = {"filepath": str(data)} if isinstance(data, Path) else {"data": data}
    return list(rules.match(**given, externals=externals, timeout=timeout, warnings_callback=warned))


def _match(found: Any) -> YaraMatch:
    strings = sorted(
        (one.offset, string.identifier, one.matched_data[:SHOWN]) for string in found.strings for one in string.instances[:STRINGS]
    )[:STRINGS]
    listed = tuple((identifier, offset, data) for offset, identifier, data in strings)
    return YaraMatch(f"{found.namespace}:{found.rule}", found.rule, found.namespace, found.meta, tuple(found.tags), listed)


def external(path: str, head: bytes, owner: str = "") -> dict[str, str]:
    """Return the external variables of a file. `path`: as its host writes it; `head`: its first bytes."""
    folder, _, name = path.replace("\\", "/").rpartition("/")
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    kind = next((word for magic, word in _MAGIC if head.startswith(magic)), "")
    shown = path[: len(folder)] if folder else ""
    return {"filename": name, "filepath": shown, "extension": f".{ending}" if ending else "", "filetype": kind, "owner": owner}


def _digest(texts: list[RuleText], version: str) -> str:
    whole = hashlib.sha256(f"{FORMAT} {version} {EXTERNALS}".encode())
    for text in texts:
        whole.update(f"{text.name}\0{len(text.content)}\0".encode("utf-8", "surrogateescape") + text.content)
    return whole.hexdigest()


def _sound(text: RuleText, refused: list[Refused]) -> str | None:
    """Return the text of a file without the rules that do not compile, whose lines are blank; None where none is left."""
    import yara

    if len(text.content) > MOST_BYTES:
        refused.append(Refused(text.name, 0, f"the file has more than {MOST_BYTES >> 20} MiB"))
        return None
    source = text.content.decode("utf-8", "replace").replace("\0", " ")
    while True:
        try:
            yara.compile(sources={text.name: source}, externals=dict.fromkeys(EXTERNALS, ""), includes=False)
        except yara.Error as e:
            line, reason = _place(str(e))
            span = next(
                ((name, low, high) for name, low, high in _spans(source) if _of_line(source, low) <= line <= _of_line(source, high)), None
            )
            if span is not None:
                refused.append(Refused(text.name, line, f"rule {span[0]}: {reason}"))
                source = _blanked(source, span[1], span[2])
                continue
            refused.append(Refused(text.name, line, reason))
            if not (at := _import(source, line)):
                return None
            source = _blanked(source, *at)
            continue
        return source if next(_spans(source), None) else None


def _place(message: str) -> tuple[int, str]:
    found = re.search(r"line (\d+): (.*)", message, re.DOTALL)
    return (int(found[1]), found[2]) if found else (0, message)


def _of_line(source: str, at: int) -> int:
    return source.count("\n", 0, at) + 1


def _import(source: str, line: int) -> tuple[int, int] | None:
    """Return the place of the import or include in a line."""
    rows = source.split("\n")
    if not 0 < line <= len(rows) or not re.match(r"\s*(?:import|include)\b", rows[line - 1]):
        return None
    start = sum(len(row) + 1 for row in rows[: line - 1])
    return start, start + len(rows[line - 1])


def _blanked(source: str, start: int, end: int) -> str:
    """Return the source with a part blank, so that the lines keep their numbers."""
    return source[:start] + re.sub(r"[^\n]", " ", source[start:end]) + source[end:]


def _spans(source: str) -> Iterator[tuple[str, int, int]]:
    """Yield (name, start, end) of each rule."""
    depth, current = 0, None
    for token in _TOKEN.finditer(source):
        if token["rule"] and depth == 0:
            if current is not None:
                yield current[0], current[1], token.start()
            current = token["name"], token.start()
        elif token["open"]:
            depth += 1
        elif token["close"]:
            depth -= 1
            if depth <= 0 and current is not None:
                yield current[0], current[1], token.end()
                current, depth = None, 0
    if current is not None:
        yield current[0], current[1], len(source)
