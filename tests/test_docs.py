"""The documents are correct: every console and Python snippet runs, links lead somewhere, commands exist."""

from __future__ import annotations

import http.cookiejar
import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT, need

TOOLS = ("scout", "commodore", "eye", "hunter", "escadre")
RUN = ["README.md", *(f"docs/guide/{page}.md" for page in ("scout", "commodore", "searched", "eye", "elasticsearch", "hunter"))]
"""documents whose snippets run, in this order, in one directory: a guide goes on with what the README's walk made"""
WRITTEN = sorted(p for p in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")] if p.name != "commands.md")
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.M | re.S)
LEFT_OUT = "…"


@dataclass(frozen=True)
class Step:
    """One command of a console block, or one Python block. `said`: the lines that the document shows of it."""

    place: str
    command: str
    code: int
    said: tuple[str, ...]
    python: bool = False


def steps_of(document: str) -> Iterator[Step]:
    text = (ROOT / document).read_text(encoding="utf-8")
    for fence in FENCE.finditer(text):
        at = text.count("\n", 0, fence.start()) + 2
        lines = fence[2].splitlines()
        if fence[1] == "python" and document == "README.md":
            yield Step(f"{document}:{at}", fence[2], 0, (), python=True)
        if fence[1] != "console":
            continue
        assert lines[0].startswith("$ "), f"{document}:{at}: a console block begins with a command"
        begins = [n for n, line in enumerate(lines) if line.startswith("$ ")]
        for n, end in zip(begins, [*begins[1:], len(lines)], strict=True):
            code = re.search(r"# exit (\d+)\s*$", lines[n])
            said = tuple(line for line in lines[n + 1 : end] if line.strip())
            yield Step(f"{document}:{at + n}", lines[n][2:], int(code[1]) if code else 0, said)


STEPS = [step for document in RUN if (ROOT / document).is_file() for step in steps_of(document)]


