"""Read YAML data beside the code, with the safe loader (in C where PyYAML has it)."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_data(package: str, name: str) -> Any:
    """Return the document `name` of a package: `load_data(__package__, "guard.yaml")`."""
    return parse_yaml(files(package).joinpath(name).read_bytes())


def parse_yaml(content: str | bytes) -> Any:
    """Parse one YAML document. Raises yaml.YAMLError."""
    return yaml.load(content, LOADER)  # noqa: S506  (a safe loader)
