"""Definitions of KAPE, ForensicArtifacts and UAC: on a tree planted from a definition its files are wanted and no decoy beside them is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scout.collecting import identity, plan
from scout.console import Complaint
from scout.sources.directory import DirectorySource
from scout.sources.timed_calls import TimedCalls
from scout.targets.foreign import ForeignLibrary, artifacts, kape, uac
from tests.conftest import need
from tests.scout import foreign_trees
from tests.scout.collecting import *  # noqa: F403  (fixtures)
from tests.scout.collecting import scout

SETS = {"kape": "EricZimmerman+KapeFiles/Targets", "artifacts": "ForensicArtifacts+artifacts/artifacts", "uac": "tclahr+uac"}
STEP = 60
"""every 60th definition is planted here; `python -m bench.definitions` plants all"""


@pytest.fixture(scope="module", params=sorted(SETS))
def foreign(request, corpus):
    folder = Path(corpus) / "detection" / SETS[request.param]
    return request.param, folder, ForeignLibrary([folder])


def wanted(planted, library, root):
    """(what a plan wants, what the definition means, what was planted)"""
    made = planted.plant(root)
    source = DirectorySource(str(root))
    source.windows = planted.windows
    system = "windows" if planted.windows else "linux"
    targets = [target for target in library.choose([planted.name])[0].targets() if target.os == system]
    found = plan.make(source, targets, identity.profiles(source, {}), identity.variables(source), TimedCalls(0))
    source.close()
    return {"/".join(item.parts) for item in found.items if item.type == "file"}, planted.wanted(root, made), made


def test_planted_files_are_wanted_and_no_decoy_is(foreign, tmp_path):
    kind, folder, library = foreign
    need(kind != "uac" or shutil.which("find"), "find")
    decoys = 0
    for number, planted in enumerate(list(getattr(foreign_trees, kind)(folder))[7::STEP]):
        root = tmp_path / str(number)
        got, meant, made = wanted(planted, library, root)
        assert got == meant, planted.name
        assert meant, planted.name
        decoys += len(made) - len(meant)
        shutil.rmtree(root)
    assert decoys > 50


def test_98_of_100_definitions_load(foreign):
    _, _, library = foreign
    failures = [name for name, one in library.all.items() if library.failures(one)]
    assert len(library.all) > 300
    assert len(failures) <= len(library.all) * 0.02, failures


def definitions(folder: Path) -> Path:
    folder.mkdir()
    (folder / "Both.tkape").write_text("Description: two\nTargets:\n- {Name: a, Path: One.tkape}\n- {Name: b, Path: Gone.tkape}\n")
    (folder / "One.tkape").write_text("Description: one\nTargets:\n- {Name: a, Path: 'C:\\Windows\\', FileMask: 'x*.log'}\n")
    (folder / "Bad.tkape").write_text("Targets: 7\n")
    (folder / "some.yaml").write_text(
        "name: Accounts\ndoc: Accounts.\nsources:\n- type: FILE\n  attributes: {paths: [/etc/passwd, /etc/shadow]}\n"
        "- type: COMMAND\n  attributes: {cmd: /bin/rpm, args: [-qa]}\nsupported_os: [Linux]\n---\n"
        "name: RunKey\ndoc: Key.\nsources:\n- type: REGISTRY_KEY\n  attributes: {keys: ['HKEY_LOCAL_MACHINE\\Software\\X']}\n"
        "- type: REGISTRY_KEY\n  attributes: {keys: ['HKEY_LOCAL_MACHINE\\Hardware\\X']}\nsupported_os: [Windows]\n---\n"
        "name: Folder\ndoc: Folder.\nsources:\n- type: PATH\n  attributes: {paths: [/etc]}\nsupported_os: [Linux]\n"
    )
    return folder


def test_a_definition_brings_those_that_it_names(tmp_path):
    library = ForeignLibrary([definitions(tmp_path / "d")])
    assert [one.name for one in library.choose(["KAPE:both"])] == ["kape:Both", "kape:One"]
    assert library.failures(library.all["kape:Both"]) == ["kape:Gone does not exist"]
    assert "Targets is no list" in library.failures(library.all["kape:Bad"])[0]
    with pytest.raises(Complaint, match="no definition kape:Nothing"):
        library.choose(["kape:Nothing"])


def test_keys_mean_their_hive_with_its_logs(tmp_path):
    library = ForeignLibrary([definitions(tmp_path / "d")])
    one = library.all["artifacts:RunKey"]
    (target,) = one.targets()
    assert target.paths == ("%SystemRoot%/System32/config/SOFTWARE",) and target.groups["log1"] == "{name}.LOG1"
    assert "in memory only" in library.failures(one)[0]


def test_collected_with_secrets_listed_and_commands_not_run(tmp_path, root, collected):
    (root / "etc/shadow").write_text("root:*:1::::::\n")
    given = ["--definitions", str(definitions(tmp_path / "d")), "--targets", "artifacts:Accounts,artifacts:Folder"]
    archive = collected(root, "--os", "linux", *given)
    verdicts = {source: (line["verdict"], line["target"]) for source, line in archive.custody.items() if "target" in line}
    assert verdicts["/etc/passwd"] == ("taken", "artifacts:Accounts")
    assert verdicts["/etc/shadow"] == ("blocked", "artifacts:Accounts")
    assert verdicts["/etc/hostname"] == ("taken", "artifacts:Folder")
    assert "/var/log/syslog" not in verdicts
    assert archive.document("collection.json")["not_run"] == {"artifacts:Accounts": ["/bin/rpm -qa"]}


def test_targets_shows_what_loads_and_why_not(tmp_path, capsys):
    folder = str(definitions(tmp_path / "d"))
    assert scout("targets", "kape:", "--definitions", folder) == 0
    shown = capsys.readouterr().out
    assert "not read: " in shown and "kape:Gone does not exist" in shown and "1 load completely" in shown
    assert scout("targets", "artifacts:Accounts", "--definitions", folder) == 0
    assert "not run   /bin/rpm -qa" in capsys.readouterr().out
    assert scout("targets", "kape:One") == 2
    assert "--definitions" in capsys.readouterr().err


@pytest.mark.parametrize("mask", ["(a+)+$", "(a|aa)+$", ".*a.*a.*a.*a.*b", "(a?)+b", "a" * 2_000, "(" * 500])
def test_an_expression_that_a_name_could_make_slow_is_not_taken(mask, tmp_path):
    found = kape.read(
        tmp_path / "x.tkape", f"Description: x\nTargets:\n  - {{Name: a, Path: 'C:\\x', FileMask: 'regex:{mask}'}}\n".encode()
    )
    assert not found[0].entries and found[0].failures, mask


def test_a_definition_that_is_a_bomb_of_aliases_does_not_load(tmp_path):
    text = "a: &a [x, x]\n" + "".join(f"{chr(97 + n)}: &{chr(97 + n)} [{', '.join([f'*{chr(96 + n)}'] * 10)}]\n" for n in range(1, 12))
    assert kape.read(tmp_path / "x.tkape", (text + "Targets: [{Path: *l}]\n").encode())[0].failures
    assert artifacts.read(tmp_path / "x.yaml", (text + "name: x\nsources: [{type: FILE, attributes: {paths: *l}}]\n").encode())[0].failures
    assert artifacts.read(tmp_path / "x.yaml", b"name: x\nd: 2026-99-99\nsources: []\n")[0].failures, "a date that does not exist"


def test_a_depth_that_no_tree_has_is_no_bound(tmp_path):
    text = b"version: 1.0\nartifacts:\n  -\n    description: x\n    supported_os: [linux]\n    collector: file\n    path: /var\n"
    (found,) = uac.read(tmp_path / "x.yaml", text + b"    max_depth: 99999999999\n")
    assert [path for target in found.targets() for path in target.paths] == ["var", "var/**"]


def test_a_part_without_a_path_is_a_failure_of_it(tmp_path):
    text = b"version: 1.0\nartifacts:\n  -\n    description: x\n    supported_os: [linux]\n    collector: file\n"
    assert uac.read(tmp_path / "x.yaml", text)[0].failures == ("part 1: it has no path",)
