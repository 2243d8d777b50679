"""The lines that the registry dataset writes itself are the records that the engine would make of the same keys and values, one by one."""

from __future__ import annotations

import json
from struct import pack_into

from hypothesis import example, given, settings
from hypothesis import strategies as st

from commodore.artefacts.windows.registry import registry
from commodore.engine.assemble import Assembler, line
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.hives import fields
from commodore.readers.hives.places import key_place
from commodore.readers.hives.secrets import is_password, withheld_class, withheld_values
from commodore.record import Record, RecordBatch
from commodore.sentence import short, shown
from fixtures.hives.writer import Image, Key, Value
from scout.formats.regf.data import type_name, typed
from scout.formats.regf.log import checksum

TIME = 132_000_000_000_000_000
LSA = "ControlSet001\\Control\\Lsa\\JD"
"""a key whose class name no record has"""
SECRET = (
    "SAM\\Domains\\Account\\Users\\000001F4",
    "Cache",
    "Policy\\Secrets\\x\\CurrVal",
    "a\\IntelliForms\\Storage2",
    "a\\b\\c\\cached\\d",
)
"""keys of which some values are withheld, by a name of theirs or above them; the last is none"""
PATHS, WITHHELD = (LSA, *SECRET), ("V", "F", "NL$1", "")
odd = st.text(st.characters(), min_size=1, max_size=40) | st.text('ab "`\\\0\n\u202e.{}%;,', min_size=1, max_size=12)
LONE, LONGEST, CLOSES = "a\udc00b", "x" * 255, '","a":"'
"""a lone surrogate, the longest name of a key, a text that ends a member of JSON"""
names = odd | st.sampled_from(["Default Password", "DefaultPassword", LONGEST, LONE, "\U0001f30d", CLOSES, "\\", " ", "."])
data = st.tuples(
    st.sampled_from([0, 1, 2, 3, 4, 5, 7, 11, 0xFFFF0012]),
    st.binary(max_size=40) | names.map(lambda text: f"{text}\0".encode("utf-16-le", "surrogatepass")) | st.just(b"x" * 300),
)
keys = st.lists(
    st.tuples(names | st.sampled_from(PATHS), st.lists(st.tuples(names | st.sampled_from(["", "V", "F", "NL$1"]), data), max_size=3)),
    min_size=1,
    max_size=3,
)


def image(described: list, *, classes: str, minor: int, flags: int) -> tuple[bytes, list[Key]]:
    """A hive with these keys below its root, all of a class, and with the marks of a differencing hive."""
    root, made = Key("ROOT", TIME), []
    for path, values in described:
        key = root.at(path) if path in PATHS else Key(path, TIME)
        if path not in PATHS:
            root.keys.append(key)
        key.values += [Value(name, kind, raw) for name, (kind, raw) in values]
        made.append(key)
    hive = Image(root, TIME, "x")
    encoded = classes.encode("utf-16-le")
    for key in made:
        if encoded:
            pack_into("<I", hive.bins, key.offset + 4 + 48, hive.cell(encoded))
            pack_into("<H", hive.bins, key.offset + 4 + 74, len(encoded))
        hive.bins[key.offset + 4 + 13] |= flags & 3
        for value in key.values:
            hive.bins[value.offset + 4 + 16] |= flags & 2
    content = bytearray(hive.hive())
    pack_into("<I", content, 24, minor)
    pack_into("<I", content, 508, checksum(content))
    return bytes(content), made


