"""Each way to tamper with an archive, by what detects it: age, custody, or only the receipt."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pyrage
import pytest

from scout.archive import ArchiveWriter, WantedItem
from scout.archive.custody import normal_code, receipt_code
from scout.console import Complaint
from scout.verifying.listing import list_members
from scout.verifying.verify import verify
from tests.scout.archive_tools import encrypted, foreign, joined, pieces, plain, plaintext, small

IDENTITY = pyrage.x25519.Identity.generate()
Parts = list[tuple[str, bytes]]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "a.tar.zst.age"
    small(path, [IDENTITY.to_public()])
    return path


def rebuilt(archive: Path, change: Callable[[Parts], Parts]) -> Path:
    """The archive with its tar members changed, encrypted again to the same recipient: what anyone with the public key can do."""
    other = archive.with_name("other.age")
    other.write_bytes(encrypted(joined(change(pieces(plaintext(archive, IDENTITY)))), IDENTITY))
    return other


def receipt_of(archive: Path) -> dict:
    return json.loads(Path(f"{archive}.receipt.json").read_text())


def test_a_whole_archive_without_receipt_is_consistent_and_no_more_is_said(archive: Path) -> None:
    verdict = verify(archive, [IDENTITY])
    assert (verdict.state, verdict.code, verdict.problems, verdict.items, verdict.seals, verdict.members) == ("whole", 0, [], 6, 2, 9)
    assert verdict.lines == [
        "Internally consistent: 6 items, 2 seals, the chain agrees.",
        "Without a receipt this shows that the archive is consistent, not who wrote it.",
    ]


def test_the_receipt_beside_it_is_not_used_unless_given(archive: Path) -> None:
    Path(f"{archive}.receipt.json").write_text("{}")
    assert verify(archive, [IDENTITY]).code == 0


@pytest.mark.parametrize(
    "form", [lambda p: f"{p}.receipt.json", lambda p: receipt_of(p)["code"], lambda p: receipt_of(p)["code"].lower().replace("-", " ")]
)
def test_receipt_file_and_short_code_prove_that_it_is_the_archive(archive: Path, form: Callable[[Path], str]) -> None:
    verdict = verify(archive, [IDENTITY], form(archive))
    assert (verdict.state, verdict.code, verdict.receipt) == ("whole", 0, "agrees")
    assert verdict.lines == ["Whole and unchanged: 6 items, 2 seals, chain and receipt agree."]


def test_the_code_follows_from_chain_head_and_hash_as_documented(archive: Path) -> None:
    paper = receipt_of(archive)
    assert paper["archive_sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    number = int(hashlib.sha256(f"escadre receipt 1\n{paper['chain_head']}\n{paper['archive_sha256']}\n".encode()).hexdigest()[:15], 16)
    letters = ""
    for _ in range(12):
        letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[number % 32] + letters
        number //= 32
    assert paper["code"] == receipt_code(paper["chain_head"], paper["archive_sha256"]) == "-".join(re.findall("....", letters))


def test_codes_are_read_as_people_write_them() -> None:
    assert normal_code(" k7qm 3f9t-xw2p ") == "K7QM-3F9T-XW2P"
    assert normal_code("O1IL-0000-000O") == "0111-0000-0000"
    assert [normal_code(t) for t in ("", "K7QM-3F9T", "K7QM-3F9T-XW2P-A", "K7QM-3F9T-XWUP", "../etc/passwd")] == [None] * 5


def test_without_a_key_only_the_file_is_compared_with_the_receipt(archive: Path) -> None:
    beside = f"{archive}.receipt.json"
    assert (verify(archive, None, beside).state, verify(archive, None, beside).code) == ("whole", 0)
    changed = bytearray(archive.read_bytes())
    changed[-1] ^= 1
    archive.write_bytes(changed)
    assert (verify(archive, None, beside).state, verify(archive, None, beside).code) == ("inconsistent", 1)
    for receipt in (None, "K7QM-3F9T-XW2P"):
        with pytest.raises(Complaint, match="without a key") as e:
            verify(archive, None, receipt)
        assert e.value.code == 2


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"archive_sha256": 1}', "\xff"])
def test_a_receipt_that_is_none_is_a_complaint(archive: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "r.json").write_bytes(content.encode("latin-1"))
    for given in (tmp_path / "r.json", str(tmp_path / "r.json"), "no such file", "K7QM"):
        with pytest.raises(Complaint) as e:
            verify(archive, [IDENTITY], given)
        assert (e.value.code, bool(e.value.do)) == (2, True)


def test_an_unreadable_archive_ends_with_code_3(archive: Path) -> None:
    with pytest.raises(Complaint) as e:
        verify(archive, [pyrage.x25519.Identity.generate()])
    assert e.value.code == 3


def big(path: Path) -> None:
    with ArchiveWriter(path, [IDENTITY.to_public()], {"collection": "big"}) as writer:
        for number in range(12):
            content = random.Random(number).randbytes(90_000)
            writer.add(WantedItem(source=f"/{number}", size=len(content)), BytesIO(content))
            writer.seal()
        writer.finish()


def test_a_cut_is_interrupted_and_says_what_is_kept(tmp_path: Path) -> None:
    big(tmp_path / "a.age")
    data = (tmp_path / "a.age").read_bytes()
    counts = []
    for cut in (70_000, len(data) // 2, len(data) - 1):
        (tmp_path / "cut.age").write_bytes(data[:cut])
        verdict = verify(tmp_path / "cut.age", [IDENTITY], receipt_of(tmp_path / "a.age")["code"])
        assert (verdict.state, verdict.code, verdict.receipt, verdict.problems) == ("interrupted", 1, "differs", [])
        assert re.match(
            r"Interrupted: it is cut off, or damaged, at byte [0-9,]+; there is no end\.json\. "
            r"Complete and unchanged up to there: \d+ items? in \d+ seals?\.",
            verdict.lines[0],
        )
        counts.append(verdict.items)
    assert counts == sorted(set(counts))
    assert counts[-1] >= 11


def test_a_flipped_bit_is_interrupted_at_its_place(tmp_path: Path) -> None:
    big(tmp_path / "a.age")
    data = bytearray((tmp_path / "a.age").read_bytes())
    data[len(data) // 2] ^= 0x10
    (tmp_path / "b.age").write_bytes(data)
    verdict = verify(tmp_path / "b.age", [IDENTITY])
    assert (verdict.state, verdict.code) == ("interrupted", 1)
    place = int(re.search(r"damaged before byte ([0-9,]+)", verdict.reason)[1].replace(",", ""))
    assert 0 < place - len(data) // 2 < 3 * 65_552
    assert 4 <= verdict.items <= 7


def planted(name: str) -> tuple[str, bytes]:
    """A member that someone else's tar made."""
    return name, foreign(lambda archive: plain(archive, name))[:1024]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda p: [x for x in p if x[0] != "files/root/etc/passwd"], "members are missing, added or moved"),
        (lambda p: [x for x in p if x[0] != "files/root/etc/passwd"], "custody names files/root/etc/passwd, which is not in the archive"),
        (lambda p: [p[0], p[2], p[1], *p[3:]], "out of order"),
        (lambda p: [p[1], p[0], *p[2:]], "collection.json is not the first member"),
        (lambda p: [x for x in p if x[0] != "custody/000000.jsonl"], "the chain is broken"),
        (lambda p: [x for x in p if x[0] != "custody/000000.jsonl"], "says part 1 where part 0 was due"),
        (lambda p: [x for x in p if not x[0].startswith("custody/000001")], "has no line in custody"),
        (
            lambda p: [(n, raw.replace(b"root:x:0:0", b"root::00:0")) for n, raw in p],
            "the content of files/root/etc/passwd is not the one that custody describes",
        ),
        (lambda p: [(n, raw.replace(b'"denied"', b'"taken" ')) for n, raw in p], "was taken, but names no member"),
        (lambda p: [(n, raw.replace(b'"denied"', b'"missin"')) for n, raw in p], "unknown verdict"),
        (lambda p: [(n, raw.replace(b"Permission denied", b"Permission granted"[:17])) for n, raw in p], "end.json says chain_head"),
        (lambda p: [(n, raw.replace(b'"C:\\\\Windows', b'"D:\\\\Windows')) for n, raw in p], "the chain is broken"),
        (lambda p: [(n, raw.replace(b'"items":6', b'"items":5')) for n, raw in p], "end.json says items 5, found 6"),
        (lambda p: [(n, raw.replace(b'"denied":1', b'"denied":2')) for n, raw in p], "totals of end.json"),
        (lambda p: [(n, raw.replace(b"part", b"\xff\xff\xff\xff") if "custody" in n else raw) for n, raw in p], "line 1 is no JSON object"),
        (lambda p: [*p[:3], planted("files/root/extra"), *p[3:]], "files/root/extra has no ordinal, or one out of order where 3 was due"),
        (lambda p: [*p[:3], planted("files/root/extra"), *p[3:]], "member files/root/extra has no line in custody"),
        (lambda p: [*p[:3], planted("../../etc/cron.d/x"), *p[3:]], "leads out"),
    ],
)
def test_a_member_or_custody_part_that_was_changed_inside_is_inconsistent(
    archive: Path, change: Callable[[Parts], Parts], problem: str
) -> None:
    other = rebuilt(archive, change)
    verdict = verify(other, [IDENTITY])
    assert any(problem in text for text in verdict.problems), verdict.problems
    assert (verdict.state, verdict.code) == ("inconsistent", 1)
    assert verdict.lines[0].startswith("Inconsistent: ")


