"""Bill of materials of an agent in CycloneDX 1.5 JSON: the Python packages whose modules are in it, Python itself, the shared libraries.

Source: CycloneDX specification 1.5 (ECMA-424), JSON schema bom-1.5.
"""

from __future__ import annotations

import hashlib
import platform
import sys
import uuid
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any


def bill(name: str, agent: Path, version: str, modules: Iterable[str], libraries: Iterable[tuple[str, Path]], made: str) -> dict[str, Any]:
    """Return the document. `modules`: names of the program's Python modules; `libraries`: (name in the program, file) of its binaries."""
    tops = {module.partition(".")[0] for module in modules}
    by_module = metadata.packages_distributions()
    names = sorted({name for top in tops for name in by_module.get(top, ()) if name.lower() != "escadre"}, key=str.lower)
    python = {
        "type": "platform",
        "name": "CPython",
        "version": platform.python_version(),
        "purl": f"pkg:generic/cpython@{platform.python_version()}",
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest(agent))}",
        "version": 1,
        "metadata": {
            "timestamp": made,
            "component": {
                "type": "application",
                "bom-ref": name,
                "name": agent.name,
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "hashes": [{"alg": "SHA-256", "content": digest(agent)}],
                "properties": [{"name": "platform", "value": f"{sys.platform} {platform.machine()}"}],
            },
        },
        "components": [python, *(_package(name) for name in names), *(_library(name, path) for name, path in sorted(libraries))],
    }


def _package(name: str) -> dict[str, Any]:
    about: Any = metadata.metadata(name)
    version = metadata.version(name)
    licence = (about.get("License-Expression") or about.get("License") or "").strip()
    out: dict[str, Any] = {
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name.lower().replace('_', '-')}@{version}",
    }
    if licence:
        out["licenses"] = [{"license": {"name": licence.splitlines()[0][:100]}}]
    return out


def _library(name: str, path: Path) -> dict[str, Any]:
    return {"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": digest(path)}]}


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
