"""Read YAML data beside the code, with the safe loader (in C where PyYAML has it)."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import yaml

MAX_NESTING = 200
"""levels of a YAML text"""
_HEAD = re.compile(rf"(?m)^[ \-?:]{{{MAX_NESTING},}}")
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_data(package: str, name: str) -> Any:
    """Return the document `name` of a package: `load_data(__package__, "guard.yaml")`."""
    return yaml.load(files(package).joinpath(name).read_bytes(), LOADER)  # noqa: S506  (a safe loader)


def parse_yaml(content: str | bytes) -> Any:
    """Parse one YAML document, whoever wrote it. Raises yaml.YAMLError."""
    check_depth(content)
    try:
        return yaml.load(content, LOADER)  # noqa: S506  (a safe loader)
    except (ValueError, OverflowError, RecursionError) as e:  # a date that does not exist, numbers that are too large
        raise yaml.YAMLError(str(e)) from e


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
