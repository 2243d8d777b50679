"""pandas through DuckDB and pandas on the JSON lines give the same table; exports are data and nothing else."""

from __future__ import annotations

import csv
import json
import os
import shutil
import stat
import warnings

import pandas as pd
import pyarrow.parquet as pq
import pytest
import zstandard

import commodore
from commodore import catalogue, record
from commodore.case import columns, jsonl, tables
from commodore.case.export import FORMATS, export, moments
from commodore.case.reader import CaseReader
from commodore.case.tables import column, files
from commodore.engine.process import process
from commodore.reference import main as reference
from commodore.spreadsheet import cell, line
from scout.console import Complaint
from tests.commodore.cases import commodore as run
from tests.trees import linux_tree, windows_tree


@pytest.fixture(scope="module")
def case(corpus, tmp_path_factory):
    place = tmp_path_factory.mktemp("tables")
    logs = place / "PC" / "Windows" / "System32" / "winevt" / "Logs"
    logs.mkdir(parents=True)
    samples = corpus / "evtx/omerbenamram+evtx/samples"
    for name in ("security.evtx", "sysmon.evtx", "system.evtx"):
        shutil.copy(samples / name, logs)
    process([place / "PC"], place / "case", workers=2)
    return place / "case"


def lines_of(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas announces that convert_dates will go
        return pd.read_json(path, lines=True, dtype=False, convert_dates=False)


def from_lines(path):
    return commodore.astype(lines_of(path))


def test_read_and_read_json_agree_in_columns_dtypes_and_values(case):
    (path,) = files(case, "evtx")
    a, b = commodore.read(case, "evtx"), from_lines(path)
    assert len(a) > 2000
    pd.testing.assert_frame_equal(a, b)
    assert str(a["@timestamp"].dtype) == "datetime64[ns, UTC]"
    assert str(a["winlog.record_id"].dtype) == "str"
    assert str(a["process.pid"].dtype) == "Int64"


@pytest.fixture(scope="module")
def trees(corpus, tmp_path_factory):
    """A case of a whole Windows tree and a whole Linux tree: every dataset that files give, of each at most some ten thousand records."""
    place = tmp_path_factory.mktemp("trees")
    windows_tree(corpus, place / "PC")
    linux_tree(corpus, place / "web")
    (place / "web" / "etc" / "cron.d" / "007").write_text("7 0 * * * 007 /usr/bin/true 007\n")
    process([place / "PC", place / "web"], place / "case", workers=2)
    for path in place.glob("case/records/*/*.zst"):
        _thin(path)
    return place / "case"


def _thin(path, most=20_000):
    """Leave every n-th record of a file that has more than `most`: those of `registry` are two hundred megabytes of the same few fields."""
    lines = list(jsonl.lines(path))
    if len(lines) > most:
        kept = lines[:: len(lines) // most + 1]
        path.write_bytes(zstandard.compress(b"".join(line + b"\n" for line in kept)))


def test_every_dataset_is_the_same_table_both_ways(trees):
    datasets = sorted([*(p.name for p in (trees / "records").iterdir()), "finding"])
    assert {"evtx", "mft", "services", "prefetch", "cron", "auth_log", "utmp", "process_tree", "missing_targets"} <= set(datasets)
    for dataset in datasets:
        whole, parts = commodore.read(trees, dataset), [lines_of(path) for path in files(trees, dataset)]
        pd.testing.assert_frame_equal(whole, commodore.astype(pd.concat(parts, ignore_index=True)), obj=dataset)
        assert len(whole) == sum(map(len, parts))


def test_digits_of_a_record_stay_text_both_ways(trees):
    users = commodore.read(trees, "cron", ["user.name"])["user.name"]
    assert "007" in users.tolist()
    assert "007" in from_lines(files(trees, "cron")[0])["user.name"].tolist()


def test_a_dataset_without_any_time_has_the_column_all_the_same(tmp_path):
    (tmp_path / "web" / "etc").mkdir(parents=True)
    (tmp_path / "web" / "etc" / "crontab").write_text("7 0 * * * root /usr/bin/true\n")
    process([tmp_path / "web"], tmp_path / "case", workers=1)
    read, lines = commodore.read(tmp_path / "case", "cron"), from_lines(files(tmp_path / "case", "cron")[0])
    pd.testing.assert_frame_equal(read, lines)
    assert str(read["@timestamp"].dtype) == "datetime64[ns, UTC]"
    assert read["escadre.times"].tolist() == [[]]
    export(tmp_path / "case", tmp_path / "out", "parquet")
    assert {"@timestamp", "escadre.times"} <= set(pd.read_parquet(tmp_path / "out" / "cron.parquet").columns)


def test_where_and_columns_choose(case):
    got = commodore.read(case, ["evtx"], ["event.code", "user.name"], "\"event.code\" = '4624'")
    assert list(got.columns) == ["event.code", "user.name"]
    assert set(got["event.code"]) == {"4624"}


@pytest.mark.parametrize("wrong", [{"datasets": "evtz"}, {"columns": ["no.such"]}, {"where": "event.code = "}])
def test_a_wrong_question_is_a_complaint(case, wrong):
    with pytest.raises(Complaint):
        commodore.read(case, **({"datasets": "evtx"} | wrong))


def test_digits_stay_text_and_far_times_stay_as_they_are():
    assert column("event.code", pd.Series(["007", None])).tolist()[0] == "007"
    far = column("@timestamp", pd.Series(["9999-12-31T23:59:59Z", "2020-01-01T00:00:00Z"]))
    assert far.tolist() == ["9999-12-31T23:59:59Z", "2020-01-01T00:00:00Z"]
    exact = column("@timestamp", pd.Series(["2025-12-06T21:11:02.6491508Z", None]))
    assert exact[0].value % 10**9 == 649_150_800


def test_parquet_has_every_record(case, tmp_path):
    export(case, tmp_path, "parquet")
    table = pd.read_parquet(tmp_path / "evtx.parquet")
    assert len(table) == len(commodore.read(case, "evtx", ["escadre.id"]))


def test_a_csv_cell_is_never_a_formula(case, tmp_path):
    assert [cell(v) for v in ("=1+1", "+x", "-x", "@x", "\tx", -5, "-5", None, True, "plain", [1], "a\r\n=b\0")] == [
        "'=1+1",
        "'+x",
        "'-x",
        "'@x",
        "\\tx",
        "-5",
        "-5",
        "",
        "true",
        "plain",
        "[1]",
        "a\\r\\n=b\\x00",
    ]
    export(case, tmp_path, "csv", ["evtx"])
    with (tmp_path / "evtx.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert len(rows) == len(commodore.read(case, "evtx", ["escadre.id"])) + 1
    assert not any(c.startswith(("=", "+", "@")) for row in rows[1:] for c in row)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_no_separator_makes_a_formula_of_a_part_of_a_cell(separator):
    """Read as a program does that takes another separator than the comma: quotes within a field are then text."""
    for act in "=+-@\uff1d":
        for before in ("", "x", 'x"', "x'", 'x "', "x\n", "x\r", "x\t"):
            for way in (";", "; ", ';"', "|", "\t", "\n", ";;", ","):
                text = f"{before}{way}{act}cmd|' /C calc'!A0"
                made = line(["first", text, "last"])
                assert made.count("\n") == 1
                for row in csv.reader([made], delimiter=separator):
                    bare = [part.lstrip("\"' ") for part in row if not part.startswith("'")]
                    assert not any(part.startswith(act) for part in bare), (text, row)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no mode bits")
@pytest.mark.parametrize("form", FORMATS)
def test_exports_are_private_whatever_the_umask(case, tmp_path, form):
    before = os.umask(0)
    try:
        (tmp_path / "old").mkdir()
        (tmp_path / "old" / "evtx.csv").write_text("old")
        made = export(case, tmp_path / "old", form, ["evtx"]) + export(case, tmp_path / "new" / "below", form, ["evtx"])
    finally:
        os.umask(before)
    assert {stat.S_IMODE(one.path.stat().st_mode) for one in made} == {0o600}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == stat.S_IMODE((tmp_path / "new" / "below").stat().st_mode) == 0o700


def test_timesketch_gets_one_row_per_time_and_meaning(case, tmp_path):
    (made,) = export(case, tmp_path, "timesketch", ["evtx"])
    assert (made.records, made.timeless) == (len(commodore.read(case, "evtx", ["escadre.id"])), 0)
    rows = [json.loads(line) for line in made.path.read_text().splitlines()]
    assert all({"message", "datetime", "timestamp", "timestamp_desc"} <= row.keys() for row in rows)
    assert len(rows) >= len(commodore.read(case, "evtx", ["escadre.id"]))
    state = {
        "event.kind": "state",
        "@timestamp": "2020-01-01T00:00:00Z",
        "file.created": "2020-01-01T00:00:00Z",
        "file.mtime": "2021-01-01T00:00:00Z",
    }
    assert list(moments(state)) == [("2020-01-01T00:00:00Z", "file created"), ("2021-01-01T00:00:00Z", "file mtime")]


def test_the_meaning_of_a_time_is_a_few_words(trees, tmp_path):
    (made,) = export(trees, tmp_path, "timesketch")
    meanings = {json.loads(line)["timestamp_desc"] for line in made.path.read_text().splitlines()}
    assert len(meanings) > 5
    assert max(len(words.split()) for words in meanings) <= 5, meanings


def test_records_without_a_time_are_counted_and_in_the_csv(trees, tmp_path):
    (made,) = export(trees, tmp_path, "timesketch", ["cron"])
    assert made.timeless == made.records > 0 and made.path.read_text() == ""
    (table,) = export(trees, tmp_path, "csv", ["cron"])
    with table.path.open(encoding="utf-8", newline="") as stream:
        assert len(list(csv.reader(stream))) == made.records + 1
    done = run("export", trees, "-o", tmp_path / "out", "--format", "timesketch", "--dataset", "cron")
    assert f"{made.records} records without any time" in done.stdout


def test_parquet_times_are_timestamps_and_what_does_not_fit_stays_as_text(tmp_path):
    times = ["2025-12-06T21:11:02.6491508Z", "9999-12-31T23:59:59Z", None, "1601-01-01T00:00:00.0000001Z"]
    place = tmp_path / "records" / "mft"
    place.mkdir(parents=True)
    (tmp_path / "case.json").write_text("{}")
    rows = [
        {"@timestamp": time, "escadre.times": [t for t in (time, "2020-01-01T00:00:00Z") if t], "escadre.id": str(n)}
        for n, time in enumerate(times)
    ]
    (place / "c.jsonl.zst").write_bytes(zstandard.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    (made,) = export(tmp_path, tmp_path / "out", "parquet")
    table = pq.read_table(made.path)
    assert made.records == 4 and str(table.schema.field("@timestamp").type) == "timestamp[ns, tz=UTC]"
    assert table["@timestamp"].cast("int64").to_pylist() == [1765055462649150800, None, None, None]
    assert table["@timestamp.raw"].to_pylist() == [None, times[1], None, times[3]]
    assert str(table.schema.field("escadre.times").type) == "list<element: timestamp[ns, tz=UTC]>"
    assert table["escadre.times.raw"].to_pylist() == [None, rows[1]["escadre.times"], None, rows[3]["escadre.times"]]


def test_findings_are_a_dataset(trees, tmp_path):
    found = commodore.read(trees, "finding")
    assert len(found) == sum(1 for _ in CaseReader(trees).findings()) > 0
    assert set(commodore.read(trees, "finding", ["rule.id"], "\"escadre.severity\" = 'high'")["rule.id"]) <= set(found["rule.id"])
    for form in ("parquet", "csv", "timesketch"):
        made = export(trees, tmp_path / form, form, ["finding"])
        assert [one.records for one in made] == [len(found)], form
    assert len(pd.read_parquet(tmp_path / "parquet" / "finding.parquet")) == len(found)


def test_several_datasets_are_one_table(trees):
    whole = commodore.read(trees)
    assert set(whole["event.dataset"]) >= {"mft", "cron", "finding", "utmp"}
    for name in ("escadre.member", "process.pid", "@timestamp", "message"):
        assert str(whole[name].dtype) == {"@timestamp": str(whole["@timestamp"].dtype), "message": "str"}.get(name, "Int64"), name
    one = commodore.read(trees, "mft")
    part = whole[whole["event.dataset"] == "mft"].reset_index(drop=True)
    assert part["escadre.id"].tolist() == one["escadre.id"].tolist()
    assert part["file.size"].tolist() == one["file.size"].tolist()


def test_only_the_fields_of_the_dataset_are_read(trees, monkeypatch):
    seen = []
    monkeypatch.setattr(tables, "source", lambda paths, names: seen.append(list(names)) or columns.source(paths, seen[-1]))
    commodore.read(trees, "cron", where="\"user.name\" = 'root'")
    declared = catalogue.artefacts()["cron"].artefact.fields
    assert set(seen[0]) <= {*declared, *record.ENGINE_FIELDS, *record.DEFAULTS} | {"user.name"}


def test_the_reference_is_generated_and_a_changed_page_is_told(tmp_path, capsys):
    pages, readers = str(tmp_path), str(tmp_path / "readers.json")
    assert reference([pages, readers]) == 0
    assert reference([pages, readers, "--check"]) == 0
    assert json.loads((tmp_path / "readers.json").read_text())["LF06"] == ["auth_log", "utmp"]
    assert "winlog.channel" in (tmp_path / "evtx.md").read_text()
    (tmp_path / "evtx.md").write_text("changed")
    assert reference([pages, readers, "--check"]) == 1
    assert "evtx.md" in capsys.readouterr().out
