"""Read YAML data beside the code, with the safe loader (in C where PyYAML has it)."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import yaml

MAX_NESTING = 200
"""levels of a YAML text"""
MAX_FACTOR, MAX_NODES = 4, 10_000
"""nodes of a YAML document for each character of its text, and those that any may have, counted as often as aliases repeat them"""
_HEAD = re.compile(rf"(?m)^[ \-?:]{{{MAX_NESTING},}}")
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_data(package: str, name: str) -> Any:
    """Return the document `name` of a package: `load_data(__package__, "guard.yaml")`."""
    return yaml.load(files(package).joinpath(name).read_bytes(), LOADER)  # noqa: S506  (a safe loader)


def parse_yaml(content: str | bytes) -> Any:
    """Parse one YAML document, whoever wrote it. Raises yaml.YAMLError."""
    found = parse_all(content)
    if len(found) > 1:
        raise yaml.YAMLError("it has more than one document")
    return found[0] if found else None


def parse_all(content: str | bytes, loader: Any = LOADER) -> list[Any]:
    """Parse all YAML documents of a text, whoever wrote it; `loader`: a safe one. Raises yaml.YAMLError.

    Aliases may not make a document much larger than its text, nor a part of itself.
    """
    check_depth(content)
    aliases = (b"&" if isinstance(content, bytes) else "&") in content  # type: ignore[operator]
    reader = loader(content)
    try:
        found = []
        while reader.check_node():
            node = reader.get_node()
            if aliases:
                _check_aliases(node, MAX_FACTOR * len(content) + MAX_NODES)
            found.append(reader.construct_document(node))
    except (ValueError, OverflowError, RecursionError) as e:  # a date that does not exist, numbers that are too large
        raise yaml.YAMLError(str(e)) from e
    finally:
        reader.dispose()
    return found


def _check_aliases(root: Any, most: int) -> None:
    """Raise yaml.YAMLError where a document has more than `most` nodes, each counted as often as it is meant, or contains itself."""
    sizes: dict[int, int] = {}
    todo = [(root, False)]
    while todo:
        node, below = todo.pop()
        children = [] if isinstance(node, yaml.ScalarNode) else node.value
        if isinstance(node, yaml.MappingNode):
            children = [part for pair in children for part in pair]
        if below:
            sizes[id(node)] = 1 + sum(sizes[id(child)] for child in children)
            if sizes[id(node)] > most:
                raise yaml.YAMLError(f"line {node.start_mark.line + 1}: its aliases make it too large")
        elif id(node) not in sizes:
            sizes[id(node)] = most + 1  # what is met again before it is counted contains itself
            todo.append((node, True))
            todo += [(child, False) for child in children if sizes.get(id(child), 0) <= most]
            if any(sizes.get(id(child), 0) > most for child in children):
                raise yaml.YAMLError(f"line {node.start_mark.line + 1}: an alias contains itself, or makes it too large")


def check_depth(content: str | bytes) -> None:
    """Raise yaml.YAMLError for a text that nests so deeply that the parser would use up its stack."""
    if isinstance(content, bytes):
        content = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")
    if line := too_deep(content):
        raise yaml.YAMLError(f"line {line} is nested too deeply")


def too_deep(text: str) -> int:
    """Return the line at which brackets or indentation of a YAML text nest too deeply, else 0."""
    if text.count("[") + text.count("{") <= MAX_NESTING and not _HEAD.search(text):
        return 0
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        head = line[: len(line) - len(line.lstrip(" -?:"))]
        depth += line.count("[") + line.count("{") - line.count("]") - line.count("}")
        if (
            (len(head) > MAX_NESTING and head.strip())
            or len(head) > 4 * MAX_NESTING
            or line.count("[") + line.count("{") > MAX_NESTING
            or depth > MAX_NESTING
        ):
            return number
        depth = max(depth, 0)
    return 0
