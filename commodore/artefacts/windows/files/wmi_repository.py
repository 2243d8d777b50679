"""The WMI repository: namespaces, classes, and objects such as event filters, consumers and their bindings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.fence import fenced
from commodore.host import Host
from commodore.readers.wmi.carve import CarvedObject, carve
from commodore.readers.wmi.classes import ClassDefinition
from commodore.readers.wmi.index import Pointer
from commodore.readers.wmi.instances import ClassInstance
from commodore.readers.wmi.opened import GROUP, OpenedRepository
from commodore.readers.wmi.repository import BROKEN, InstancePlace, WmiRepository
from commodore.readers.wmi.subscriptions import Subscriptions, absolute, kind_of
from commodore.readers.wmi.values import Value, as_text
from commodore.record import Raised
from scout.formats.regf.data import filetime, sid

ARTEFACT = Artefact(
    name="wmi_repository",
    title="WMI repository",
    about="Namespaces, classes and objects that WMI keeps: event filters, consumers and the bindings between them, with which something "
    "runs without a file or a key of its own; timers, providers, and classes whose properties hold data. A consumer has the queries of the "
    "filters that are bound to it. Objects that were deleted are carved from unused pages and free space.",
    proves_not="That a consumer ran: a binding only says that it would. A deleted object has no namespace where no page of the index still "
    "names it.",
    match=("Windows/System32/wbem/Repository/OBJECTS.DATA", "Windows/System32/wbem/Repository/FS/OBJECTS.DATA", "**/OBJECTS.DATA"),
    targets=("WP02",),
    group=GROUP,
    needs=("users",),
    fields=(
        "escadre.wmi.bindings",
        "escadre.wmi.class",
        "escadre.wmi.filters",
        "escadre.wmi.namespace",
        "escadre.wmi.object",
        "escadre.wmi.path",
        "escadre.wmi.superclass",
        "escadre.settings",
        "escadre.trigger",
        "process.command_line",
        "user.id",
        "user.name",
    ),
    times={"@timestamp": "WMI wrote the object or class last"},
    kind="state",
    category=("configuration",),
    type=("info",),
    action="wmi-object-observed",
    attack=("T1546.003",),
    message="The WMI repository has the {escadre.wmi.object} {escadre.wmi.path!q}[, which runs {process.command_line!q}].",
    unpromised=("deleted", "carved"),
    sources=(
        "WMI repository file format, J. Metz, libyal (dtformats)",
        "Windows Management Instrumentation (WMI): Offense, Defense, and Forensics, FireEye 2015",
        "[MS-WMIO] Windows Management Instrumentation Encoding, section 2.2",
    ),
)

_MOST_TEXT = 256 << 10
"""characters of all settings of an object"""


def expected(evidence: Evidence) -> int:
    """Return how many classes and objects the index names."""
    repository = evidence.once(OpenedRepository).repository
    return sum(map(len, repository.classes.values())) + len(repository.instances)


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:
    """Yield classes, then objects, in the order of the index; then what is not in the index, by offset."""
    opened = evidence.once(OpenedRepository)
    yield from opened.problems
    repository, seen = opened.repository, set[str]()
    bound = Subscriptions(repository)
    yield from fenced(repository.each_class(), lambda one: _locator(one[2]), lambda one: _once(_class_record(repository, *one), seen))
    yield from fenced(
        repository.instances,
        lambda place: _locator(place.pointer),
        lambda place: _once(_instance_record(repository, place, bound, host), seen),
    )
    carved = carve(repository, opened.tree, opened.used)
    for item in fenced(carved, lambda one: f"offset {one.offset:#x}", partial(_carved_record, repository, host=host)):
        yield item._replace(lost=0) if isinstance(item, Raised) else item  # nothing promised what is not in the index


def _once(made: Record | Problem, seen: set[str]) -> Iterator[Record | Problem]:
    """Yield the record, or a problem where the index names the same record twice."""
    if made.locator in seen and isinstance(made, Record):
        yield Problem("the index names this record twice", made.locator, lost=1)
        return
    seen.add(made.locator)
    yield made


def _locator(pointer: Pointer) -> str:
    return f"{pointer.page}.{pointer.id}"


def _class_record(repository: WmiRepository, namespace: str, hashed: str, pointer: Pointer) -> Record | Problem:
    try:
        layout = repository.layout(namespace, hashed)
        fields = _of_class(repository.definition(namespace, hashed), repository.namespace(namespace), dict(layout.own))
    except BROKEN as e:
        return Problem(f"a class of {repository.namespace(namespace)} could not be read: {e}", _locator(pointer), lost=1)
    return Record(_locator(pointer), fields)


def _instance_record(repository: WmiRepository, place: InstancePlace, bound: Subscriptions, host: Host) -> Record | Problem:
    namespace = repository.namespace(place.namespace)
    try:
        fields = _of_instance(repository.instance(place), namespace, host)
    except BROKEN as e:
        return Problem(f"an object of {namespace} could not be read: {e}", _locator(place.pointer), lost=1)
    if fields["escadre.wmi.object"] == "consumer":
        fields |= bound.of(fields["escadre.wmi.path"])
    return Record(_locator(place.pointer), fields)


def _carved_record(repository: WmiRepository, one: CarvedObject, host: Host) -> Iterator[Record | Problem]:
    namespace = repository.namespace(one.namespace) if one.namespace else ""
    if one.instance is not None:
        fields = _of_instance(one.instance, namespace, host)
    elif one.definition is not None:
        fields = _of_class(one.definition, namespace, {})
    yield Record(f"offset {one.offset:#x}", fields, one.state)


def _of_class(definition: ClassDefinition, namespace: str, own: dict[str, Value]) -> dict[str, Any]:
    values = {**{f"[{name}]": value for name, value in definition.qualifiers.items() if name in ("provider", "dynamic")}, **own}
    return {
        "escadre.wmi.object": "class",
        "escadre.wmi.class": definition.name,
        "escadre.wmi.path": absolute(namespace, definition.name),
        **_present({"escadre.wmi.namespace": namespace, "escadre.wmi.superclass": definition.superclass}),
        **_present({"@timestamp": filetime(definition.time), "escadre.settings": _settings(values)}),
    }


def _of_instance(instance: ClassInstance, namespace: str, host: Host) -> dict[str, Any]:
    owner = instance.values.get("CreatorSID")
    user = sid(owner) if isinstance(owner, bytes) and owner else ""
    kind = kind_of(instance.layout.chain)
    command = instance.text("CommandLineTemplate") or instance.text("ExecutablePath") or instance.text("ScriptFileName")
    return {
        "escadre.wmi.object": kind,
        "escadre.wmi.class": instance.layout.name,
        "escadre.wmi.path": absolute(namespace, instance.path),
        **_present({"escadre.wmi.namespace": namespace, "@timestamp": filetime(instance.time), "user.id": user}),
        **_present({"user.name": host.users.get(user, ""), "process.command_line": command if kind == "consumer" else ""}),
        **_present({"escadre.settings": _settings(dict(instance.values))}),
    }


def _settings(values: dict[str, Value]) -> list[str]:
    """Return `Name=value` of the properties that have a value."""
    left, made = _MOST_TEXT, []
    for name, value in values.items():
        if value is None or left <= 0:
            continue
        text = as_text(value)
        made.append(f"{name}={text[:left]}" + ("… (cut)" if len(text) > left else ""))
        left -= len(text)
    return made


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
