"""`--to`: where an archive goes, and how the collection and the delivery work together.

delivery = Delivery.prepared(options, name, folder)     # the test upload; Complaint where it fails
ArchiveWriter(path, keys, header, delivery.sink); delivery.start(…); … ; delivery.end(receipt)
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import NamedTuple

from scout import __version__
from scout.archive.receipt import Receipt
from scout.console import WRONG_USE, Complaint
from scout.delivering import courier, tls
from scout.delivering.carrier import Carrier
from scout.delivering.courier import Courier, FileParts, PipeParts, Progress

STDOUT = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOptions:
    """Where to, and whom to trust. `pin`: fingerprint of a certificate (https, s3) or of a host key (sftp)."""

    to: str = ""
    ca: Path | None = None
    pin: str = ""
    ssh_key: Path | None = None
    keep: bool = False
    """a local copy too"""
    retry_for: float = courier.RETRY_FOR

    def __post_init__(self) -> None:
        given = [f"--{name.replace('_', '-')}" for name in ("ca", "pin", "ssh_key", "keep") if getattr(self, name)]
        if given and not self.remote:
            what = f"{', '.join(given)}: the archive goes to no server."
            raise Complaint(what, "Give its address too: --to https://host/folder/.", WRONG_USE)

    @property
    def folder(self) -> Path | None:
        """The directory that `to` names, or None."""
        return Path(self.to) if self.to and self.to != STDOUT and "://" not in self.to and not self.to.startswith("s3:") else None

    @property
    def remote(self) -> bool:
        """Whether the archive goes to a server."""
        return bool(self.to) and self.to != STDOUT and self.folder is None


class DeliveryResult(NamedTuple):
    """Result of a delivery. `failed`: why the server does not have everything, with `advice`; `rest`: the local file with what it lacks.

    `no_receipt`: why the server has everything but the receipt.
    """

    where: str
    sent: int
    parts: int
    retries: int
    failed: str = ""
    advice: str = ""
    rest: Path | None = None
    joining: str = ""
    no_receipt: str = ""


def carrier_of(options: DeliveryOptions) -> Carrier:
    """Return the carrier of an address. Complaint for one that nothing can deliver to."""
    kind = options.to.partition(":")[0].lower()
    if kind in ("https", "s3"):
        pin = tls.fingerprint(options.pin) if options.pin else ""
        if kind == "s3":
            from scout.delivering.s3 import S3Carrier

            return S3Carrier(options.to[3:], options.ca, pin)
        from scout.delivering.https import HttpsCarrier

        return HttpsCarrier(options.to, options.ca, pin)
    if kind == "sftp":
        from scout.delivering.sftp import SftpCarrier

        return SftpCarrier(options.to, options.ca, options.pin, options.ssh_key)
    known = "https://host/folder/, sftp://user@host/folder, s3:FILE of presigned URLs, a directory, or -"
    do = "An archive is encrypted, but a plain http server could be anybody." if kind == "http" else f"Known are {known}."
    raise Complaint(f"--to: {tls.shown(options.to)} is no place that scout delivers to.", do, WRONG_USE)


class Delivery:
    """One delivery to a server. `sink`: the descriptor that the archive is written into; None where a local copy is kept."""

    def __init__(self, carrier: Carrier, name: str, folder: Path | None, options: DeliveryOptions) -> None:
        self._carrier, self._name, self._folder, self._options = carrier, name, folder, options
        self._ended = Event()
        self._reads = -1
        self._courier: Courier | None = None
        self.sink: int | None = None
        if not options.keep:
            self._reads, self.sink = os.pipe()

    @classmethod
    def prepared(cls, options: DeliveryOptions, name: str, folder: Path | None) -> Delivery:
        """Return a delivery whose server has proved that it takes the archive. `folder`: for the rest, should the server fail."""
        carrier = carrier_of(options)
        marker = json.dumps({"archive": name, "state": "started", "tool": f"scout {__version__}"}) + "\n"
        courier.test_upload(carrier, name, marker.encode())
        return cls(carrier, name, folder, options)

    @property
    def where(self) -> str:
        """The address without secrets."""
        return self._carrier.where

    def start(self, path: Path, hurried: Callable[[], object]) -> None:
        """Start to deliver. `path`: the local copy, if there is one. Call it when the archive's writer has started its own process."""
        size = self._carrier.part_size
        source = PipeParts(self._reads, size) if self.sink is not None else FileParts(path, size, self._ended)
        self._courier = Courier(
            self._carrier, source, self._name, self._folder, kept=self._options.keep, retry_for=self._options.retry_for, hurried=hurried
        )
        self._courier.start()

    def progress(self) -> Progress:
        """Return how far it is."""
        return self._courier.progress() if self._courier is not None else Progress(0, 0.0, "")

    def lost(self) -> str:
        """Return why the archive could be written neither there nor here; '' in all other cases."""
        return self._courier.lost if self._courier is not None else ""

    def end(self, receipt: Receipt, tick: Callable[[], object]) -> DeliveryResult:
        """Wait until everything is delivered or in the local file; call `tick` now and then. Complaint where neither could be written."""
        assert self._courier is not None
        work = self._courier
        self._ended.set()
        while work.works(0.25):
            tick()
        if not work.lost:
            work.end(receipt.size, receipt.document().encode())
        if work.lost:
            what = f"{work.failed} And {work.lost}." if work.failed else f"{work.lost}."
            do = f"{self.where} has {work.sent:,} bytes of it. Make room, or mend the server, and collect again."
            raise Complaint(f"The archive could not be delivered: {what}", do)
        failed = work.failed
        return DeliveryResult(
            self.where,
            work.sent,
            work.parts,
            work.retries,
            str(failed) if failed else "",
            failed.do if failed else "",
            work.rest,
            work.joining(),
            work.no_receipt,
        )


def stdout_sink() -> int:
    """Return a descriptor of the present stdout; what is printed afterwards goes to stderr. Complaint where stdout is a terminal."""
    if os.isatty(1):
        raise Complaint("--to -: the output is a terminal.", "Redirect it: scout collect -r age1… --to - > host.tar.zst.age", WRONG_USE)
    sys.stdout.flush()
    sink = os.dup(1)
    os.dup2(2, 1)
    return sink
