"""Artifact files of UAC: lines `key: value` as its shell script reads them, which is not always YAML.

The collector `file` takes what `find` selects: `path` (several, with quotes), `name_pattern`, `path_pattern`, `max_depth`, `file_type`, and
what the exclusions leave. A folder that it selects is taken with all below it. All other collectors run commands, or list: they are not
run (SCOUT lists all files in `live/files.jsonl`).
Source: the UAC documentation, "Artifacts", and the files themselves.
"""

from __future__ import annotations

import fnmatch
import re
import shlex
from pathlib import Path, PurePosixPath

from scout.targets.foreign.definition import CAP, ForeignDefinition, ForeignEntry, NotTranslated, component, deep
from scout.targets.target import PathTest

PREFIX = "uac:"
DEEPEST = 40
"""levels beyond which a bound on them is none: each level is a pattern"""
SUFFIX = ".yaml"
_LINE = re.compile(r"\s*(?:-\s+)?([a-z_]+):(?:\s+(.*?))?\s*")
_KNOWN = {
    "description",
    "supported_os",
    "collector",
    "path",
    "name_pattern",
    "path_pattern",
    "exclude_name_pattern",
    "exclude_path_pattern",
    "exclude_file_system",
    "exclude_nologin_users",
    "file_type",
    "max_depth",
    "max_file_size",
    "ignore_date_range",
    "is_file_list",
    "condition",
}
"""Words of the collector `file`; the date range and file systems are SCOUT's own business."""


def read(path: Path, content: bytes) -> list[ForeignDefinition]:
    """Return the definition of a file; [] where it is no artifact file of UAC."""
    text = content.decode("utf-8", "replace")
    if not re.search(r"^artifacts:", text, re.MULTILINE) or "collector:" not in text:
        return []
    entries, commands, failures = [], [], []
    blocks = _blocks(text)
    for number, block in enumerate(blocks, 1):
        if block.get("collector") != "file":
            commands.append(block.get("command") or f"{block.get('collector', '')} {block.get('path', '')}".strip())
            continue
        if block.get("is_file_list") == "true" or "%temp_directory%" in block.get("path", ""):
            commands.append(f"files that a command before it lists in {block.get('path', '')}")
            continue
        try:
            entries += _entries(block)
        except (NotTranslated, ValueError) as e:
            failures.append(f"part {number}: {e}")
        except KeyError as e:
            failures.append(f"part {number}: it has no {e.args[0]}")
    what = next((block["description"] for block in blocks if "description" in block), path.stem)
    name = "/".join(_below_artifacts(path)).removesuffix(SUFFIX)
    short = f"{PREFIX}{path.stem}"
    known = {"entries": tuple(entries), "commands": tuple(commands), "failures": tuple(failures)}
    return [ForeignDefinition(name=f"{PREFIX}{name}", what=what, aliases=(short,), **known)]  # type: ignore[arg-type]


def _below_artifacts(path: Path) -> tuple[str, ...]:
    parts = path.parts
    return parts[len(parts) - parts[::-1].index("artifacts") :] if "artifacts" in parts else parts[-1:]


def _blocks(text: str) -> list[dict[str, str]]:
    """Return the parts below `artifacts:`, key → value as written."""
    out: list[dict[str, str]] = []
    started = False
    for line in text.splitlines():
        if line.startswith("artifacts:"):
            started = True
        elif not started or line.lstrip().startswith("#"):
            continue
        elif line.lstrip().startswith("-") and not _LINE.fullmatch(line):
            out.append({})
        elif found := _LINE.fullmatch(line):
            if line.lstrip().startswith("- ") or not out:
                out.append({})
            out[-1].setdefault(found.group(1), found.group(2) or "")
    return [block for block in out if block]


def _list(block: dict[str, str], key: str) -> list[str]:
    text = re.sub(r"(?<=\s)#.*", "", block.get(key, "")).strip()
    if not text:
        return []
    if not (text.startswith("[") and text.endswith("]")):
        raise NotTranslated(f"{key} is no list: {text}")
    lexer = shlex.shlex(text[1:-1], posix=True)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = ",", True, ""
    return [one.strip() for one in lexer]


def _number(block: dict[str, str], key: str, default: int) -> int:
    return int(re.sub(r"#.*", "", block[key]).strip()) if key in block else default


def _entries(block: dict[str, str]) -> list[ForeignEntry]:
    unknown = sorted(set(block) - _KNOWN)
    if unknown:
        raise NotTranslated(f"the word {unknown[0]} is not known")
    kinds = _list(block, "file_type") or ["f"]
    depth = _number(block, "max_depth", -1)
    depth = depth if depth <= DEEPEST else -1
    names = _list(block, "name_pattern")
    exclude = [f"**/{component(name)}" for name in _list(block, "exclude_name_pattern")]
    for pattern in _list(block, "exclude_path_pattern"):
        plain = "/".join(component(part) for part in pattern.strip("/").split("/"))
        exclude += [plain, f"{plain}/**"]
    tests = [_expression(pattern) for pattern in _list(block, "path_pattern")]
    out = []
    for path in _paths(block["path"]):
        for folders in (False, True):
            if not set(kinds) & ({"d"} if folders else {"f", "l"}):
                continue
            only = PathTest(paths=tuple(f"{test}(?:/.*)?" if folders else test for test in tests)) if tests else None
            cap = _number(block, "max_file_size", CAP)
            patterns = tuple(_selected(path, names, depth, folders=folders))
            out.append(ForeignEntry(os="linux", paths=patterns, exclude=tuple(exclude), only=only, cap=cap))
            if names and not folders and not tests and "*" in path.rpartition("/")[2]:  # what the path itself means, by its name
                named = PathTest(paths=tuple(f".*/{_expression(name)}" for name in names))
                out.append(ForeignEntry(os="linux", paths=(path,), exclude=tuple(exclude), only=named, cap=cap))
    return out


def _expression(glob: str) -> str:
    return fnmatch.translate(glob).removesuffix(r"\Z").removesuffix(r"\z")


def _paths(text: str) -> list[str]:
    """Return the paths as SCOUT writes them."""
    out = []
    for path in shlex.split(text, comments=True):
        if "$" in path:
            raise NotTranslated(f"{path}: the variable is in the environment of a process")
        if "%" in path.replace("%user_home%", ""):
            raise NotTranslated(f"{path}: the variable is not known")
        parts = [part for part in path.replace("%user_home%", "<U>").split("/") if part]
        if parts[:1] in (["proc"], ["sys"]):
            raise NotTranslated(f"{path}: no file of a disk; live sources have the state of processes")
        if ".." in PurePosixPath(path).parts:
            raise NotTranslated(f"{path} leads upwards")
        out.append("/".join(part if part == "<U>" else component(part) for part in parts))
    return out


def _selected(path: str, names: list[str], depth: int, *, folders: bool) -> list[str]:
    """Return patterns of the files that `find` selects below a path, and of what is in folders that it selects."""
    below = "/**" if folders else ""
    last = path.rpartition("/")[2]
    if not names:
        if folders or depth < 0:
            return [path, f"{path}/**"] if path else ["**"]
        return deep(path, "", 0, depth) if path else deep("", "", 1, depth)
    out = []
    for name in map(component, names):
        if path and "*" not in last and fnmatch.fnmatchcase(last, name.replace("[=", "[")):
            out.append(f"{path}{below}")
        if depth < 0:
            out.append(f"{path}/**/{name}{below}" if path else f"**/{name}{below}")
        else:
            out += [f"{one}{below}" for one in deep(path, name, 0, depth - 1)] if depth > 0 else []
    return out
