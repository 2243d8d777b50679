"""Files that sudoers includes besides those that the persistence table names.

Source: sudoers(5), Including other files from within sudoers.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

from commodore.persistence.places import rows_of_file

_INCLUDE = re.compile(r'[@#]include(?P<folder>dir)?[ \t]+(?:"(?P<quoted>[^"]+)"|(?P<plain>(?:\\.|[^\s\\])+))')
MOST = 200
"""includes that are followed"""
_SKIPPED = re.compile(r".*\..*|.*~")
"""names that sudo passes over in a folder"""


def unread(records: Iterable[Mapping[str, Any]], paths: Iterable[str], read: Container[str] = ()) -> Iterator[str]:
    """Yield the files of the host that lines of `records` (of startup_files, format `sudoers`) include and no row reads, each once.

    `paths`: of all files of the host; `read`: of those that were read because others take them in. `%h` in a name stands for any text.
    """
    wanted: dict[str, bool] = {}
    for record in records:
        for setting in record.get("escadre.settings") or ():
            if len(wanted) < MOST and (found := _INCLUDE.match(setting)):
                name = found["quoted"] or re.sub(r"\\(.)", r"\1", found["plain"])
                folder = str(record.get("file.path")).rpartition("/")[0]
                wanted[name if name.startswith("/") else f"{folder}/{name}"] = found["folder"] is not None
    seen: set[str] = set()
    for path in sorted(paths) if wanted else ():
        above, _, last = path.rpartition("/")
        for name, is_folder in wanted.items():
            pattern = re.escape(name.rstrip("/")).replace("%h", "[^/]*")
            fits = re.fullmatch(pattern, above) is not None and not _SKIPPED.fullmatch(last) if is_folder else re.fullmatch(pattern, path)
            if fits and path not in seen and path not in read and "sudoers" not in rows_of_file(path[1:], "linux"):
                seen.add(path)
                yield path
