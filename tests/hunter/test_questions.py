"""What could be the site's own is a question: nothing is done until a person decides, or a list of what is known does."""

from __future__ import annotations

from tests.hunter.conftest import GUILTY, KEY, manifest, write_case
from tests.hunter.driver import hunt

PATH = GUILTY["authorized-key"][1:]


def planned(bench, *words: object) -> str:
    write_case(bench.case, bench.root, list(GUILTY))
    code, out, err = hunt("plan", bench.case, "-r", bench.recipient(), "-o", bench.plan, *words)
    assert code == 0, err
    return out


def run(bench, command: str, *words: object) -> tuple[int, str]:
    code, out, err = hunt(command, bench.journal if command == "undo" else bench.plan, "--root", bench.root, *words)
    return code, " ".join((out + err).split())


def test_a_plan_as_it_is_written_is_ready_and_leaves_the_question(bench) -> None:
    assert "ask  " in planned(bench)
    text = bench.plan.read_text()
    assert "do: ask" in text
    assert "write `do: remove-line`" in text
    before = manifest(bench.root)
    code, told = run(bench, "check")
    assert (code, "4 ready, 1 ask" in told) == (0, True), told
    code, told = run(bench, "apply", "--yes")
    assert (code, "Done: 4 of 4" in told) == (0, True), told
    assert manifest(bench.root)[PATH] == before[PATH]
    assert run(bench, "verify")[0] == 0
    assert run(bench, "undo")[0] == 0
    assert manifest(bench.root) == before


def test_a_person_decides_a_question_in_the_plan(bench) -> None:
    planned(bench)
    bench.plan.write_text(bench.plan.read_text().replace("do: ask", "do: remove-line"))
    assert run(bench, "apply", "--yes")[0] == 2  # it was edited
    assert run(bench, "check", "--seal")[0] == 0
    code, told = run(bench, "apply", "--yes")
    assert (code, "Done: 5 of 5" in told) == (0, True), told
    assert b"evil" not in (bench.root / PATH).read_bytes()


def test_only_what_the_catalogue_asks_about_may_be_a_question(bench) -> None:
    planned(bench)
    bench.plan.write_text(bench.plan.read_text().replace("do: quarantine", "do: ask"))
    code, told = run(bench, "check", "--seal")
    assert (code, "do must be quarantine" in told) == (2, True), told


def test_a_list_of_what_is_known_decides(bench, tmp_path) -> None:
    known = tmp_path / "ours.txt"
    known.write_text(f'# ours\n\nfrom="10.0.0.0/8",no-pty {KEY}other someone@else\n')
    told = planned(bench, "--known", known)
    assert "do: ask" not in bench.plan.read_text()
    assert "do: remove-line" in bench.plan.read_text()
    assert "ask  " not in told
    bench.plan.unlink()
    known.write_text("ssh-rsa AAAAB3NzaC1yc2E unrelated\n" + f"{KEY}evil dbus@localhost\n")
    code, out, err = hunt("plan", bench.case, "-r", bench.recipient(), "-o", bench.plan, "--known", known)
    assert (code, "known: it is the site's own" in out) == (0, True), out + err
    assert "authorized-key" not in bench.plan.read_text()
    assert "cron-entry" in bench.plan.read_text()


def test_a_list_that_cannot_be_read_is_a_clear_error(bench, tmp_path) -> None:
    write_case(bench.case, bench.root, list(GUILTY))
    code, out, err = hunt("plan", bench.case, "-r", bench.recipient(), "-o", bench.plan, "--known", tmp_path / "none")
    assert (code, "none cannot be read" in err) == (2, True), out + err
    assert not bench.plan.exists()
