"""The key of the analyst that seals plans: who does not have it cannot write or renew a plan that its owner's commands take."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import stat
from pathlib import Path

import pytest
import yaml

from tests.hunter.conftest import manifest
from tests.hunter.driver import hunt
from tests.yamls import LOADER, PLAIN


@pytest.fixture
def key(tmp_path, monkeypatch) -> Path:
    """Where the key of this analyst will be."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    return tmp_path / "settings" / "escadre" / "seal.key"


def content(plan: Path) -> bytes:
    """What is sealed, as the contract says: canonical JSON of all but the seal."""
    node = yaml.load(plan.read_text(), Loader=PLAIN)
    del node["seal"]
    return json.dumps(node, sort_keys=True, separators=(",", ":")).encode()


def seal_by_hand(plan: Path, extra: str = "") -> None:
    """Renew the seal as somebody does who knows the contract and has no key."""
    text = plan.read_text()
    plan.write_text(f'{text[: text.rindex("seal:")]}seal: "{hashlib.sha256(content(plan)).hexdigest()}{extra}"\n')


def change(plan: Path) -> None:
    text = plan.read_text()
    plan.write_text(text.replace("attack_version:", "attack_version: changed  #", 1))


def refused(bench, says: str, *more: object) -> None:
    state = manifest(bench.root)
    for command in (("check",), ("apply",), ("apply", "--yes"), ("verify",)):
        code, out, err = hunt(command[0], bench.plan, "--root", bench.root, *command[1:], *more)
        assert (code, says in err) == (2, True), out + err
    assert manifest(bench.root) == state


def taken(bench, *more: object) -> str:
    code, out, err = hunt("check", bench.plan, "--root", bench.root, *more)
    assert code == 0, out + err
    return err


def test_the_key_is_made_once_and_only_its_owner_can_read_it(bench, key) -> None:
    bench.plan_here()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    secret = key.read_text()
    assert len(bytes.fromhex(secret)) == 32
    assert hunt("check", bench.plan, "--root", bench.root, "--seal")[0] == 0
    assert key.read_text() == secret
    assert secret.strip() not in bench.plan.read_text()


def test_the_seal_is_as_the_contract_says(bench, key) -> None:
    bench.plan_here()
    purpose, secret = b"escadre plan seal 1\n", bytes.fromhex(key.read_text())
    wanted = [
        hashlib.sha256(content(bench.plan)).hexdigest(),
        hmac.new(secret, purpose + b"id", "sha256").hexdigest()[:8],
        hmac.new(secret, purpose + content(bench.plan), "sha256").hexdigest(),
    ]
    assert yaml.load(bench.plan.read_text(), LOADER)["seal"].split(" ") == wanted
    assert taken(bench) == ""


def test_a_seal_that_somebody_renewed_without_the_key_is_refused(bench, key) -> None:
    bench.plan_here()
    old = yaml.load(bench.plan.read_text(), LOADER)["seal"]
    change(bench.plan)
    refused(bench, "it was edited after it was sealed")
    for extra in ("", old[64:], " ", " é", f" {'0' * 8} {'0' * 64}"):
        seal_by_hand(bench.plan, extra)
        refused(bench, f"it was not sealed with the key {key}")
    assert hunt("check", bench.plan, "--root", bench.root, "--seal")[0] == 0  # the analyst read it
    assert taken(bench) == ""
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0


def test_without_a_key_hunter_says_so_and_goes_on(bench, key) -> None:
    bench.plan_here()
    key.unlink()
    assert taken(bench).startswith("Sealed without key: ")
    change(bench.plan)
    refused(bench, "it was edited after it was sealed")
    seal_by_hand(bench.plan)
    assert taken(bench).startswith("Sealed without key: ")
    code, _, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert code == 0 and "Sealed without key: " in err


def test_a_plan_that_travels_is_checked_with_the_key_that_is_given(bench, key, tmp_path) -> None:
    bench.plan_here()
    carried = tmp_path / "carried.key"
    key.rename(carried)
    assert taken(bench, "--seal-key", carried) == ""
    change(bench.plan)
    seal_by_hand(bench.plan)
    refused(bench, f"it was not sealed with the key {carried}", "--seal-key", carried)
    refused(bench, "is not there", "--seal-key", tmp_path / "none.key")
    assert not key.exists()  # reading makes none


def test_the_key_of_another_analyst_does_not_fit(bench, key) -> None:
    bench.plan_here()
    key.write_text("ab" * 32)
    refused(bench, "it was not sealed with the key")


@pytest.mark.parametrize("spoil", ["mode", "short", "text", "bytes"])
def test_a_key_that_others_know_or_that_is_none_is_refused(bench, key, spoil) -> None:
    bench.plan_here()
    if spoil == "mode":
        key.chmod(0o640)
        refused(bench, "Others can read the seal key")
        return
    key.write_bytes({"short": b"ab" * 31, "text": b"x" * 64, "bytes": b"\xff" * 64}[spoil])
    refused(bench, "is no seal key")


def test_where_no_key_can_be_made_the_plan_is_sealed_without(bench, key) -> None:
    key.parent.parent.parent.joinpath("settings").write_text("a file, no folder")
    bench.plan_here()
    assert len(yaml.load(bench.plan.read_text(), LOADER)["seal"]) == 64
    assert taken(bench).startswith("Sealed without key: ")


def test_a_seal_key_with_seal_is_wrong_use(bench, key) -> None:
    bench.plan_here()
    code, _, err = hunt("check", bench.plan, "--root", bench.root, "--seal", "--seal-key", key)
    assert code == 2 and "--seal seals with your own key" in err
    assert os.listdir(bench.plan.parent) == [bench.plan.name]
