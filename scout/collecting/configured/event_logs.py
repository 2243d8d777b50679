r"""Event logs that are not in `winevt\Logs`: the value `File` of each key of `Services\EventLog` in the current control set.

Source: Microsoft, "Eventlog Key".
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from scout.collecting import identity
from scout.sources.source import EvidenceSource

MAX_LOGS = 2_000


def names(source: EvidenceSource) -> Iterator[str]:
    """Yield the paths of logs at other places, with archives beside them."""
    hive = identity.system_hive(source)
    if hive is None:
        return
    listed = hive.find(rf"{identity.control_set(hive)}\Services\EventLog")
    drive, windows = source.native(())[:2], identity.variables(source)["SystemRoot"]
    for key in itertools.islice(listed.subkeys(), MAX_LOGS) if listed is not None else ():
        path = re.sub(r"(?i)^%(?:systemroot|windir)%", lambda _: f"{drive}\\{windows}", key.text("File"))
        path = re.sub(r"(?i)^(?:%systemdrive%|\\(?=[^\\]))", lambda _: f"{drive}\\", path).replace("\\\\", "\\")
        usual = f"{drive}\\{windows}\\System32\\winevt\\Logs\\"
        if re.match(r"[A-Za-z]:\\", path) and not path.lower().startswith(usual.lower()):
            yield path
            yield f"{path.rpartition(chr(92))[0]}\\Archive-{path.rpartition(chr(92))[2].partition('.')[0]}*.evtx"
