"""The fields of the index, and how each field of the registry is kept in it.

- `_all`: the words of every value that is a term of its own, with positions. `_times`: those of times; `_single`: values that are one word,
  as numbers, which no pattern with other signs and no words in a row can match, so it has no positions; `_rest`: words of the other values,
  as very long ones. Each text field of the registry (`message`, `escadre.reason`) has words of its own. A bare word is looked up in all.
- `p:<field>`: a text field cut at blanks only, so that a pattern with other signs (`*.exe"*`) is a set of terms there, and one with blanks
  a row of them (eye.query.words: cut_for_terms).
- A keyword field has its values as terms, without case, under its own name; those that pages and dashboards count by (HOT) have a column
  too. Numbers, addresses and booleans have a column under their own name, times (nanoseconds since 1970 UTC) under `t:<field>`.
- `_pair`: one term `field.key US value` per leaf of a free-form object, case kept, and `field US value` for an address as it is written.
- `_names`: the code of the fields that a record has, so `_exists_` is a set of few terms, and OTHERS where it has words in `_rest`;
  `_shapes` lists, in the first record of a file that has them, `code US field US field …`.
- `_when`, `_second`: `@timestamp` in nanoseconds and in seconds. `_row`: number of the record. `_part`: the file that it came from.
- `_high`, `_low`: `escadre.id`, a number of 128 bits, in two columns, and its first three digits in `_pair`: a term per record would cost a
  fifth of the build. NUMBERED fields are a column `n:<field>` for the same reason, and a term in `_pair` where a value is no whole
  number or not the only one.
- `_line`: the JSON line (SWAPPED), stored in compressed blocks.

Source of the index format: tantivy 0.27, `SchemaBuilder`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import tantivy

from commodore.schema import registry
from eye.query.words import ANALYZER, NOT_SEARCHED, analyzer

US = "\x7f"
"""Separator between the name of a field and a value: a control character that JSON need not escape, which would cost time at each value."""
SWAPPED = bytes.maketrans(b'"\\\x7f^', b'\x7f^"\\')
"""A line is stored with quotes and backslashes exchanged for two rare signs, for the same reason; exchanged again, it is as it was."""
ALL, TIMES, REST, SINGLE, PAIR, NAMES, SHAPES, WHEN, SECOND, PART, LINE = (
    "_all",
    "_times",
    "_rest",
    "_single",
    "_pair",
    "_names",
    "_shapes",
    "_when",
    "_second",
    "_part",
    "_line",
)
POSITIONED = (ALL, TIMES, REST)
WORDS = (*POSITIONED, SINGLE)
OTHERS = "others"
"""The term in `_names` of records with words in `_rest`."""
UNTIMED = "_untimed"
"""1 for a record without a time, none for others: such records come last in the order of time, whichever its direction."""
NUMBER = ROW = "_row"
"""The number of a record, also the key under which a record that was read back carries it."""
HIGH, LOW = "_high", "_low"
ID, ID_HEAD = "escadre.id", f"escadre.id#{US}"
TIME = "@timestamp"
NANO = 1_000_000_000
FOLDED, PIECES = "folded", "pieces"
"""Tokenizers of keyword fields (the whole value in lower case) and of texts cut at blanks."""

HOT = (
    "host.name",
    "event.dataset",
    "event.action",
    "event.code",
    "event.category",
    "user.name",
    "process.name",
    "process.parent.name",
    "escadre.state",
    "winlog.channel",
    "winlog.provider_name",
    "rule.id",
    "escadre.severity",
    "threat.technique.id",
)
"""Keyword fields with a column: what pages and dashboards count by."""
NUMBERED = frozenset({"winlog.record_id", "escadre.event.record_id"})
"""Keyword fields whose values are whole numbers, nearly each another one."""
_ENGINE_COLUMNS = {"long": "integer", "double": "float", "ip": "ip_addr"}


def text_fields() -> list[str]:
    """Fields of type text: each has words of its own."""
    return [f.name for f in registry().values() if f.type == "text" and f.name not in NOT_SEARCHED]


def pieces_of(name: str) -> str:
    """The field with the pieces of a text field."""
    return f"p:{name}"


def hot_fields() -> list[str]:
    """The hot fields that the registry has."""
    return [name for name in HOT if name in registry()]


def has_terms(name: str) -> bool:
    """Return whether a keyword field has its values as terms."""
    return name not in NUMBERED and name not in NOT_SEARCHED


@cache
def schema() -> tantivy.Schema:
    """The tantivy schema."""
    builder = tantivy.SchemaBuilder()
    for name in (*POSITIONED, *text_fields()):
        builder.add_text_field(name, tokenizer_name=ANALYZER, index_option="position")
    builder.add_text_field(SINGLE, tokenizer_name=ANALYZER, index_option="basic")
    for name in text_fields():
        builder.add_text_field(pieces_of(name), tokenizer_name=PIECES, index_option="position")
    for name in (PAIR, NAMES, SHAPES, PART):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field(NUMBER, fast=True, indexed=True)
    for name in (HIGH, LOW, UNTIMED):
        builder.add_unsigned_field(name, fast=True)
    for name in (WHEN, SECOND):
        builder.add_integer_field(name, fast=True)
    builder.add_text_field(LINE, stored=True)
    hot = hot_fields()
    for field in registry().values():
        if field.type == "keyword" and has_terms(field.name):
            builder.add_text_field(field.name, fast=field.name in hot, tokenizer_name=FOLDED, index_option="basic")
        elif field.name in NUMBERED:
            builder.add_unsigned_field(column(field.name), fast=True)
        elif field.type == "boolean":
            builder.add_boolean_field(field.name, fast=True, indexed=True)
        elif field.type == "date" and field.name != TIME:
            builder.add_integer_field(column(field.name), fast=True)
        elif field.type in _ENGINE_COLUMNS:
            getattr(builder, f"add_{_ENGINE_COLUMNS[field.type]}_field")(field.name, fast=True)
    return _bare(builder.build())


def _bare(built: tantivy.Schema) -> tantivy.Schema:
    """The schema without what the builder cannot leave out: lengths of values, which only scores need, and words of the stored line.

    The form is tantivy's own, as its `meta.json` has it.
    """
    reduced: Any = built.__reduce__()
    make, (about,) = reduced
    for one in about["inner"]:
        if one["name"] == LINE:
            one["options"]["indexing"] = None
        elif (one["options"].get("indexing") or {}).get("fieldnorms"):
            one["options"]["indexing"]["fieldnorms"] = False
        elif one["options"].get("fieldnorms"):
            one["options"]["fieldnorms"] = False
    bare: tantivy.Schema = make(about)
    return bare


def opened(folder: str) -> tantivy.Index:
    """The index in a folder, made if it is not there. Raises ValueError where it does not read."""
    found = tantivy.Index(schema(), folder, reuse=True)
    found.register_tokenizer(ANALYZER, analyzer())
    found.register_tokenizer(FOLDED, tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw()).filter(tantivy.Filter.lowercase()).build())
    found.register_tokenizer(PIECES, tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).filter(tantivy.Filter.lowercase()).build())
    found.register_fast_field_tokenizer(FOLDED, tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw()).build())  # a column keeps the case
    return found


def column(name: str) -> str:
    """The column of a field of type number, time or address, or of a numbered one."""
    if name == TIME:
        return WHEN
    if name in NUMBERED:
        return f"n:{name}"
    known = registry().get(name)
    return f"t:{name}" if known is not None and known.type == "date" else name


def pair(name: str, value: str) -> str:
    """The term of a value in `_pair`."""
    return f"{name}{US}{value}"


def whole_number(text: str) -> int | None:
    """The number that a value of a numbered field is; None for text that is no plain number of 64 bits."""
    plain = text.isascii() and text.isdigit() and len(text) < 20 and (text[0] != "0" or text == "0")
    return int(text) if plain else None
