"""The target definitions of SCOUT: the YAML files of this folder. `load` reads and checks them.

Target ids are those of the collection catalogue: `WR` Windows registry, `WE` event and text logs, `WN` NTFS metadata, `WX` execution,
`WP` persistence, `WS` suspicious files, `LL` Linux live state, `LF` Linux files.
"""

from __future__ import annotations

from scout.targets.loader import READERS, TargetList, load, parse_size
from scout.targets.profiles import select
from scout.targets.target import CollectionTarget

__all__ = ["READERS", "CollectionTarget", "TargetList", "load", "parse_size", "select"]