def test_the_same_tar_in_a_new_envelope_is_found_by_the_receipt_only(archive: Path) -> None:
    other = rebuilt(archive, lambda parts: parts)
    assert verify(other, [IDENTITY]).code == 0
    assert verify(other, [IDENTITY], receipt_of(archive)["code"]).receipt == "differs"


@pytest.mark.parametrize("form", [lambda p: f"{p}.receipt.json", lambda p: receipt_of(p)["code"]])
def test_an_archive_built_anew_by_a_forger_is_found_by_the_receipt_only(archive: Path, form: Callable[[Path], str]) -> None:
    forged = archive.with_name("forged.age")
    small(forged, [IDENTITY.to_public()], passwd=b"root:x:0:0::/root:/bin/sh\n#")
    assert verify(forged, [IDENTITY]).state == "whole"
    verdict = verify(forged, [IDENTITY], form(archive))
    assert (verdict.state, verdict.code, verdict.receipt) == ("inconsistent", 1, "differs")
    assert verdict.lines[0].startswith("Not the archive of the receipt")


def test_a_receipt_file_of_the_forger_does_not_pass_for_the_code_on_paper(archive: Path) -> None:
    forged = archive.with_name("forged.age")
    small(forged, [IDENTITY.to_public()], passwd=b"")
    assert verify(forged, [IDENTITY], f"{forged}.receipt.json").receipt == "agrees"
    assert verify(forged, [IDENTITY], receipt_of(archive)["code"]).receipt == "differs"


