"""Options of a collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scout.collecting.sweep_options import SweepOptions
from scout.delivering.delivery import DeliveryOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectOptions:
    """Options of one collection. `root` None and no images: the live host. Sizes in bytes; 0: no limit beyond those of the targets."""

    recipients: Sequence[str | Path] = ()
    out: Path = field(default_factory=Path)
    root: Path | None = None
    images: Sequence[Path] = ()
    """disks or images of one host, instead of `root`"""
    shadows: bool = True
    """the shadow copies of the volumes of images too"""
    profile: str = "triage"
    targets: Sequence[str] = ()
    definitions: Sequence[Path] = ()
    """folders with definitions of other collectors, which `targets` may name: `kape:Prefetch`"""
    paths: Sequence[str] = ()
    """native paths; where there are any, only these are taken"""
    max_file: int = 0
    max_total: int = 0
    gentle: bool = False
    """less than a quarter of one core, lowest priority for processor and disk"""
    allow_temp_file: bool = False
    """loaded hives of the running Windows may be copied to a temporary file beside the archive, where the raw volume cannot be read"""
    removable: bool = False
    """the removable drives of the running Windows too"""
    min_free: int = 0
    """bytes that stay free at the output: below, nothing more is taken"""
    delivery: DeliveryOptions = field(default_factory=DeliveryOptions)
    """a server that gets the archive; `out` then takes the local copy, or the rest where the server fails"""
    sweep: SweepOptions | None = None
    """look for what is known in `paths` instead of collecting them"""
    system: str = ""
    """windows or linux, where the tree itself does not show it"""

    @property
    def label(self) -> str:
        """The profile, `paths` where only paths are taken, or `sweep`: part of the archive's name."""
        if self.sweep is not None:
            return "sweep"
        return "paths" if self.paths else self.profile
