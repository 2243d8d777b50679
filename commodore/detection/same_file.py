"""One finding per file: what the content of a file shows is part of the finding of the mechanism that starts the same file."""

from __future__ import annotations

from collections.abc import Callable

from commodore.detection.fold import Fold, FoldKey
from commodore.hits import DetectionRule, Hit
from commodore.persistence.members import path_key

_MECHANISM, _CONTENT = "persistence", "content"
"""categories of the rules whose findings may be about one file"""


def join(folds: dict[FoldKey, Fold], rule: Callable[[str], DetectionRule]) -> None:
    """Add each fold of a content rule to the worst one of a mechanism that has the whole file as its target too; it is dropped then."""
    files: dict[tuple[str, str, str], tuple[list[FoldKey], list[FoldKey]]] = {}
    for key, fold in folds.items():
        category = rule(key[2]).category
        path = _whole_file(fold.best) if category in (_MECHANISM, _CONTENT) else ""
        if path:
            files.setdefault((*key[:2], path), ([], []))[category == _CONTENT].append(key)
    for mechanisms, contents in files.values():
        if not mechanisms or not contents:
            continue
        first = min(mechanisms, key=lambda key: (-folds[key].severity, key))
        for key in sorted(contents):
            folds[first].join(folds.pop(key), rule(key[2]))


def _whole_file(hit: Hit | None) -> str:
    """Return the path of the file that is the whole target of a hit, as paths are compared; '' where another thing is."""
    target = hit.target if hit is not None else None
    if not target or target.get("kind") != "file" or target.get("remove") != "FQ":
        return ""
    return path_key(str(target.get("path") or ""))
