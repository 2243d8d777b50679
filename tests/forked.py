"""Run a tool as a program in a fork of the test's process: the same output and exit code, without another start of Python.

Where the system cannot fork, the tool is started as a person would. The tests of a tool's start itself start it for real.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from scout.console import command

ROOT = Path(__file__).resolve().parent.parent


def tool(name: str, *arguments: object, cwd: Path = ROOT, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `scout`, `commodore`, `eye` or `hunter`; standard input is empty."""
    words = [str(argument) for argument in arguments]
    if not hasattr(os, "fork"):
        command = [sys.executable, "-m", f"{name}.cli", *words]
        more = {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        return subprocess.run(
            command, capture_output=True, text=True, cwd=cwd, env=os.environ | more | environment, stdin=subprocess.DEVNULL, timeout=timeout
        )
    build = importlib.import_module(f"{name}.cli").build_app
    prepare(name)
    _parameters(name, words)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os._exit(_run(name, build, words, cwd, environment, timeout, out.fileno(), err.fileno()))
        _, status = os.waitpid(child, 0)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode().replace("\r\n", "\n"))
    return subprocess.CompletedProcess([name, *words], os.waitstatus_to_exitcode(status), *texts)


def _parameters(name: str, words: list[str]) -> None:
    """Make what typer checks the parameters of the called command with, once for all forks; typer makes it when a value comes."""
    called = command(importlib.import_module(f"{name}.cli").build_app)
    for word in words:
        if (below := getattr(called, "commands", {}).get(word)) is None:
            break
        called = below
    for parameter in called.params:
        getattr(parameter, "get_runtime_param", lambda: None)()


@cache
def prepare(name: str) -> None:
    """Load what the tool loads when it works, once for all forks: its own workers among them."""
    for module in ("rich.live", "rich.progress", "rich.table"):
        importlib.import_module(module)
    if name == "scout":
        from scout.targets.loader import load

        load()
    if name == "commodore":
        from commodore import catalogue
        from commodore.case import reader
        from commodore.detection import Detection
        from commodore.engine import process
        from commodore.persistence import suspicion
        from commodore.readers.layers.analysis import analysed
        from scout.coverage import TargetCoverage

        catalogue.matcher(), catalogue.sorters(), Detection.load((), (), None)
        for system in ("linux", "windows"):
            suspicion.is_interpreter("/bin/sh", system), suspicion._compiled(system)
            TargetCoverage.of(("/x",), windows=system == "windows", whole=True)
        analysed("cmd /c powershell -enc VwByAGkAdABlAC0ASABvAHMAdAAgAGgAaQA=", "command")
        assert reader and process


def _run(name, build, words, cwd, environment, timeout, out, err) -> int:
    """In the child: what the interpreter does at a program's start and end. Returns the exit code."""
    import atexit
    import faulthandler
    import signal
    import traceback
    import warnings

    from scout.console import run

    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, to in ((nothing, 0), (out, 1), (err, 2)):
            os.dup2(number, to)
        sys.stdin, sys.stdout, sys.stderr = (
            open(0, closefd=False),
            open(1, "w", encoding="utf-8", closefd=False),
            open(2, "w", encoding="utf-8", closefd=False, errors="backslashreplace"),
        )
        faulthandler.disable()
        atexit._clear()  # those of the tests
        warnings.resetwarnings()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(timeout))
        os.environ.update(environment)
        os.chdir(cwd)
        sys.argv = [name, *words]
        code = run(name, build, words)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException:
        traceback.print_exc()
        code = 1
    import threading

    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code