class Desk:
    """A directory, a shell with the five programs, and what each command said there."""

    def __init__(self, place: Path) -> None:
        self.place, self.out = place / "desk", place / "said"
        self.place.mkdir()
        (place / "bin").mkdir()
        for tool in TOOLS:
            program = place / "bin" / tool
            program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c 'from {tool}.cli import main; main()' \"$@\"\n")
            program.chmod(0o755)
        plain = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "COLUMNS", "ESCADRE_DEBUG")}
        self.environment = plain | {"PATH": f"{place / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
        pipe = subprocess.PIPE
        self.shell = subprocess.Popen(["bash"], cwd=self.place, env=self.environment, stdin=pipe, stdout=pipe, text=True)

    def run(self, step: Step) -> tuple[int, str]:
        if step.python:
            program = [sys.executable, "-c", step.command]
            done = subprocess.run(program, cwd=self.place, env=self.environment, capture_output=True, text=True, timeout=120)
            return done.returncode, done.stdout + done.stderr
        if step.command.startswith("eye serve"):
            return self.serve(step.command)
        assert self.shell.stdin
        assert self.shell.stdout
        watch = threading.Timer(180, self.shell.kill)
        watch.start()
        self.shell.stdin.write(f"{{ {step.command}\n}} >'{self.out}' 2>&1 </dev/null; echo $?\n")
        self.shell.stdin.flush()
        code = self.shell.stdout.readline().strip()
        watch.cancel()
        return int(code or -1), self.out.read_text(encoding="utf-8")

    def serve(self, command: str) -> tuple[int, str]:
        """The address is printed, and leads to the page; a person would end it with Ctrl-C."""
        server = subprocess.Popen(command.split(), cwd=self.place, env=self.environment, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout
            line = server.stdout.readline()
            cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
            browser = urllib.request.build_opener(cookies, urllib.request.ProxyHandler({}))
            with browser.open(line.strip(), timeout=60) as page:
                code = 0 if page.status == 200 and b"<title>" in page.read() else 1
        finally:
            server.terminate()
            server.wait(30)
        return code, line

    def close(self) -> None:
        assert self.shell.stdin
        self.shell.stdin.close()
        self.shell.wait(30)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory in which the documents' commands run."""
    return tmp_path_factory.mktemp("docs") / "desk"


@pytest.fixture(scope="module")
def ran(desk: Path) -> dict[str, tuple[int, str]]:
    """Run every step in order, in one directory. Return place in the document → exit code and output."""
    need(os.name == "posix" and shutil.which("bash"), "bash on Linux")
    shell = Desk(desk.parent)
    try:
        return {step.place: shell.run(step) for step in STEPS}
    finally:
        shell.close()


def shape(line: str) -> str:
    """The line without what differs from run to run: keys, hashes, codes, numbers, sizes, durations, the account."""
    for pattern, plain in (
        (r"age1[0-9a-z]{50,}|age1[0-9a-z]+…[0-9a-z]+", "age1#"),
        (r"\b[0-9a-f]{16,}\b", "#"),
        (r"\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b", "#"),
        (r"token=\S+", "token=#"),
        (r"\d{8}T\d{6}Z", "#"),
        (r"(?<![A-Za-z0-9.])\d+(?:[.,:]\d+)*", "#"),
        (r"# [kMG]?B\b", "# B"),
        (r"(# h )?# min( # s)?", "# s"),
        (r"\bas (root|uid #)", "as #"),
        (r"\s+", " "),
    ):
        line = re.sub(pattern, plain, line)
    return line.strip()


def first_difference(shown: tuple[str, ...], said: list[str]) -> str:
    """'' where the document's lines are those that were said, but for what it leaves out with `…`."""
    at, gap = 0, False
    for line in shown:
        if line.strip() == LEFT_OUT:
            gap = True
            continue
        wanted = shape(line.strip().removesuffix(LEFT_OUT))
        same = (lambda real, w=wanted: real.startswith(w)) if line.rstrip().endswith(LEFT_OUT) else (lambda real, w=wanted: real == w)
        found = next((n for n in range(at, len(said) if gap else min(at + 1, len(said))) if same(shape(said[n]))), None)
        if found is None:
            return f"the document says: {line}\nthe program says:  {said[at] if at < len(said) else '(nothing more)'}"
        at, gap = found + 1, False
    return "" if gap or at == len(said) or not shown else f"the document ends, the program says more: {said[at]}"


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.place)
def test_a_command_ends_and_speaks_as_the_document_says(step: Step, ran: dict[str, tuple[int, str]]) -> None:
    code, said = ran[step.place]
    assert code == step.code, f"{step.command}\nended with {code}:\n{said[-2000:]}"
    assert "Traceback" not in said
    if not step.python:
        assert first_difference(step.said, [line for line in said.splitlines() if line.strip()]) == ""


def test_the_comparison_itself_finds_a_line_that_is_not_said() -> None:
    said = ["Collected  31 of 63 items", "  archive  a.age", "Next: x"]
    assert first_difference(("Collected 7 of 9 items", "…", "Next: x"), said) == ""
    assert first_difference(("Collected 7 of 9 items", "  arch…", "Next: x"), said) == ""
    assert first_difference(("Collected 7 of 9 items", "Next: x"), said)
    assert first_difference(("Collected 7 of 9 things", "…"), said)
    assert first_difference(("Collected 7 of 9 items",), said)


def test_the_page_of_commands_is_what_the_programs_say() -> None:
    command = [sys.executable, "-m", "escadre.helps", "docs/commands.md", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"COLUMNS": "200", "FORCE_COLOR": "1"})
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("document", WRITTEN, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    lost = []
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(#[^)\s]*)?\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        there = (document.parent / target).resolve() if target else document
        if not there.exists():
            lost.append(target)
        elif anchor and there.suffix == ".md" and anchor[1:] not in anchors(there.read_text(encoding="utf-8")):
            lost.append(target + anchor)
    assert lost == []


def anchors(text: str) -> set[str]:
    """What GitHub makes of headings: lower case, blanks to hyphens, other signs away."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


Options = dict[str, list[set[str]]]
"""command (words behind the tool, '' for the program itself) → its options, each with all its names"""


def tree(tool: str) -> Options:
    from typer.main import get_command

    found: Options = {}
    pending = [("", get_command(importlib.import_module(f"{tool}.cli").build_app()))]
    while pending:
        words, command = pending.pop()
        found[words] = [{"--help"}] + [set(p.opts) for p in command.params if p.opts[0].startswith("-")]
        pending += [(f"{words} {name}".strip(), below) for name, below in getattr(command, "commands", {}).items()]
    return found


@pytest.fixture(scope="module")
def commands() -> dict[str, Options]:
    return {tool: tree(tool) for tool in TOOLS}


def calls(text: str) -> Iterator[list[str]]:
    """Calls of the programs in code spans and code blocks, as words."""
    spans = re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    blocks = [line.removeprefix("$ ") for fence in FENCE.finditer(text) if fence[1] in ("console", "sh") for line in fence[2].splitlines()]
    for call in [*spans, *blocks]:
        if "\\" in call:
            continue
        words = re.sub(r"'[^']*'|\"[^\"]*\"", "QUOTED", call).split("#")[0].split()
        if len(words) > 1 and words[0].rsplit("/", 1)[-1] in TOOLS:
            yield [words[0].rsplit("/", 1)[-1], *words[1:]]


@pytest.mark.parametrize("document", [p for p in WRITTEN if "artefacts" not in p.parts], ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_and_options_that_are_named_exist(document: Path, commands: dict[str, Options]) -> None:
    unknown = []
    for tool, *words in calls(document.read_text(encoding="utf-8")):
        known = commands[tool]
        name = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0].rstrip(",")
        name = "" if name.startswith("-") else name
        if name not in known:
            if re.fullmatch(r"[a-z]+", name):
                unknown.append(f"{tool} {name}")
            continue
        given = {word.split("=")[0].rstrip(",.:") for word in words if re.match(r"--?[a-z]", word)}
        unknown += [f"{tool} {name} {option}" for option in sorted(given - set().union(*known[name]))]
    assert unknown == []


GUIDES = {tool: (tool,) for tool in TOOLS[:4]} | {"commodore": ("commodore", "searched"), "eye": ("eye", "elasticsearch")}


@pytest.mark.parametrize("tool", GUIDES)
def test_every_command_and_option_of_a_tool_stands_in_its_guide(tool: str, commands: dict[str, Options]) -> None:
    text = "".join((ROOT / "docs" / "guide" / f"{page}.md").read_text(encoding="utf-8") for page in GUIDES[tool])
    groups = {name.split()[0] for name in commands[tool] if " " in name}
    missing = [f"{tool} {name}" for name in commands[tool] if name and name not in groups and f"{tool} {name}" not in text]
    common = {"--help", "--version", "--install-completion", "--show-completion", "--json"}
    for name, options in commands[tool].items():
        said = [o for o in options if any(re.search(rf"(?<![\w-]){n}(?![\w-])", text) for n in o)]
        missing += [f"{tool} {name} {max(o)}" for o in options if o not in said and not o & common]
    assert missing == []


def test_make_targets_and_modules_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.M))
    texts = {p: p.read_text(encoding="utf-8") for p in [*WRITTEN, ROOT / ".ci" / "run"]}
    named = {(p.name, t) for p, text in texts.items() for t in re.findall(r"(?:^|`)make ([a-z]+)", text, re.M)}
    assert {"demo", "test"} <= {t for _, t in named}
    assert sorted(n for n in named if n[1] not in targets) == []
    modules = {m for text in [makefile, *texts.values()] for m in re.findall(r"python3? -m ([\w.]+)", text)} - {"venv", "pip", "build"}
    assert sorted(m for m in modules if not runs(m)) == []


def test_the_functions_of_the_readme_exist() -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## The same in Python")[1].split("```")[0]
    named = set(re.findall(r"`((?:scout|commodore|eye|hunter)(?:\.\w+)+)`", section))
    assert len(named) > 10
    for name in sorted(named):
        module, _, member = name.rpartition(".")
        assert hasattr(importlib.import_module(module), member), name


def runs(module: str) -> bool:
    """`python -m` has something to run: a module, or a package with `__main__`."""
    place = ROOT.joinpath(*module.split("."))
    if place.is_dir():
        return (place / "__main__.py").is_file()
    return place.with_suffix(".py").is_file() or importlib.util.find_spec(module) is not None


def test_the_walk_makes_nothing_that_git_would_take(ran: dict[str, tuple[int, str]], desk: Path) -> None:
    """Who walks in a checkout finds the key, the archives and the case ignored, and commits no evidence by accident."""
    need(shutil.which("git") and (ROOT / ".git").exists(), "git and a checkout")
    made = sorted(p.name + "/" * p.is_dir() for p in desk.iterdir())
    assert {"key.txt", "archives/", "case/", "plan.yaml", "plan.yaml.journal.jsonl"} <= set(made)
    ignored = subprocess.run(["git", "check-ignore", "--no-index", *made], cwd=ROOT, capture_output=True, text=True)
    assert sorted(set(made) - set(ignored.stdout.splitlines())) == []
