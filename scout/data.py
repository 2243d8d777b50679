"""Data that lies beside the code, as YAML: one way to read it, with the safe loader, in C where it was built."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_data(package: str, name: str) -> Any:
    """The document `name` of a package: `load_data(__package__, "guard.yaml")`."""
    return parse_yaml(files(package).joinpath(name).read_bytes())


def parse_yaml(content: str | bytes) -> Any:
    """One YAML document. Raises yaml.YAMLError where it is none."""
    return yaml.load(content, LOADER)  # noqa: S506  (a safe loader)
