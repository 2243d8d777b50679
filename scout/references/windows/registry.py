r"""Hives: the programs and libraries that services, run keys, Winlogon, LSA, COM classes of users and their like name.

The keys are those of the rows of the persistence table, as normalised paths (`scout/formats/regf/views.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from scout.formats.regf import BadHive, Hive
from scout.formats.regf.keys import Value
from scout.formats.regf.patterns import key_patterns
from scout.formats.regf.views import HiveViews
from scout.references.named import NamedFile, StartingFile
from scout.references.win32 import from_command, from_text

_SERVICES = (
    r"System\CurrentControlSet\Services\*",
    r"System\CurrentControlSet\Services\*\Parameters",
    r"System\CurrentControlSet\Services\*\Parameters\**",
)
_SERVERS = ("InprocServer32", "LocalServer32", "InprocHandler32", "InprocServer", "LocalServer")
_CLASSES = tuple(rf"Software\Classes\CLSID\*\{server}" for server in _SERVERS)
_TEXTS = frozenset(("REG_SZ", "REG_EXPAND_SZ", "REG_MULTI_SZ"))
_LIBRARY = re.compile(r"[\w.$-]{1,128}")
_USER = re.compile(r"(?i)(?:NTUSER\.(?:DAT|MAN)|UsrClass\.dat)$")


def names(file: StartingFile) -> Iterator[NamedFile]:
    """Yield the files that values of the keys name. `language` has the key patterns, one a line. Nothing for a hive that cannot be read."""
    logs = [log for end in (".LOG1", ".LOG2", ".LOG") if (log := file.beside(file.path.rpartition("\\")[2] + end))]
    try:
        hive = Hive.open(file.content, logs)
    except BadHive:
        return
    user = _USER.search(file.path) is not None
    views = HiveViews(hive, classes=file.path.lower().endswith("usrclass.dat"))
    keys = (*file.language.split("\n"), *_SERVICES, *(_CLASSES if user else ()))
    for found in key_patterns(keys).search(views).values():
        for one in found:
            for value in one.key.values():
                if value.type in _TEXTS:
                    yield from _of_value(value, file)


def _of_value(value: Value, file: StartingFile) -> Iterator[NamedFile]:
    for text in value.strings:
        if "\\" in text or "%" in text or "." in text:
            yield from from_command(text, file)
            yield from from_text(text, file)
        elif _LIBRARY.fullmatch(text):
            yield NamedFile(f"{text}.dll", certain=False)
