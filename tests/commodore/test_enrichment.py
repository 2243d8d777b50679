"""What a case knows of a value: counted by an independent scan of its records; facts of sources that are made here, byte by byte."""

import collections
import ipaddress
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
import zstandard

from commodore import process
from commodore.case.reader import CaseReader
from commodore.enrichment import entities, kinds
from commodore.enrichment.sources import recognised
from commodore.enrichment.sources.hashes import HashList
from commodore.enrichment.sources.ranges import StandardRanges, special
from commodore.schema import registry
from scout.console import Complaint
from tests.commodore.cases import commodore
from tests.commodore.mmdb import database
from tests.conftest import ROOT

LINE = "Oct 31 21:{m:02}:{s:02} {host} sshd[{pid}]: Accepted password for {user} from {source} port 40022 ssh2\n"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def host(place, name, logins):
    root = place / name
    (root / "var" / "log").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "etc" / "hostname").write_text(f"{name}\n")
    text = "".join(LINE.format(m=n // 60, s=n % 60, host=name, pid=n + 1, user=user, source=ip) for n, (user, ip) in enumerate(logins))
    (root / "var" / "log" / "auth.log").write_text(text)
    return root


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    place = tmp_path_factory.mktemp("entities")
    hosts = [
        host(place, "web", [("root", "203.0.113.9")] * 3 + [("alice", "10.0.0.5")]),
        host(place, "db", [("root", "203.0.113.9"), ("bob", "8.8.4.4")]),
        host(place, "mail", [("bob", "10.0.0.5")] * 120),
    ]
    process(hosts, place / "case", workers=1)
    return place / "case"


def lines(path):
    raw = zstandard.ZstdDecompressor().stream_reader(path.open("rb"), read_across_frames=True).read()
    return [json.loads(line) for line in raw.splitlines() if line]


def test_each_value_is_counted_as_an_independent_scan_counts_it(case):
    entities.enrich(case)
    told = {(e["kind"], e["value"]): e for e in lines(case / "entities.jsonl.zst")}
    seen, hosts = collections.Counter(), collections.defaultdict(set)
    for path in case.glob("records/auth_log/*.zst"):
        for record in lines(path):
            for kind, value in {("address", record.get("source.ip")), ("account", record.get("user.name"))}:
                if value:
                    seen[kind, value] += 1
                    hosts[kind, value].add(record["host.name"])
    assert len(seen) >= 6
    for key, count in seen.items():
        assert (told[key]["count"], told[key]["host_count"], told[key]["hosts"]) == (count, len(hosts[key]), sorted(hosts[key])), key
    assert {key for key in told if key[0] in ("address", "account")} == set(seen)
    busy = told["address", "10.0.0.5"]
    records = {r["escadre.id"]: r for path in case.glob("records/auth_log/*.zst") for r in lines(path)}
    assert len(busy["records"]) == 6 and all(records[i]["source.ip"] == "10.0.0.5" for i in busy["records"])  # 5 of one host, 1 of another
    times = sorted(r["@timestamp"] for r in records.values() if r.get("source.ip") == "10.0.0.5")
    assert (busy["first"], busy["last"]) == (times[0], times[-1])


def test_facts_stand_beside_with_their_sources_and_none_replaces_another(case, tmp_path):
    (tmp_path / "a.mmdb").write_bytes(
        database({"8.8.0.0/16": {"country": {"iso_code": "US", "names": {"en": "United States"}}, "autonomous_system_number": 15169}})
    )
    (tmp_path / "b.mmdb").write_bytes(database({"8.8.4.0/24": {"country": {"iso_code": "FR"}}}, "Other"))
    ranges = {"prefixes": [{"ip_prefix": "8.0.0.0/8", "service": "ANY", "region": "x"}, {"ip_prefix": "8.8.4.0/24", "service": "DNS"}]}
    (tmp_path / "cloud.json").write_text(json.dumps(ranges))
    sources = [StandardRanges(), *(recognised(tmp_path / name) for name in ("a.mmdb", "b.mmdb", "cloud.json"))]
    entities.enrich(case, sources)
    told = {e["value"]: e.get("facts", []) for e in lines(case / "entities.jsonl.zst") if e["kind"] == "address"}
    assert told["8.8.4.4"] == [
        {"source": "Test-City, built 2025-11-29", "geo.country_iso_code": "US", "geo.country_name": "United States", "as.number": 15169},
        {"source": "Other, built 2025-11-29", "geo.country_iso_code": "FR"},
        {"source": "cloud.json", "cloud": "DNS"},
    ]
    assert [f["range"] for f in told["10.0.0.5"]] == ["private"] and [f["range"] for f in told["203.0.113.9"]] == ["documentation"]


def test_a_host_that_is_made_again_is_read_again(case, tmp_path):
    entities.enrich(case)
    (kept,) = [p for p in case.glob("entities/*.zst") if any(r.get("host") == "db" for r in lines(p))]
    before = kept.stat().st_mtime_ns
    entities.enrich(case)
    assert kept.stat().st_mtime_ns == before
    manifest = case / "collections" / kept.name.replace(".jsonl.zst", ".json")
    os.utime(manifest, ns=(before + 10**9, before + 10**9))
    entities.enrich(case)
    assert kept.stat().st_mtime_ns != before
    kept.write_bytes(b"torn")
    os.utime(kept, ns=(before + 2 * 10**9, before + 2 * 10**9))
    entities.enrich(case)
    assert lines(kept)[0]["host"] == "db"


@pytest.mark.parametrize("typed", ["203.0.113.9", "203[.]0[.]113[.]9", " 203.0.113.9 "])
def test_a_value_is_found_as_people_write_it(case, typed):
    entities.enrich(case)
    assert [(e["kind"], e["value"], e["host_count"]) for e in entities.look_up(case, typed)] == [("address", "203.0.113.9", 2)]


def test_the_command_says_what_the_case_knows_and_what_it_does_not(case):
    assert commodore("enrich", case).returncode == 0
    told = commodore("entity", case, "10.0.0.5")
    assert told.returncode == 0 and "2: mail, web" in told.stdout and "121 in auth_log" in told.stdout and "range private" in told.stdout
    nothing = commodore("entity", case, "192.0.2.77")
    assert nothing.returncode == 1 and "eye search" in nothing.stdout
    assert [json.loads(line)["value"] for line in commodore("entity", case, "bob", "--json").stdout.splitlines()] == ["bob"]


def test_wrong_use_is_said_in_one_line(case, tmp_path):
    (tmp_path / "text").write_text("hello\n")
    (tmp_path / "broken.mmdb").write_bytes(b"x" * 100 + b"\xab\xcd\xefMaxMind.com" + b"\xe1\xff")
    (tmp_path / "broken.json").write_text('{"prefixes": [{"ip_prefix": "300.0.0.0/8"}]}')
    (tmp_path / "nothing.json").write_text('{"pre\u2028ixes": [{"ip_prefix": "8.0.0.0/8"}]}')
    sqlite3.connect(tmp_path / "other.db").execute("create table a(b)").connection.close()
    database = sqlite3.connect(tmp_path / "made.db")
    database.execute("create table metadata(md5)")
    database.execute("create index by_md5 on metadata(md5)")
    database.commit()
    (tmp_path / "broken.db").write_bytes((tmp_path / "made.db").read_bytes().replace(b"by_md5metadata", b"by_\xed\xa05metadata"))
    for name in ("text", "broken.mmdb", "broken.json", "nothing.json", "broken.db", "other.db", "absent"):
        with pytest.raises(Complaint):
            recognised(tmp_path / name)
    with pytest.raises(Complaint, match="holds no MD5"):
        HashList(tmp_path / "text", "known-bad")
    with pytest.raises(Complaint, match="no entities yet"):
        (tmp_path / "case").mkdir()
        (tmp_path / "case" / "case.json").write_bytes((case / "case.json").read_bytes())
        entities.look_up(tmp_path / "case", "10.0.0.5")


def test_lists_and_databases_of_hashes_name_their_file(tmp_path):
    (tmp_path / "good.csv").write_text(f'"sha256","name"\n"{SHA256.upper()}","test, a text"\n# {"0" * 64}\n')
    (tmp_path / "bad.txt").write_text(f"{'a' * 32}  eicar.com\n\n")
    good, bad = HashList(tmp_path / "good.csv", "known-good"), HashList(tmp_path / "bad.txt", "known-bad")
    assert good.facts("sha256", SHA256) == {"verdict": "known-good", "remark": "test, a text"} and good.facts("sha256", "0" * 64) == {}
    assert bad.facts("md5", "a" * 32) == {"verdict": "known-bad", "remark": "eicar.com"}
    database = sqlite3.connect(tmp_path / "rds.db")
    database.execute("create table metadata(sha256, sha1, md5, file_name)")
    database.execute("insert into metadata values(?, ?, ?, ?)", (SHA256.upper(), "", "", "sha.txt"))
    database.commit()
    assert recognised(tmp_path / "rds.db").facts("sha256", SHA256) == {"verdict": "known", "file.name": "sha.txt"}
    (tmp_path / "drivers.json").write_text(
        json.dumps([{"Tags": ["x.sys"], "Category": "vulnerable driver", "KnownVulnerableSamples": [{"SHA256": SHA256}]}])
    )
    found = recognised(tmp_path / "drivers.json").facts("sha256", SHA256)
    assert found == {"verdict": "known-bad", "file.name": "x.sys", "remark": "vulnerable driver"}


def test_the_uses_of_a_program_are_those_of_the_published_data(corpus, tmp_path):
    lolbas = recognised(corpus / "detection/LOLBAS-Project+LOLBAS")
    assert "Download" in lolbas.facts("program", "c:\\windows\\system32\\certutil.exe")["uses"]
    assert lolbas.facts("program", "c:\\x\\notcertutil.exe") == {}
    (tmp_path / "_gtfobins").mkdir()
    (tmp_path / "_gtfobins" / "awk").write_text("---\nfunctions:\n  shell:\n  - code: x\n  sudo:\n  - code: y\n---\n")
    assert recognised(tmp_path).facts("program", "/usr/bin/awk") == {"uses": ["shell", "sudo"]}


def test_special_addresses_are_those_of_the_registries():
    for text, use in {"127.0.0.1": "loopback", "169.254.1.1": "link-local", "100.64.3.3": "shared by a provider's customers"}.items():
        assert special(text) == use
    assert special("fe80::1") == "link-local" and special("8.8.8.8") == "" and special("224.0.0.1") == "multicast"
    assert special("2001:db8::7") == "documentation" and ipaddress.ip_address("8.8.8.8").is_global


def test_every_field_of_a_kind_is_in_the_registry():
    assert not [field for field in kinds.by_field() if field not in registry()]
    assert kinds.normal("address", "fe80::1%eth0") == "fe80::1" and kinds.normal("sid", "1000") is None
    assert kinds.normal("sha256", SHA256.upper()) == SHA256 and kinds.normal("sha256", "ab") is None


FEW_FILES = """
import resource, sys
from pathlib import Path
from commodore.enrichment import entities
resource.setrlimit(resource.RLIMIT_NOFILE, (40, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
entities.TOGETHER = 6
entities.enrich(Path(sys.argv[1]))
"""


def test_any_number_of_hosts_is_merged_with_few_open_files(tmp_path):
    """Eighty hosts, in a process of its own that may have forty files open; the entities are those of one merge."""
    pytest.importorskip("resource")
    process([host(tmp_path, "web", [("root", "203.0.113.9"), ("alice", "10.0.0.5")])], tmp_path / "case", workers=1)
    (manifest,) = (tmp_path / "case" / "collections").glob("*.json")
    about = json.loads(manifest.read_text())
    records = tmp_path / "case" / "records" / "auth_log" / f"{about['collection']}.jsonl.zst"
    for n in range(80):
        collection = f"{n:08x}-0000-4000-8000-000000000000"
        records.with_name(f"{collection}.jsonl.zst").hardlink_to(records)
        copied = about | {"collection": collection, "host": f"h{n:03}", "records": {"auth_log": 2}}
        manifest.with_name(f"{collection}.json").write_text(json.dumps(copied))
    whole = entities.merged(CaseReader(tmp_path / "case"), (), entities.Enriched())
    expected = [(one["kind"], one["value"], one["host_count"], one["count"]) for one in whole]
    subprocess.run([sys.executable, "-c", FEW_FILES, str(tmp_path / "case")], check=True, cwd=ROOT)
    told = lines(tmp_path / "case" / "entities.jsonl.zst")
    assert [(one["kind"], one["value"], one["host_count"], one["count"]) for one in told] == expected
    assert ("address", "203.0.113.9", 81, 81) in expected
    assert not list((tmp_path / "case" / "entities").glob("merging-*"))


SCHEMAS = {
    "a view that never ends": "create view metadata as with recursive n(md5) as (select 1 union all select md5 + 1 from n) "
    "select md5, md5 as sha1, md5 as sha256, 'x' as file_name from n",
    "a table that is no table": "create view metadata as select 1 as md5, 2 as sha1, 3 as sha256, 4 as file_name",
}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_database_of_hashes_must_have_a_table(schema, tmp_path):
    with closing(sqlite3.connect(tmp_path / "a.db")) as made:
        made.execute(SCHEMAS[schema])
    with pytest.raises(Complaint, match="not NSRL's"):
        recognised(tmp_path / "a.db")


def test_a_damaged_database_of_hashes_is_a_complaint(tmp_path):
    with closing(sqlite3.connect(tmp_path / "a.db")) as made:
        made.execute("create table metadata(md5, sha1, sha256, file_name)")
        made.executemany("insert into metadata values (?, ?, ?, ?)", [(f"{n:032X}", "", "", "x" * 500) for n in range(500)])
        made.commit()
    raw = (tmp_path / "a.db").read_bytes()
    (tmp_path / "a.db").write_bytes(raw[:4096] + b"\xff" * 8192 + raw[12288:])
    with pytest.raises(Complaint):
        recognised(tmp_path / "a.db").facts("md5", f"{499:032x}")


def test_the_smallest_of_ranges_within_each_other_counts(tmp_path):
    nested = [{"ip_prefix": f"10.0.0.0/{bits}", "service": f"S{bits}"} for bits in range(8, 33)]
    (tmp_path / "cloud.json").write_text(json.dumps({"prefixes": [*nested, {"ipv6Prefix": "2001:4860::/32", "service": "SIX"}]}))
    cloud = recognised(tmp_path / "cloud.json")
    assert cloud.facts("address", "10.0.0.0") == {"cloud": "S32"} and cloud.facts("address", "10.0.0.2") == {"cloud": "S30"}
    assert cloud.facts("address", "2001:4860::1") == {"cloud": "SIX"} and cloud.facts("address", "192.0.2.1") == {}


@pytest.mark.parametrize("entry", ["functions: 2026-99-99", "functions: {shell: [*a]}", "[" * 5000])
def test_a_page_of_others_that_is_no_data_is_left_out(entry, tmp_path):
    folder = tmp_path / "_gtfobins"
    folder.mkdir()
    (folder / "bad").write_text(f"---\n{entry}\n---\n")
    (folder / "awk").write_text("---\nfunctions:\n  shell:\n    - code: x\n---\n")
    assert recognised(folder).facts("program", "/usr/bin/awk") == {"uses": ["shell"]}
    assert recognised(folder).facts("program", "/usr/bin/bad") == {}
