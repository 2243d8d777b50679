"""What must hold of a file after its removals, one module each, named by the `check` of a kind of removal and found by walking this folder.

    problem(before, after, path) → why the file as it would be is wrong, '' where it is right

`before` and `after` are views of the files: as they are, and with every action of the plan done. A module only reads.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cache

from hunter.host.view import FileView
from scout.discovery import modules

FileCheck = Callable[[FileView, FileView, str], str]


@cache
def checks() -> Mapping[str, FileCheck]:
    """Return name → check for every module in this folder."""
    return {name: module.problem for name, module in modules(sys.modules[__name__])}
