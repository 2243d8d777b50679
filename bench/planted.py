"""200 inert files of 41 kinds among 5,000 files of Debian and Wine packages: what is found of each kind, and what else is.

    python -m bench.planted [--reasons]

The tree is made of this machine's own packages: a Linux root with files of 400 packages, and a Windows drive with Wine's programs.
`--reasons` prints the reasons of every file of a severity, for a person to read.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from commodore.case.reader import CaseReader
from commodore.engine.process import process
from tests.range import suspicious

FILES, PACKAGES, EACH = 5_000, 400, 5
LARGEST = 2 << 20
"""bytes of a file that is copied: larger ones say nothing more"""
WINE = ("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows", "/usr/lib/wine/x86_64-windows")
SEVERE = ("high", "medium")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        wine = wine_drive(base / "C")
        debian = debian_root(base / "root", FILES - wine)
        planted = {
            f"Windows: {kind}": [native(path) for path in paths] for kind, paths in suspicious.plant_windows(base / "C", EACH).items()
        }
        planted |= {f"Linux: {kind}": [f"/{path}" for path in paths] for kind, paths in suspicious.plant_linux(base / "root", EACH).items()}
        process([base / "C", base / "root"], base / "case")
        report(base / "case", planted, debian + wine)


def native(path: str) -> str:
    return "C:\\" + path.replace("/", "\\")


def wine_drive(root: Path) -> int:
    """Lay out a drive with the programs of the package Wine; return their number."""
    source = next((Path(path) for path in WINE if Path(path).is_dir()), None)
    if source is None:
        sys.exit("Wine is not installed: its programs are half of the files that nothing may be said of")
    target = root / "Windows/System32"
    target.mkdir(parents=True)
    files = [path for path in sorted(source.iterdir()) if path.is_file() and path.stat().st_size <= LARGEST]
    for path in files:
        shutil.copyfile(path, target / path.name)
    return len(files)


def debian_root(root: Path, most: int) -> int:
    """Lay out a root with files of packages, those of programs and settings first, and their sums; return their number."""
    info = Path("/var/lib/dpkg/info")
    lists = sorted(info.glob("*.md5sums"))[:: max(1, len(list(info.glob("*.md5sums"))) // PACKAGES)][:PACKAGES]
    copied = 0
    for number, sums in enumerate(lists):
        names = [line.split("  ", 1)[1] for line in sums.read_text(errors="replace").splitlines() if "  " in line]
        names.sort(key=lambda name: name.startswith(("usr/share/doc", "usr/share/locale", "usr/share/man")))
        here = [name for name in names if (Path("/") / name).is_file() and (Path("/") / name).stat().st_size <= LARGEST]
        for name in here[: -(-(most - copied) // (len(lists) - number))]:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(Path("/") / name, root / name)
            copied += 1
    (root / "var/lib/dpkg/info").mkdir(parents=True, exist_ok=True)
    for sums in info.glob("*.md5sums"):
        shutil.copyfile(sums, root / "var/lib/dpkg/info" / sums.name)
    suspicious.write(root, "etc/passwd", b"root:x:0:0:root:/root:/bin/bash\nanne:x:1000:1000::/home/anne:/bin/bash\n")
    suspicious.write(root, "etc/hostname", b"host\n")
    return copied


def report(case: Path, planted: dict[str, list[str]], ordinary: int) -> None:
    records = {path: record for record in CaseReader(case).records("suspicious_files") for path in record["escadre.program.paths"]}
    number = sum(map(len, planted.values()))
    print(f"{number} files of {len(planted)} kinds among {ordinary:,} files of packages")
    found = 0
    for kind, paths in sorted(planted.items()):
        severities = Counter(str(records.get(path, {}).get("escadre.severity", "none")) for path in paths)
        found += sum(severities[severity] for severity in SEVERE)
        print(f"  {kind:48} {', '.join(f'{count} {severity}' for severity, count in sorted(severities.items()))}")
    print(f"recall (high or medium): {found} of {number}")
    wanted = {path for paths in planted.values() for path in paths}
    for path, record in sorted(records.items()):
        if path not in wanted and record.get("escadre.severity"):
            print(f"  not planted: {record['escadre.severity']:8} {path}: {record['message']}")
    other = [finding for finding in CaseReader(case).findings() if not planted_in(finding, wanted)]
    print(f"findings of all detectors on what was not planted: {len(other)}")
    for finding in other:
        print(f"  {finding['escadre.severity']:8} {finding['message'][:300]}")
    if "--reasons" in sys.argv:
        for path in sorted(wanted & records.keys()):
            print(f"  {records[path].get('escadre.severity', 'none'):8} {records[path]['message']}")


def planted_in(finding: dict[str, object], wanted: set[str]) -> bool:
    return any(
        path.replace("\u202e", "\\u202e") in f"{finding.get('message')} {finding.get('target')} {finding.get('escadre.matched')}"
        for path in wanted
    )


if __name__ == "__main__":
    main()
