"""Trees planted from definitions of other collectors, and what each must take of them, without SCOUT's readers and patterns.

KAPE and ForensicArtifacts: the documents are read here, and names are compared component by component with `fnmatch`. UAC: `find` itself
selects, with the options that UAC gives it.
"""

from __future__ import annotations

import fnmatch
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.yamls import LOADER

WINDOWS = ("Windows/System32/config", "Users/alice")
LINUX = ("etc", "usr", "var", "home/alice")
BY_EXPRESSION = {
    r"Regex:*.\b[a-zA-Z0-9_-]{8}\b.compiled": "x.abcd1234.compiled",
    r"regex:*.+\.(db*|sqlite*|)": "a.db",
    r"regex:.*\.(jpg|mp4|pdf|webp)": "a.mp4",
}
"""A name for each expression that is no list of endings in parentheses."""


class Planted(NamedTuple):
    """One definition: the files of its tree, and whether it takes a path."""

    name: str
    windows: bool
    files: list[str]
    takes: Callable[[str], bool]
    folder: Callable[[Path], set[str]] | None = None
    """what it takes of a planted tree, where a program says so"""

    def plant(self, root: Path) -> list[str]:
        """Make the files, longest paths first, with decoys beside them; return what was made, below the root."""
        for place in WINDOWS if self.windows else LINUX:
            (root / place).mkdir(parents=True, exist_ok=True)
        wanted = sorted(set(self.files), key=lambda one: -one.count("/"))
        for one in (*wanted, *(decoy for file in wanted for decoy in beside(file))):
            path = root / one
            if not path.exists() and not any(above.is_file() for above in path.parents):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"x")
        return [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]

    def wanted(self, root: Path, made: list[str]) -> set[str]:
        """Return which of the planted files it takes."""
        return self.folder(root) if self.folder is not None else {one for one in made if self.takes(one)}


def sample(component: str, star: str = "m1") -> str:
    """Return a name that a glob means."""
    component = re.sub(r"\[([A-Za-z0-9]).*?\]", r"\1", component)
    return component.replace("*", star).replace("?", "q")


def fits(path: str, pattern: list[str]) -> bool:
    """Return whether a path fits components; `**` is any number of folders, `**N` one to N names."""
    return _fits(path.lower().split("/"), [one.lower() for one in pattern])


