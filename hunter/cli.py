"""`hunter`: plan, check, apply, verify, undo, close. A thin skin over the functions of the same names."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from commodore import completion
from hunter import show
from hunter.host.tree import HostTree
from scout.console import COULD_NOT, DONE, PARTIAL, WRONG_USE, Complaint, Screen, run
from scout.options import Json, program

GUIDE = """HUNTER removes what was found, keeps a backup and a journal, and can take the removal back.

  1  hunter plan case --host HOST -o plan.yaml       a plan that you read before anything is changed
  2  hunter apply plan.yaml                          dry run on the host; --root /mnt/disk takes a mounted disk
  3  hunter apply plan.yaml --yes                    do it
  4  hunter verify plan.yaml                         is everything gone?
     hunter undo plan.yaml.journal.jsonl             the host as it was before

hunter --help and hunter COMMAND --help explain every option."""

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan (YAML).")]
Root = Annotated[Path | None, typer.Option("--root", help="A mounted root instead of this host.")]
Known = Annotated[
    list[str] | None,
    typer.Option(
        "--i-know",
        metavar="TARGET",
        help="Override the guard list for one target: its exact path, or the name of its unit, as in the plan. May be given again.",
    ),
]
Key = Annotated[Path | None, typer.Option("-i", "--identity", metavar="KEY", help="Your key file.")]


def build_app() -> typer.Typer:
    """The command line, built anew so that nothing global is shared."""
    app = program("Remove malware and its persistence, with a journal, a proof and an undo.", GUIDE)

    @app.command()
    def plan(
        case: Annotated[Path, typer.Argument(metavar="CASE", help="A case of commodore.")],
        output: Annotated[
            str, typer.Option("-o", "--output", metavar="PATH", help="The plan. A folder, or a name with / at its end: one plan per host.")
        ],
        recipient: Annotated[
            list[str] | None,
            typer.Option(
                "-r",
                "--recipient",
                metavar="RECIPIENT",
                help="Who can open the backups (age1…, ssh-…). Without it: those whom the archive was made for.",
            ),
        ] = None,
        host: Annotated[str | None, typer.Option("--host", metavar="HOST", help="Only this host.", autocompletion=completion.hosts)] = None,
        severity: Annotated[
            str,
            typer.Option(
                "--severity", metavar="SEVERITY", help="Findings of at least this severity.", autocompletion=completion.severities
            ),
        ] = "high",
        json_lines: Json = False,
    ) -> int:
        """Make a removal plan from the findings of a case."""
        from hunter.planning.write import make

        return make(case, output, recipient or (), host, severity, Screen(json_lines=json_lines))

    @app.command()
    def check(
        plan: PlanFile,
        root: Root = None,
        known: Known = None,
        seal: Annotated[bool, typer.Option("--seal", help="Take the present state as expected, and renew the seal.")] = False,
        json_lines: Json = False,
    ) -> int:
        """Compare a plan with the present state. Changes nothing on the host."""
        from hunter.plan import reseal as plan_edit
        from hunter.plan.read import load
        from hunter.run import check as checking

        screen, plan = Screen(json_lines=json_lines), _place(plan)
        with _tree(root) as tree:
            read = load(plan, sealed=not seal)
            report = checking.check(read, plan, tree, known or ())
            show.report(screen, report, plan, root, "Check", ends=not seal)
            if not seal:
                return DONE if report.ready else COULD_NOT
            renewed = checking.reseal(read, report, tree)
            now = checking.check(renewed, plan, tree, known or ())
            plan_edit.renew(plan, renewed)
            show.sealed(screen, report, now, plan, root)
            return DONE

    @app.command()
    def apply(
        plan: PlanFile,
        root: Root = None,
        known: Known = None,
        yes: Annotated[bool, typer.Option("--yes", help="Do it. Without this nothing is changed.")] = False,
        json_lines: Json = False,
    ) -> int:
        """Do a plan, or show what it would do. Completes a run that was interrupted."""
        from hunter.plan.read import load
        from hunter.run import apply as applying
        from hunter.run import check as checking

        screen, plan = Screen(json_lines=json_lines, goes_on=yes), _place(plan)
        with _tree(root) as tree:
            read = load(plan)
            if not yes:
                if (so_far := applying.standing(read, plan, tree)) is not None:
                    if so_far.already:
                        show.applied(screen, so_far)
                    else:
                        show.interrupted(screen, so_far, plan, root)
                    return DONE
                report = checking.check(read, plan, tree, known or ())
                show.report(screen, report, plan, root, "Dry run")
                return DONE if report.ready else COULD_NOT
            outcome = applying.apply(read, plan, tree, known or (), show.ticker(screen, read))
            if isinstance(outcome, checking.Report):
                show.report(screen, outcome, plan, root, "Refused" if outcome.actions else "Checked")
                return DONE if outcome.ready else COULD_NOT
            show.applied(screen, outcome)
            return PARTIAL if outcome.unexplained or outcome.left_out else DONE

    @app.command()
    def verify(
        plan: PlanFile,
        root: Root = None,
        identity: Key = None,
        archive: Annotated[Path | None, typer.Option("--archive", help="A fresh archive of the host instead of the host itself.")] = None,
        json_lines: Json = False,
    ) -> int:
        """Look whether every target of a plan is gone: 0 all gone, 1 something is there or was not looked at."""
        from hunter.plan.read import load
        from hunter.run import verify as verifying

        plan = _place(plan)
        read = load(plan)
        if archive is not None:
            if identity is None or root is not None:
                do = "hunter verify PLAN --archive NEW -i key.txt"
                raise Complaint("An archive is verified with a key and without --root.", do, WRONG_USE)
            verdicts = verifying.verify_archive(read, plan, archive, identity)
        else:
            with _tree(root) as tree:
                verdicts = verifying.verify(read, plan, tree)
        show.verdicts(Screen(json_lines=json_lines), read, verdicts, plan, root)
        return DONE if all(v.gone for v in verdicts) else PARTIAL

    @app.command()
    def undo(
        journal: Annotated[Path, typer.Argument(metavar="JOURNAL", help="PLAN.journal.jsonl, as apply wrote it.")],
        root: Root = None,
        identity: Key = None,
        action: Annotated[list[str] | None, typer.Option("--action", metavar="ID", help="Only this action. May be given again.")] = None,
        json_lines: Json = False,
    ) -> int:
        """Take a run back: the host is as it was before. Also takes back a run that was interrupted."""
        from hunter.run import undo as undoing

        screen = Screen(json_lines=json_lines, goes_on=True)
        with _tree(root) as tree:
            outcome = undoing.undo(_place(journal), tree, action or (), identity, show.undo_ticker(screen))
        show.undone(screen, outcome)
        return PARTIAL if outcome.unexplained or outcome.left_out else DONE

    @app.command()
    def close(journal: Annotated[Path, typer.Argument(metavar="JOURNAL", help="PLAN.journal.jsonl.")], json_lines: Json = False) -> int:
        """Delete the run key beside a journal: afterwards only the key of a recipient opens the backups."""
        from hunter.run import undo as undoing

        there, way_back = undoing.close(_place(journal))
        show.closed(Screen(json_lines=json_lines), journal, way_back, there=there)
        return DONE

    return app


def _place(path: Path) -> Path:
    """The real place of a plan or journal that is reached through links: what lies beside it must not depend on who turns a link."""
    real = Path(os.path.realpath(path))
    return path if real == Path(os.path.abspath(path)) else real  # noqa: PTH100  (without `..` being resolved by links)


@contextmanager
def _tree(root: Path | None) -> Iterator[HostTree]:
    if os.name == "nt":
        raise Complaint(
            "The mechanisms of this version remove Linux persistence and cannot be applied here.",
            "Run hunter on the Linux host, or on a Linux machine with --root.",
        )
    try:
        tree = HostTree(root)
    except OSError as e:
        do = "Give the mounted root of the host with --root."
        raise Complaint(f"{root or '/'} cannot be opened: {e.strerror}.", do, WRONG_USE) from e
    with tree:
        yield tree


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run("hunter", build_app))