def one_by_one(view, assembler: Assembler, layered: bool) -> list[dict]:
    """The records that the engine makes of fields, without the text of the quick way."""
    made = []
    for key in view.hive.walk():
        common = view.key_fields(key)
        control_set, unified = key_place(view.at, key.path, view.control_set)
        if control_set:
            common |= {"escadre.registry.control_set": control_set, "escadre.registry.current": control_set == view.control_set}
        if unified:
            common["escadre.registry.unified"] = unified
        common["escadre.registry.owner"] = key.owner
        hidden = withheld_class(key.path) if key.class_name else ""
        if hidden:
            common["escadre.registry.withheld"] = hidden
        elif key.class_name:
            common["escadre.registry.class"] = key.class_name
        end = "; the time is the last write of its key." if common.get("@timestamp") else "."
        values = list(key.values())
        if not values:
            layer = {"escadre.registry.layer": key.layer} if layered and key.layer else {}
            message = f"{shown(common['registry.path'])} is a key without values{end}"
            made.append(Record(fields.locator(key), {**common, **layer, "event.action": "registry-key-observed", "message": message}))
        for value in values:
            own = common | view.value_fields(key, value)
            reason = (withheld_values(key.path) or is_password)(value.name, value.kind)
            words = f"has data of type {type_name(value.kind)}" if value.raw else f"has no data, type {type_name(value.kind)}"
            texts, whole = typed(value.kind, value.raw)
            if reason:
                own["escadre.registry.withheld"] = reason
                words = f"has data of type {type_name(value.kind)} that is not recorded: {reason}"
            elif texts:
                words = f"is {shown(short(', '.join(texts)))}"
            if whole or reason:
                del own["registry.data.bytes"]
            if reason:
                own.pop("registry.data.strings", None)
            if layered and (value.hides or key.layer):
                own["escadre.registry.layer"] = "tombstone" if value.hides else key.layer
            message = f"{shown(own['registry.path'])} {words}{end}"
            made.append(Record(fields.locator(key, value), own | {"event.action": "registry-value-observed", "message": message}))
    return [json.loads(line(assembler.record(record))) for record in made]


def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of which no member is there twice."""
    assert len(dict(pairs)) == len(pairs), [name for name, _ in pairs]
    return dict(pairs)


@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(described=keys, classes=st.sampled_from(["", "class", '"\n']), minor=st.sampled_from([5, 6]), flags=st.integers(0, 3))
@example(described=[(LSA, [("DefaultPassword", (1, b"x\0\0\0"))])], classes="secret", minor=5, flags=0)
@example(described=[(LSA, [("Plain", (1, b"x\0\0\0"))])], classes="secret", minor=5, flags=0)
@example(described=[(LSA, [("DefaultPassword", (1, b"x\0\0\0"))])], classes="secret", minor=6, flags=3)
@example(
    described=[(SECRET[0], [("V", (3, b"x" * 20)), ("F", (3, b"y"))]), (SECRET[3], [("x", (1, b"x\0\0\0"))])], classes="", minor=5, flags=0
)
@example(
    described=[(SECRET[1], [("NL$1", (3, b"x"))]), (SECRET[2], [("", (3, b"x"))]), (SECRET[4], [("V", (3, b"x"))])],
    classes="",
    minor=5,
    flags=0,
)
@example(described=[("k", [('","escadre.registry.withheld":', (1, b"x\0\0\0"))])], classes="", minor=6, flags=1)
def test_a_line_is_the_record_that_the_engine_makes_of_the_same_fields(described, classes, minor, flags):
    content, _ = image(described, classes=classes, minor=minor, flags=flags)
    source = 'C:\\Users\\a "b\\NTUSER.DAT'
    host = Host("c", profiles={"S-1-5-21-7": 'C:\\Users\\a "b'}, users={"S-1-5-21-7": 'a "b'})
    offered = [registry.ARTEFACT.holds.open(Evidence(source, content), host).offer(registry.ARTEFACT.holds) for _ in range(2)]
    quick, slow = (Assembler(registry.ARTEFACT, collection="c", member=1, source=source, host_name="h") for _ in range(2))
    batches = [item for item in registry.parse(offered[0], host) if isinstance(item, RecordBatch)]
    lines = b"".join(quick.text(batch) for batch in batches).splitlines()
    expected = one_by_one(offered[1], slow, minor >= 6)
    found = [json.loads(text, object_pairs_hook=unique) for text in lines]
    assert [record.pop("escadre.registry.profile") for record in found] == ['C:\\Users\\a "b'] * len(found)
    assert found == expected
    apart = [json.loads(line(slow.record(record))) for batch in batches for record in batch.each()]
    assert [{**record, "escadre.id": "", "escadre.locator": ""} for record in apart] == [
        {**record, "escadre.id": "", "escadre.locator": "", "escadre.registry.profile": 'C:\\Users\\a "b'} for record in found
    ]
