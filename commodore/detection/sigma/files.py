"""Find and read rule files; each rule that is refused has file, line and reason."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from commodore.detection.sigma.rule import SigmaRule, rule_from
from commodore.detection.sigma.values import Unsupported
from commodore.hits import Refusal
from scout.console import WRONG_USE, Complaint
from scout.data import LOADER, parse_all, too_deep
from scout.formats.yara_rules import ENDINGS

MAX_FILE = 1 << 20


class _Loader(LOADER):  # type: ignore[misc]  # the safe loader, in C where it was built
    """Load YAML and refuse a key that occurs twice in a mapping: the second would replace the first and change the rule."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge" else id(key)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key `{key.value}` occurs twice in one mapping", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


class RuleFile(NamedTuple):
    r"""`name` is the path below the directory that the user gave; bytes that are not UTF-8 are shown as `\xNN`."""

    name: str
    content: bytes


def rule_files(paths: Iterable[Path]) -> list[RuleFile]:
    """Return all `.yml` and `.yaml` files below the given directories, and files given by name, in a stable order; YARA rules apart.

    Raises Complaint for a path that is not there, and for a directory without any rule.
    """
    found: dict[str, RuleFile] = {}
    for path in paths:
        if path.is_dir():
            below = sorted(p for p in path.rglob("*") if p.suffix.lower() in (".yml", ".yaml") and p.is_file())
            if not below and not any(p.suffix.lower() in ENDINGS for p in path.rglob("*")):
                what = f"{path} has no rules: no file in it ends in .yml or .yaml (Sigma), .yar or .yara (YARA)."
                raise Complaint(what, "Give a directory of Sigma rules, or a rule file.", WRONG_USE)
            for p in below:
                found[str(p)] = RuleFile(_shown(p.relative_to(path)), _read(p))
        elif path.is_file() and path.suffix.lower() in ENDINGS:
            continue
        elif path.is_file():
            found[str(path)] = RuleFile(_shown(Path(path.name)), _read(path))
        else:
            raise Complaint(f"{path} does not exist.", "Give a directory of Sigma rules, or a rule file.", WRONG_USE)
    return sorted(found.values())


def _shown(path: Path) -> str:
    return path.as_posix().encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_FILE + 1)
    except OSError as e:
        raise Complaint(f"cannot read {path}: {e.strerror}", "Check the path and its permissions.") from e


def _text(content: bytes) -> str:
    """Return the text of a file, as YAML reads it: UTF-8, or UTF-16 with its mark, without padding. Raises UnicodeDecodeError."""
    codec = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return content.decode(codec).rstrip("\0")


def digest(files: Iterable[RuleFile]) -> str:
    """Return the sha256 over names and contents: the identity of a rule pack."""
    h = hashlib.sha256()
    for f in files:
        h.update(hashlib.sha256(f.name.encode()).digest())
        h.update(hashlib.sha256(f.content).digest())
    return h.hexdigest()


def rules(files: Iterable[RuleFile]) -> Iterator[SigmaRule | Refusal]:
    """Yield every rule of every file, or its refusal. A second rule with the same id is refused; the reason names the file of the first."""
    first: dict[str, str] = {}
    for f in files:
        for number, item in _of_file(f):
            if isinstance(item, SigmaRule):
                if item.id in first:
                    line = _line(_text(f.content), number, "id")
                    yield Refusal(f.name, line, f"duplicate of rule {item.id} in {first[item.id]}")
                    continue
                first[item.id] = f.name
            yield item


def _of_file(f: RuleFile) -> Iterator[tuple[int, SigmaRule | Refusal]]:
    """Yield (number of the document, rule or refusal)."""
    if len(f.content) > MAX_FILE:
        yield 0, Refusal(f.name, 0, f"larger than {MAX_FILE} bytes")
        return
    try:
        text = _text(f.content)
        line = too_deep(text)
        if line:
            yield 0, Refusal(f.name, line, "nested too deeply")
            return
        documents = parse_all(text, _Loader)
    except UnicodeDecodeError as e:
        yield 0, Refusal(f.name, f.content.count(b"\n", 0, e.start) + 1, "not UTF-8")
        return
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None) or getattr(e, "context_mark", None)
        yield 0, Refusal(f.name, mark.line + 1 if mark else 0, f"not YAML: {getattr(e, 'problem', None) or str(e).splitlines()[0]}")
        return
    except (ValueError, RecursionError, OverflowError) as e:  # a date that does not exist, numbers that are too large
        yield 0, Refusal(f.name, 0, f"not YAML: {e}")
        return
    for number, document in enumerate(documents):
        if document is None:
            continue
        try:
            yield number, rule_from(document, f.name)
        except Unsupported as e:
            yield number, Refusal(f.name, _line(text, number, e.key), e.reason)


def _line(text: str, number: int, key: str) -> int:
    """Return the line of a key in the numbered document, or the document's first line. Parses the text again, for refused rules only."""
    for i, node in enumerate(yaml.compose_all(text, LOADER)):
        if i == number and node is not None:
            found = _key_line(node, key) if key else None
            return int(found if found is not None else node.start_mark.line) + 1
    return 0


def _key_line(root: Any, key: str) -> int | None:
    stack, seen = [root], set()
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for k, v in node.value:
                if getattr(k, "value", None) == key:
                    return int(k.start_mark.line)
                stack.append(v)
        elif isinstance(node, yaml.SequenceNode):
            stack.extend(node.value)
    return None