def test_an_aborted_archive_is_interrupted_and_its_receipt_agrees(tmp_path: Path) -> None:
    path = tmp_path / "a.age"
    writer = ArchiveWriter(path, [IDENTITY.to_public()], {"collection": "x"})
    writer.add(WantedItem(source="/x", size=1), BytesIO(b"1"))
    receipt = writer.abort("SIGTERM")
    verdict = verify(path, [IDENTITY], receipt.code)
    assert (verdict.state, verdict.code, verdict.receipt, verdict.items, verdict.problems) == ("interrupted", 1, "agrees", 1, [])
    assert verdict.lines[0].startswith(
        "Interrupted: there is no end.json. Complete and unchanged up to there: 1 item in 1 seal. What came after "
    )


def test_many_contradictions_are_counted_and_a_screen_of_them_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.age"
    with ArchiveWriter(path, [IDENTITY.to_public()], {}) as writer:
        for number in range(60):
            writer.add(WantedItem(source=f"/\x1b[31m{number}", size=8), BytesIO(b"evidence"))
        writer.finish()
    verdict = verify(rebuilt(path, lambda parts: [(n, raw.replace(b"evidence", b"EVIDENCE")) for n, raw in parts]), [IDENTITY])
    assert verdict.problem_count == len(verdict.problems) == 60
    assert len(verdict.lines) < 30
    assert not any("\x1b" in line for line in verdict.lines)


