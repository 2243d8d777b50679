"""Settings that switch a protection off, and sources of names: exactly those go or get the safe value, everything else is refused."""

from __future__ import annotations

import json
import os

import pytest

from hunter.catalogue import catalogue
from tests.conftest import need
from tests.hunter.test_accounts import _Root

UFW = 'IPV6=yes\nDEFAULT_INPUT_POLICY="ACCEPT"\t# x\r\nDEFAULT_OUTPUT_POLICY="ACCEPT"\n'
NAMES = "passwd: files evil # x\ngroup: evil\nhosts: files evil [NOTFOUND=return] dns\n"
CMDLINE = "root=UUID=1 ro audit=0 selinux=1 apparmor=0\n"


@pytest.fixture(autouse=True)
def _root() -> None:
    need(os.name == "posix" and os.geteuid() == 0, "a Linux root account")


def written(bench: _Root, kind: str, target: dict[str, str]) -> None:
    """A plan by hand with one action, in the words of its kind."""
    bench.write((kind, catalogue()[kind].verb, target))
    plan = json.loads(bench.plan.read_text())
    plan["actions"][0]["reboot"] = catalogue()[kind].reboot
    bench.plan.write_text(json.dumps(plan))


@pytest.mark.parametrize(
    ("kind", "name", "target", "before", "after"),
    [
        ("protection-setting", "etc/default/ufw", {"line": 'DEFAULT_INPUT_POLICY="ACCEPT"\t# x'}, UFW, UFW.replace("ACCEPT", "DROP", 1)),
        ("protection-setting", "etc/selinux/config", {"line": "SELINUX=disabled"}, "SELINUX=disabled", "SELINUX=permissive"),
        ("protection-setting", "etc/audit/rules.d/x.rules", {"line": "-e 0"}, "-w /etc -p wa\n-e 0\n", "-w /etc -p wa\n"),
        ("boot-protection", "etc/kernel/cmdline", {"element": "audit=0"}, CMDLINE, CMDLINE.replace("audit=0 ", "")),
        ("name-service", "etc/nsswitch.conf", {"element": "evil", "number": "1"}, NAMES, NAMES.replace(" evil #", " #", 1)),
    ],
)
def test_the_safe_value_is_put_back_and_undo_restores_the_file(tmp_path, kind, name, target, before, after) -> None:
    bench = _Root(tmp_path, {name: before})
    written(bench, kind, {"path": f"/{name}", **target})
    bench.seal()
    code, told = bench.run("apply", "--yes")
    assert code == 0, told
    assert (bench.root / name).read_bytes().decode() == after.replace("evil #", "#")
    assert bench.run("verify")[0] == 0
    assert bench.run("undo")[0] == 0
    assert (bench.root / name).read_bytes().decode() == before


@pytest.mark.parametrize(
    ("kind", "name", "target", "before", "why"),
    [
        ("protection-setting", "etc/audit/rules.d/x.rules", {"line": "-w /etc -p wa"}, "-w /etc -p wa\n", "switches no protection off"),
        ("boot-protection", "etc/kernel/cmdline", {"element": "selinux=1"}, CMDLINE, "with the value 0 or none"),
        ("boot-protection", "etc/kernel/cmdline", {"element": "root=UUID=1"}, CMDLINE, "may go from the kernel's command line"),
        ("name-service", "etc/nsswitch.conf", {"element": "evil", "number": "2"}, NAMES, "no source is left for group"),
        ("name-service", "etc/nsswitch.conf", {"element": "evil", "number": "3"}, NAMES, "an action of hosts belongs to it"),
    ],
)
def test_what_protects_or_is_needed_is_refused(tmp_path, kind, name, target, before, why) -> None:
    bench = _Root(tmp_path, {name: before})
    written(bench, kind, {"path": f"/{name}", **target})
    told = bench.run("check", "--seal")[1]
    assert why in told, told
    assert bench.run("apply", "--yes")[0] in (2, 3)
    assert (bench.root / name).read_bytes().decode() == before
