"""Files that are none, names that are none, and files that others wrote: one line of complaint, never a defect of the tool."""

from __future__ import annotations

import importlib
import os

import pytest

from scout.console import _defect, run

LONG = "x" * 5000
COLLECT = ("scout", "collect", "-r", "{recipient}", "--root", "{folder}")
ARGUMENTS = {
    "a name that is too long": ("hunter", "check", LONG),
    "no name": ("hunter", "verify", ""),
    "a file in place of a case": ("commodore", "enrich", "{file}"),
    "a file for what becomes a folder": ("commodore", "export", "{file}", "-o", "{file}/a"),
    "a baseline that is nested deeply": ("commodore", "baseline", "add", "{file}", "-o", "{deep}"),
    "settings that are nested deeply": ("scout", "sign", "{deep}", "-k", "{key}"),
    "a file of zeros without an end as a hive": ("commodore", "hive", "keys", "/dev/full"),
    "a folder as a hive": ("commodore", "hive", "keys", "{folder}"),
    "presigned URLs that are nested deeply": (*COLLECT, "--to", "s3:{deep}"),
    "a list of paths that is nested deeply": (*COLLECT, "--plan", "{deep}", "-o", "{folder}"),
}


@pytest.fixture
def places(tmp_path):
    (tmp_path / "file").write_bytes(b"\x93\0x\n")
    (tmp_path / "deep").write_text("[" * 100_000)
    (tmp_path / "key").write_text("ab" * 32)
    (tmp_path / "folder").mkdir()
    recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
    return {name: str(tmp_path / name) for name in ("file", "deep", "key", "folder")} | {"recipient": recipient}


@pytest.mark.parametrize("what", ARGUMENTS)
def test_odd_arguments_are_a_complaint(what, places, capsys, monkeypatch, tmp_path):
    tool, *arguments = ARGUMENTS[what]
    if "/dev/full" in arguments and not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("ESCADRE_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    code = run(tool, importlib.import_module(f"{tool}.cli").build_app, [one.format(**places) for one in arguments])
    told = capsys.readouterr().err
    assert code in (2, 3)
    assert "defect" not in told
    assert "Traceback" not in told
    assert 0 < len(told) < 1500


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError(36, "File name too long", LONG), MemoryError()])
def test_what_the_system_refuses_is_no_defect(error, capsys):
    import typer

    def refused():
        app = typer.Typer()

        @app.command()
        def only():
            raise error

        return app

    assert run("tool", refused, []) == 3
    told = capsys.readouterr().err
    assert "defect" not in told
    assert len(told) < 600


def test_a_defect_is_still_one(capsys, monkeypatch):
    monkeypatch.delenv("ESCADRE_DEBUG", raising=False)
    assert _defect("tool", OSError("odd")) == 3
    assert "a defect of tool" in capsys.readouterr().err
