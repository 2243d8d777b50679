"""The registry: every key and value of every hive, deleted ones too."""

from __future__ import annotations

from collections.abc import Iterator

from commodore.artefact import Artefact, Problem, RecordBatch
from commodore.containers.registry import RegistryView, SecondView, WholeHive
from commodore.fence import fenced
from commodore.host import Host
from commodore.readers.hives import fields, records
from commodore.readers.hives.second import NAME
from commodore.readers.hives.texts import VALUE_ACTION
from scout.formats.regf.recovery import recover

ARTEFACT = Artefact(
    name="registry",
    title="Registry",
    about="Every value of every hive, and every key without values. The time is the last write of the key, which all its values share: a "
    "value has no time of its own. State `replayed`: from a transaction log; `deleted`: from free cells or slack, where the key may be "
    "unknown (`?`); `carved`: a key or value that no list of the tree names. Password hashes, LSA secrets, cached logons and passwords are "
    "left out: `escadre.registry.withheld` gives the reason.",
    proves_not="That a value was written at that time: it may be any other of its key. When a deleted key or value was deleted, or that it "
    "is younger than what is live at its place.",
    holds=WholeHive(),
    targets=("WR01", "WR02", "WR03", "WR04", "WR06"),
    needs=("profiles", "users", "control_set"),
    fields=(*fields.REGISTRY_FIELDS, *records.FIELDS),
    times=fields.TIMES,
    kind="state",
    category=("registry", "configuration"),
    type=("info",),
    action=VALUE_ACTION,
    message="{registry.path!q} [is {registry.data.strings!q}|has data of type {registry.data.type}[ that is not recorded: "
    "{escadre.registry.withheld}]|is a key without values][{?@timestamp}; the time is the last write of its key].",
    unpromised=("deleted",),
    sources=(
        *fields.SOURCES,
        "Containerized registry hives in Windows, M. Suhanov",
        "Recovering Deleted Data From the Windows Registry, T. Morgan, DFRWS 2008",
    ),
)


def expected(view: RegistryView | SecondView) -> int | None:
    """Return how many values and keys without values the cells of the hive promise, counted without the tree."""
    return view.survey.promised if isinstance(view, RegistryView) else None


def parse(view: RegistryView | SecondView, host: Host) -> Iterator[RecordBatch | Problem]:  # noqa: ARG001
    """Yield one record per value, and one per key without values."""
    if isinstance(view, SecondView):
        for key in view.keys:
            yield Problem(key) if isinstance(key, str) else records.of_second(view.at, key)
        return
    made = records.HiveRecords(view.hive, view.at, view.control_set)
    yield from made.of_keys(view.hive.walk())
    if made.answers:
        yield Problem(f"{made.answers:,} values whose cells our reader refused were read by {NAME}; escadre.registry.reader marks them")
    if made.cuts:
        yield Problem(f"{made.cuts:,} values of more than {fields.LARGEST_VALUE:,} bytes were cut; escadre.cut marks them")
    lost = recover(view.hive, view.survey, made.live)
    yield from fenced(lost, lambda found: f"{found.key.offset:#x}" if found.key else "?", made.of_recovered)
    if made.unlisted:
        yield Problem(
            f"{made.unlisted:,} records of allocated cells that no list of the tree names: hidden, or its list is damaged; state carved"
        )
