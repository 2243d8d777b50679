"""YAML files of the tests, read by the compiled loader where PyYAML has it: ten times as fast as the one in Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
PLAIN: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""every scalar is a text"""


def read(path: Path) -> Any:
    """Return what a YAML file holds."""
    return yaml.load(path.read_bytes(), LOADER)