def _fits(parts: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not parts
    found = re.fullmatch(r"\*\*(\d*)", pattern[0])
    if found:
        least, most = (1, int(found.group(1))) if found.group(1) else (0, len(parts))
        return any(_fits(parts[number:], pattern[1:]) for number in range(least, min(most, len(parts)) + 1))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def beside(path: str) -> Iterator[str]:
    """Yield decoys: another name in the folder, one in the folder above and one in a folder below."""
    folder, _, name = path.rpartition("/")
    for place in dict.fromkeys([folder, folder.rpartition("/")[0], f"{folder}/zz"]):
        for decoy in (f"zz{name}", f"{name}zz", "decoy.zzz"):
            yield f"{place}/{decoy}" if place else decoy


def kape(folder: Path) -> Iterator[Planted]:
    """Yield a tree for each target that names files."""
    for path in sorted(folder.rglob("*.tkape")):
        entries = []
        for one in yaml.load(path.read_bytes(), LOADER)["Targets"]:
            if one["Path"].endswith(".tkape"):
                continue
            place = [part for part in one["Path"][2:].split("\\") if part]
            mask = str(one.get("FileMask") or "*")
            entries.append((place, mask, bool(one.get("Recursive"))))
        if not entries:
            continue
        files = []
        for place, mask, recursive in entries:
            concrete = [sample(re.sub("(?i)%users?%", "alice", part)) for part in place]
            name = _of_mask(mask)
            files.append("/".join([*concrete, name]))
            files += ["/".join([*concrete, "deep", "er", name])] if recursive else []
        yield Planted(f"kape:{path.stem}", True, files, lambda taken, entries=entries: any(_kape_takes(taken, *one) for one in entries))


def _of_mask(mask: str) -> str:
    if mask.lower().startswith("regex:"):
        return BY_EXPRESSION.get(mask) or "a." + mask.split("(")[1].split("|")[1]
    return sample(mask)


def _kape_takes(path: str, place: list[str], mask: str, recursive: bool) -> bool:
    folder, _, name = path.rpartition("/")
    pattern = [re.sub("(?i)%users?%", "*", part) for part in place] + (["**"] if recursive else [])
    if not _fits([part.lower() for part in folder.split("/") if part], [part.lower() for part in pattern]):
        return False
    if mask.lower().startswith("regex:"):
        return re.search(re.sub(r"^\*", ".*", mask[6:]), name, re.IGNORECASE) is not None
    return fnmatch.fnmatchcase(name.lower(), "*" if mask == "*.*" else mask.lower())


def _documents(content: bytes) -> list[Any]:
    try:
        return list(yaml.load_all(content, LOADER))
    except yaml.YAMLError:  # libyaml refuses colons in flow lists
        return list(yaml.safe_load_all(content))


def artifacts(folder: Path) -> Iterator[Planted]:
    """Yield a tree for each definition that names files, for each family of systems."""
    for path in sorted(folder.rglob("*.yaml")):
        for document in _documents(path.read_bytes()):
            for windows in (True, False):
                patterns = []
                for source in document["sources"]:
                    systems = source.get("supported_os") or document.get("supported_os") or ["Windows", "Linux"]
                    if source["type"] == "FILE" and (("Windows" in systems) if windows else set(systems) - {"Windows"}):
                        separator = source["attributes"].get("separator", "/")
                        patterns += [_plain(one, separator, windows, systems) for one in source["attributes"]["paths"]]
                patterns = [one for several in patterns for one in several]
                if patterns:
                    files = [_concrete(one) for one in patterns]
                    takes = lambda taken, patterns=patterns: any(fits(taken, one) for one in patterns)  # noqa: E731
                    yield Planted(f"artifacts:{document['name']}", windows, files, takes)


_AT_HOME = {
    "appdata": "AppData/Roaming",
    "localappdata": "AppData/Local",
    "temp": "AppData/Local/Temp",
    "localappdata_low": "AppData/LocalLow",
}
_PLACES = {
    "environ_systemroot": "Windows",
    "environ_windir": "Windows",
    "environ_systemdrive": "",
    "environ_programfiles": "Program Files",
    "environ_programfilesx86": "Program Files (x86)",
    "users.username": "*",
}


def _plain(text: str, separator: str, windows: bool, systems: list[str]) -> list[list[str]]:
    """Return the components of a path for one user."""
    homes = ["Users/alice"] if windows else ["home/alice", *(["Users/bob"] if "Darwin" in systems else [])]
    out = []
    for home in homes:
        one = text.replace(separator, "/")
        one = re.sub("%%users.(homedir|userprofile)%%", home, one)
        one = re.sub(r"%%users\.(\w*(?:appdata|temp)\w*)%%", lambda found, home=home: f"{home}/{_AT_HOME[found.group(1).lower()]}", one)
        one = re.sub("%%(.+?)%%", lambda found: _PLACES.get(found.group(1).lower(), "ProgramData"), one)
        out.append([f"{part}10" if part == "**" else part for part in one.split("/") if part])
    return out


def _concrete(pattern: list[str]) -> str:
    return "/".join("d1/d2" if part.startswith("**") and int(part[2:]) > 1 else sample(part) for part in pattern)


def uac(folder: Path) -> Iterator[Planted]:
    """Yield a tree for each file of definitions with a collector `file` that depends on no command."""
    for path in sorted(folder.rglob("*.yaml")):
        blocks = [block for block in _uac_blocks(path.read_text()) if block.get("collector") == "file"]
        blocks = [block for block in blocks if "temp_directory" not in block["path"] and "$" not in block["path"]]
        if not blocks:
            continue
        files, finds = [], []
        for block in blocks:
            for place in re.findall(r'(?:"[^"]*"|[^\s"])+', re.sub(r"\s#.*", "", block["path"])):
                place = place.replace('"', "").replace("%user_home%", "/home/alice").strip("/")
                names = _names(block.get("name_pattern", ""))
                files += _uac_files(block, sample(place), [sample(name) for name in names])
                finds.append((place, block, names))
        yield Planted(
            "uac:" + str(path.relative_to(folder / "artifacts")).removesuffix(".yaml"),
            False,
            files,
            lambda _: False,
            lambda root, finds=finds: _found(root, finds),
        )


def _uac_blocks(text: str) -> list[dict[str, str]]:
    blocks: list[dict[str, str]] = []
    for line in text.splitlines():
        if line.strip() == "-":
            blocks.append({})
        elif blocks and (found := re.fullmatch(r"\s+(\w+): (.*)", line)):
            blocks[-1][found.group(1)] = found.group(2)
    return blocks


def _names(text: str) -> list[str]:
    return re.findall(r'"(.*?)"', text)


def _uac_files(block: dict[str, str], place: str, names: list[str]) -> list[str]:
    inner = [one.strip("*/").replace("*", "m") for one in _names(block.get("path_pattern", ""))]
    if inner:
        ends = (names or ["f"]) if block["path_pattern"].endswith('*"]') else [""]
        return ["/".join(part for part in (place, "x", one, end) if part) for one in inner for end in ends]
    if "d" in block.get("file_type", ""):
        return [f"{place}/{one}/f" for one in names] or [f"{place}/f"]
    last = place.rpartition("/")[2]
    if names:
        return [f"{place}/{one}".strip("/") for one in names]
    return [f"{place}/f"] if "." not in last.strip(".") and not last.endswith("rc") and "*" not in block["path"] else [place]


def _found(root: Path, finds: list[tuple[str, dict[str, str], list[str]]]) -> set[str]:
    """Return what `find` selects, and what is below the folders that it selects."""
    out: set[str] = set()
    for place, block, names in finds:
        kinds = re.findall(r"\w", block.get("file_type", "f"))
        starts = sorted(root.glob(place)) if place else [root]
        tests: list[str] = []
        for option, words in (("-name", names), ("-path", _names(block.get("path_pattern", "")))):
            either = [word for one in words for word in ("-o", option, one)][1:]
            tests += ["(", *either, ")"] if either else []
        for one in _names(block.get("exclude_name_pattern", "")):
            tests += ["!", "-name", one]
        depth = ["-maxdepth", block["max_depth"].split("#")[0].strip()] if "max_depth" in block else []
        for start in starts:
            for kind in kinds:
                shown = subprocess.run(["find", str(start), *depth, "-type", kind, *tests], capture_output=True, text=True, check=True)
                for line in shown.stdout.splitlines():
                    inside = [one for one in Path(line).rglob("*") if one.is_file()] if kind == "d" else [Path(line)]
                    out.update(str(one.relative_to(root)) for one in inside)
    skipped = [one.strip("/") for _, block, _ in finds for one in _names(block.get("exclude_path_pattern", ""))]
    return {one for one in out if not any(one == skip or one.startswith(f"{skip}/") for skip in skipped)}
