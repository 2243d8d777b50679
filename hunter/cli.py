"""The command line of HUNTER. Each command calls the function of the same name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commodore import completion
from hunter.commands import COMMANDS
from hunter.commands import place as _place
from hunter.host.host import RemovalHost
from hunter.show import checked, ran, verified
from scout.console import COULD_NOT, DONE, PARTIAL, WRONG_USE, Complaint, Screen, escape, run
from scout.options import Json, program

if TYPE_CHECKING:
    from hunter.plan.model import RemovalAction, RemovalPlan

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
SealFile = Annotated[
    Path | None,
    typer.Option(
        "--seal-key", metavar="FILE", help="Key of who sealed the plan. Without it: escadre/seal.key in your configuration folder."
    ),
]
Signed = Annotated[
    bool, typer.Option("--require-signature", help="Refuse a plan without a valid signature beside it (PLAN.sig, hunter sign).")
]
Signers = Annotated[
    Path | None,
    typer.Option(
        "--allowed-signers",
        metavar="FILE",
        help="Who may sign plans, as ssh-keygen reads it. Without it: escadre/allowed_signers in your configuration folder.",
    ),
]
Key = Annotated[Path | None, typer.Option("-i", "--identity", metavar="KEY", help="Your key file.")]


def plan_command(
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
        typer.Option("--severity", metavar="SEVERITY", help="Findings of at least this severity.", autocompletion=completion.severities),
    ] = "high",
    known: Annotated[
        Path | None,
        typer.Option(
            "--known",
            metavar="FILE",
            help="Keys, lines and accounts of the site, one in a line: those stay, and any other one is no question.",
        ),
    ] = None,
    json_lines: Json = False,
) -> int:
    """Make a removal plan from the findings of a case."""
    from hunter.planning.write import make

    return make(case, output, recipient or (), host, severity, Screen(json_lines=json_lines), known)


def check_command(
    plan: PlanFile,
    root: Root = None,
    known: Known = None,
    seal: Annotated[bool, typer.Option("--seal", help="Take the present state as expected, and renew the seal.")] = False,
    seal_key: SealFile = None,
    signed: Signed = False,
    signers: Signers = None,
    json_lines: Json = False,
) -> int:
    """Compare a plan with the present state. Changes nothing on the host."""
    from hunter.plan import reseal as plan_edit
    from hunter.plan import sealkey
    from hunter.plan.read import load
    from hunter.run import check as checking

    screen, plan = Screen(json_lines=json_lines), _place(plan)
    if seal and signed:
        raise Complaint("--seal changes the plan, so that no signature fits.", "Seal it first, then: hunter sign PLAN -k KEY", WRONG_USE)
    if seal and seal_key is not None:
        raise Complaint("--seal seals with your own key.", "Leave --seal-key out.", WRONG_USE)
    with _host(root) as host:
        read = load(plan, sealed=False) if seal else _read(plan, seal_key, screen, signers, signed=signed)
        report = checking.check(read, plan, host, known or (), anew=seal)
        checked.report(screen, report, plan, root, "Check", ends=not seal)
        if not seal:
            return DONE if report.ready else COULD_NOT
        renewed = checking.reseal(read, report, host)
        now = checking.check(renewed, plan, host, known or ())
        plan_edit.renew(plan, renewed, sealkey.ready())
        checked.sealed(screen, report, now, plan, root)
        return DONE


def apply_command(
    plan: PlanFile,
    root: Root = None,
    known: Known = None,
    yes: Annotated[bool, typer.Option("--yes", help="Apply the plan. Without this, nothing is changed.")] = False,
    learn: Annotated[
        float,
        typer.Option(
            "--learn", metavar="MINUTES", min=0, max=60, help="Look so long what the host changes by itself, before anything is changed."
        ),
    ] = 0,
    seal_key: SealFile = None,
    signed: Signed = False,
    signers: Signers = None,
    json_lines: Json = False,
) -> int:
    """Apply a plan, or show what it would do. Completes an interrupted run."""
    from hunter.run import apply as applying
    from hunter.run import check as checking

    screen, plan = Screen(json_lines=json_lines, goes_on=yes), _place(plan)
    with _host(root) as host:
        read = _read(plan, seal_key, screen, signers, signed=signed)
        if not yes:
            if (so_far := applying.standing(read, plan, host)) is not None:
                if so_far.already:
                    ran.applied(screen, so_far)
                else:
                    ran.interrupted(screen, so_far, plan, root)
                return DONE
            report = checking.check(read, plan, host, known or ())
            checked.report(screen, report, plan, root, "Dry run")
            return DONE if report.ready else COULD_NOT
        outcome = applying.apply(read, plan, host, known or (), ran.ticker(screen, read), learn * 60)
        if isinstance(outcome, checking.Report):
            checked.report(screen, outcome, plan, root, "Checked" if outcome.ready else "Refused")
            return DONE if outcome.ready else COULD_NOT
        ran.applied(screen, outcome)
        return PARTIAL if outcome.unexplained or outcome.left_out or outcome.returned else DONE


def verify_command(
    plan: PlanFile,
    root: Root = None,
    identity: Key = None,
    archive: Annotated[Path | None, typer.Option("--archive", help="A fresh archive of the host instead of the host itself.")] = None,
    after_reboot: Annotated[
        bool, typer.Option("--after-reboot", help="Refuse where the host was not started again since the run.")
    ] = False,
    detect: Annotated[bool, typer.Option("--detect/--no-detect", help="With --archive: search it anew with all detectors.")] = True,
    seal_key: SealFile = None,
    signed: Signed = False,
    signers: Signers = None,
    json_lines: Json = False,
) -> int:
    """Check that every target of a plan is gone. Exit code 0: all gone; 1: something is there or was not looked at."""
    from hunter.run import verify as verifying

    screen, plan = Screen(json_lines=json_lines), _place(plan)
    read = _read(plan, seal_key, screen, signers, signed=signed)
    beyond: list[tuple[RemovalAction, str]] = []
    if after_reboot and (archive is not None or root is not None):
        raise Complaint("--after-reboot is for the running host.", "Leave --archive and --root out.", WRONG_USE)
    if archive is not None:
        if identity is None or root is not None:
            do = "hunter verify PLAN --archive NEW -i key.txt"
            raise Complaint("--archive needs a key (-i) and excludes --root.", do, WRONG_USE)
        from hunter.fresh.verify_archive import verify_archive  # it needs COMMODORE's engine, which a host has not

        fresh = verify_archive(read, plan, archive, identity, detect=detect)
        verdicts, beyond, started = fresh.targets, fresh.beyond, fresh.started
    else:
        with _host(root) as host:
            verdicts = verifying.verify(read, plan, host, after_reboot=after_reboot)
    from hunter.record import proofs, runs
    from hunter.run.session import journal_of

    how = archive.name if archive is not None else "the mounted root" if root is not None else "the host"
    if archive is not None and started and started < (applied := runs.applied_at(plan)):
        screen.note(
            f"{how} was collected at {escape(started)}, before the plan was applied ({escape(applied)}). It shows the host before the "
            "removal, so this result is not kept for the report. Collect again: scout collect",
            style="yellow",
        )
    elif journal_of(plan).exists() and (why := proofs.keep(plan, read.seal(), how, verdicts)):
        screen.note(f"The result was not kept for the report: {why}.")
    verified.verdicts(screen, read, verdicts, plan, root, beyond)
    return DONE if all(v.gone for v in verdicts) and not beyond else PARTIAL


def undo_command(
    journal: Annotated[Path, typer.Argument(metavar="JOURNAL", help="PLAN.journal.jsonl, as apply wrote it.")],
    root: Root = None,
    identity: Key = None,
    action: Annotated[list[str] | None, typer.Option("--action", metavar="ID", help="Only this action. May be given again.")] = None,
    json_lines: Json = False,
) -> int:
    """Take a run back, also an interrupted one: what it changed is as it was before."""
    from hunter.run import undo as undoing

    screen = Screen(json_lines=json_lines, goes_on=True)
    with _host(root) as host:
        outcome = undoing.undo(_place(journal), host, action or (), identity, ran.undo_ticker(screen))
    ran.undone(screen, outcome)
    return PARTIAL if outcome.unexplained or outcome.left_out else DONE


def close_command(journal: Annotated[Path, typer.Argument(metavar="JOURNAL", help="PLAN.journal.jsonl.")], json_lines: Json = False) -> int:
    """Delete the run key beside a journal. Afterwards only the key of a recipient opens the backups."""
    from hunter.run import undo as undoing

    there, way_back = undoing.close(_place(journal))
    ran.closed(Screen(json_lines=json_lines), journal, way_back, there=there)
    return DONE


def sign_command(
    plan: PlanFile,
    key: Annotated[Path, typer.Option("-k", "--key", metavar="KEY", help="Your SSH private key (ssh-keygen -t ed25519).")],
    json_lines: Json = False,
) -> int:
    """Sign a sealed plan with an SSH key: PLAN.sig, as ssh-keygen -Y verify reads it."""
    from hunter.plan import sealkey
    from hunter.plan.read import load
    from hunter.show.signed import signed as told
    from hunter.sign import plans

    screen, plan = Screen(json_lines=json_lines), _place(plan)
    load(plan, key=sealkey.present())
    told(screen, plan, plans.sign(plan, opened := plans.load_key(key, plans.ask_passphrase)), opened)
    return DONE


_COMMANDS: dict[str, Callable[..., int]] = {
    "plan": plan_command,
    "check": check_command,
    "sign": sign_command,
    "apply": apply_command,
    "verify": verify_command,
    "undo": undo_command,
    "close": close_command,
}


def build_app() -> typer.Typer:
    """Build the command line anew, so that nothing global is shared."""
    app = program("Remove malware and its persistence, with a journal, a proof and an undo.", GUIDE)
    for name, command in (_COMMANDS | COMMANDS).items():
        app.command(name)(command)
    return app


def _read(plan: Path, seal_key: Path | None, screen: Screen, signers: Path | None, *, signed: bool) -> RemovalPlan:
    """Read a sealed plan, and check the signature beside it. Where nothing shows who made the plan, print that."""
    from hunter.plan import sealkey
    from hunter.plan.read import load

    if not plan.name:
        raise Complaint("the plan has no name.", "Name the file that hunter plan wrote.", WRONG_USE)
    signer = None
    if signed or signers is not None or plan.with_name(f"{plan.name}.sig").exists():
        from hunter.sign import plans

        signer = plans.signer_of(plan, plans.allowed(signers), required=signed or signers is not None)
    key = sealkey.present(seal_key) if signer is None or seal_key is not None else None
    read = load(plan, key=key)
    if signer is not None:
        screen.note(f"Signed by {escape(signer.name)} with the key {signer.fingerprint}.")
    elif key is None:
        screen.note(
            "Sealed without key: there is no seal key here, so the seal shows that nobody edited the plan by accident, "
            "and not who sealed it (--seal-key FILE)."
        )
    return read


@contextmanager
def _host(root: Path | None) -> Iterator[RemovalHost]:
    try:
        host = RemovalHost(root)
    except OSError as e:
        do = "Give the mounted root of the host with --root."
        raise Complaint(f"{root or '/'} cannot be opened: {e.strerror}.", do, WRONG_USE) from e
    with host:
        yield host


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run("hunter", build_app))