def test_list_gives_every_wanted_item_and_what_custody_does_not_know(archive: Path) -> None:
    rows = list(list_members(archive, [IDENTITY]))
    assert all(list(row)[:6] == ["member", "name", "source", "size", "sha256", "verdict"] for row in rows)
    assert {key for row in rows for key in list(row)[6:]} <= {"target", "why", "referrer", "link", "error"}
    assert [(r["member"], r["source"], r["verdict"]) for r in rows] == [
        (0, "collection.json", "taken"),
        (1, "live/processes.jsonl", "taken"),
        (2, "C:\\Windows\\System32\\config\\SYSTEM", "taken"),
        (3, "C:\\Windows\\System32\\config\\SYSTEM.LOG1", "taken"),
        (4, "C:\\Windows\\System32\\config\\SYSTEM.LOG2", "taken"),
        (None, "/etc/shadow", "denied"),
        (6, "/etc/passwd", "taken"),
    ]
    assert rows[-1]["sha256"] == hashlib.sha256(b"root:x:0:0::/root:/bin/sh\n").hexdigest()
    unsealed = list_members(rebuilt(archive, lambda parts: parts[:-2]), [IDENTITY])
    last = list(unsealed)[-1]
    assert (last["source"], last["verdict"], last["sha256"]) == ("/etc/passwd", "unsealed", rows[-1]["sha256"])
    assert (unsealed.state, unsealed.reason) == ("interrupted", "there is no end.json")


def by_another_writer(path: Path, *, lines: tuple[object, ...] = (), end: dict | None = None, total: int = 1) -> Path:
    """An archive as the contracts alone describe it: no custody line for collection.json, the least that end.json must say."""
    contents = {f"/etc/{n}": b"content %d" % n for n in range(total)}
    said = [
        {
            "member": at,
            "name": f"files/root{source}",
            "source": source,
            "verdict": "taken",
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        for at, (source, content) in enumerate(contents.items(), 1)
    ]
    first = {"part": 0, "previous": hashlib.sha256().hexdigest(), "time": "2026-11-20T00:00:00Z"}
    part = "".join(json.dumps(line) + "\n" for line in (first, *said, *lines)).encode()

    def fill(archive):
        members = {"collection.json": b'{"collection": "x", "host": {"name": "h"}}'}
        members |= {f"files/root{source}": content for source, content in contents.items()} | {"custody/000000.jsonl": part}
        ending = {"totals": {"taken": total, "bytes": sum(map(len, contents.values()))}, "chain_head": hashlib.sha256(part).hexdigest()}
        members["end.json"] = json.dumps(ending | (end or {})).encode()
        for ordinal, (name, content) in enumerate(members.items()):
            plain(archive, name, content, pax_headers={"ESCADRE.member": str(ordinal)})

    path.write_bytes(encrypted(foreign(fill), IDENTITY))
    return path


def test_an_archive_of_another_writer_is_judged_by_what_the_contracts_ask(tmp_path: Path) -> None:
    good = verify(by_another_writer(tmp_path / "good.age"), [IDENTITY])
    assert (good.state, good.code, good.problems) == ("whole", 0, [])
    assert verify(by_another_writer(tmp_path / "head.age", end={"chain_head": "0" * 64}), [IDENTITY]).code == 1
    assert verify(by_another_writer(tmp_path / "count.age", end={"members": 9}), [IDENTITY]).code == 1


def test_custody_of_odd_types_is_a_contradiction_and_no_defect(tmp_path: Path) -> None:
    odd = {"member": [1], "name": {"a": 1}, "verdict": 7, "size": "x", "source": None, "ino": 1 << 70, "more": [1]}
    path = by_another_writer(tmp_path / "odd.age", lines=(odd, {"verdict": "taken", "name": "files/root/no", "member": True}))
    verdict = verify(path, [IDENTITY])
    assert (verdict.state, verdict.code) == ("inconsistent", 1)
    assert [row["verdict"] for row in list_members(path, [IDENTITY])] == ["taken", None, "taken", "unsealed"]


def test_members_that_custody_never_names_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scout.verifying.listing.MAX_WAITING", 5)
    path = by_another_writer(tmp_path / "many.age", total=9)
    verdict = verify(path, [IDENTITY])
    assert "member files/root/etc/0 has no line in custody" in verdict.problems
    assert "unsealed" in [row["verdict"] for row in list_members(path, [IDENTITY])]
