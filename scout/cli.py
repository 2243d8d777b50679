"""The `scout` command: a thin layer over `collect`, `verify`, `list_members`, `keygen` and `load`. Heavy imports are inside functions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from scout import console
from scout.command_options import (
    Archive,
    Authorities,
    Definitions,
    Gentle,
    Images,
    Key,
    Only,
    Paths,
    Pin,
    Profile,
    Quiet,
    Recipients,
    Root,
    SshKey,
    To,
    size_of,
    target_ids,
)
from scout.options import Json, program
from scout.sweep_command import sweep

GUIDE = """SCOUT collects the evidence of one host into one encrypted archive.

  1  scout keygen -o key.txt                 on the analyst's machine: a key pair; the secret key stays there
  2  scout collect -r age1… -o /media/usb    on the suspect host, as root; --explain shows first what would be taken
  3  scout verify ARCHIVE -i key.txt         whole and unchanged?
  4  commodore process ARCHIVE -i key.txt -o case/

scout collect --root /mnt/disk takes a mounted Windows or Linux disk, --image disk.E01 a disk image.
--path /etc/crontab takes one file or folder.
scout targets lists what is collected, and why.
scout --help and scout COMMAND --help explain every option."""


def main() -> None:
    """Entry point of the console script."""
    sys.exit(console.run("scout", build_app))


def build_app() -> typer.Typer:
    """The typer app."""
    about = "Collect the evidence of one host into one encrypted archive."
    app = program(about, GUIDE)
    app.command()(collect)
    app.command()(sweep)
    app.command()(keygen)
    app.command()(verify)
    app.command(name="list")(list_)
    app.command()(targets)
    app.command()(build)
    app.command()(sign)
    return app


def collect(
    recipient: Recipients = None,
    out: Annotated[Path, typer.Option("-o", "--output", help="Directory for the archive and its receipt.", readable=False)] = Path(),
    to: To = "",
    keep: Annotated[bool, typer.Option("--keep", help="With --to URL: keep a local copy in -o too.")] = False,
    ca: Authorities = None,
    pin: Pin = "",
    ssh_key: SshKey = None,
    retry_for: Annotated[
        int, typer.Option("--retry-for", metavar="SECONDS", help="Give a server up after so long without progress.", min=1)
    ] = 300,
    root: Root = None,
    images: Images = None,
    shadows: Annotated[
        bool, typer.Option("--shadows/--no-shadows", help="With --image: take the shadow copies too.", show_default=False)
    ] = True,
    profile: Profile = "triage",
    targets: Only = None,
    definitions: Definitions = None,
    paths: Paths = None,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help="Only the paths that this file lists, one a line.", show_default=False, readable=False),
    ] = None,
    max_file: Annotated[
        str, typer.Option(metavar="SIZE", help="Leave files with more data than this: 500MB, 2G.", show_default=False)
    ] = "",
    max_total: Annotated[str, typer.Option(metavar="SIZE", help="Stop taking content after so much.", show_default=False)] = "",
    min_free: Annotated[
        str, typer.Option(metavar="SIZE", help="Leave so much space at the output: nothing more is taken below it.", show_default=False)
    ] = "",
    gentle: Gentle = False,
    allow_temp_file: Annotated[
        bool,
        typer.Option(
            "--allow-temp-file",
            help="On a live Windows whose volume cannot be read raw: copy loaded hives to temporary files in -o, in clear text.",
        ),
    ] = False,
    removable: Annotated[bool, typer.Option("--removable", help="On a live Windows: removable drives too (sticks, cards).")] = False,
    system: Annotated[
        str,
        typer.Option(
            "--os",
            metavar="SYSTEM",
            help="windows or linux, where the tree does not show it.",
            autocompletion=lambda: ["windows", "linux"],
            show_default=False,
        ),
    ] = "",
    explain: Annotated[bool, typer.Option("--explain", help="Show what would be taken, with sizes; take nothing.")] = False,
    quiet: Quiet = False,
    json_lines: Json = False,
) -> int:
    """Collect this host, a mounted disk, or disk images, into one encrypted archive."""
    from scout.collecting import pathlist
    from scout.collecting.collect import collect as run
    from scout.collecting.options import CollectOptions
    from scout.delivering.delivery import DeliveryOptions

    screen = console.Screen(json_lines=json_lines, quiet=quiet)
    if system not in ("", "windows", "linux"):
        raise console.Complaint(f"--os {system}: not a system that scout knows.", "Give windows or linux.", console.WRONG_USE)
    wanted = [*(paths or []), *(pathlist.read(plan) if plan is not None else [])]
    if wanted and targets:
        given = "--path" if paths else "--plan"
        raise console.Complaint(f"{given} and --targets were given together.", "Give one of them.", console.WRONG_USE)
    delivery = DeliveryOptions(to=to, ca=ca, pin=pin, ssh_key=ssh_key, keep=keep, retry_for=retry_for)
    options = CollectOptions(
        paths=wanted,
        recipients=recipient or [],
        out=delivery.folder or out,
        delivery=delivery,
        root=root,
        images=images or [],
        shadows=shadows,
        profile=profile,
        system=system,
        max_file=size_of("--max-file", max_file),
        max_total=size_of("--max-total", max_total),
        min_free=size_of("--min-free", min_free),
        gentle=gentle,
        allow_temp_file=allow_temp_file,
        removable=removable,
        targets=[name for given in targets or [] for name in given.split(",") if name],
        definitions=definitions or [],
    )
    if explain:
        from scout.collecting.explain import explain as show

        return show(options, screen)
    from scout.collecting.summary import summary

    return summary(run(options, screen), screen)


def keygen(
    out: Annotated[Path, typer.Option("-o", "--output", help="File for the secret key; it must not exist.")] = Path("key.txt"),
    json_lines: Json = False,
) -> None:
    """Make the analyst's key pair (age format)."""
    from scout.keys import keygen as run

    public = run(out)
    screen = console.Screen(json_lines=json_lines)
    screen.say(f"Secret key   {console.escape(out)}     keep it off the suspect host: whoever has it can read your archives")
    screen.say(f"Public key   {public}")
    screen.say(f"Next: scout collect -r {public}", "bold")
    if json_lines:
        screen.emit({"key": str(out), "public": public})


def verify(
    archives: Annotated[list[Path], typer.Argument(metavar="ARCHIVE...", help="Archives that scout collect wrote.", readable=False)],
    identity: Annotated[Path | None, Key] = None,
    receipt: Annotated[
        str | None, typer.Option(metavar="FILE|CODE", help="The receipt file, or the short code from paper.", show_default=False)
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the custody report, for a person, to a new file; - prints it.", show_default=False),
    ] = None,
    json_lines: Json = False,
) -> int:
    """Check whether an archive is complete, unchanged, and the one that scout wrote."""
    from dataclasses import asdict

    from scout.keys import load_identities
    from scout.verifying.receipts import check_readable
    from scout.verifying.report import write as write_report
    from scout.verifying.verify import verify as run

    screen = console.Screen(json_lines=json_lines)
    if len(archives) == 1:
        check_readable(archives[0])
    elif receipt is not None:
        raise console.Complaint("--receipt belongs to one archive.", "Verify each archive with its own receipt.", console.WRONG_USE)
    identities = load_identities(identity) if identity else None
    if report is not None and (identities is None or len(archives) != 1):
        raise console.Complaint("--report needs one archive and a key.", "Give -i key.txt and one ARCHIVE.", console.WRONG_USE)
    code = console.DONE
    for archive in archives:
        try:
            verdict = run(archive, identities, receipt)
        except console.Complaint as c:  # only this archive failed; verify the others
            if len(archives) == 1:
                raise
            console.complain("scout", c.what, c.do)
            code = max(code, c.code)
            continue
        if len(archives) > 1:
            screen.say(console.escape(archive), "bold")
        for line in verdict.lines:
            screen.say(line)
        if json_lines:
            screen.emit(asdict(verdict))
        if report is not None and identities is not None:
            write_report(report, archive, identities, verdict, screen)
        code = max(code, verdict.code)
    return code


def list_(archive: Archive, identity: Annotated[Path, Key], json_lines: Json = False) -> int:
    """List every wanted item of an archive with its verdict."""
    from scout.keys import load_identities
    from scout.verifying.listing import list_members, shown_place

    screen = console.Screen(json_lines=json_lines)
    listing = list_members(archive, load_identities(identity))
    for row in listing:
        if json_lines:
            screen.emit(row)
        else:
            size = f"{row['size']:>15,}" if isinstance(row.get("size"), int) else f"{'-':>15}"
            screen.say(f"{console.escape(row['verdict']):<18} {size}  {console.escape(shown_place(row))}")
    for text in listing.problems[:20]:
        screen.note(f"Not listed: {console.escape(text)}.", "yellow")
    if listing.state == "interrupted":
        screen.note(f"Interrupted: {console.escape(listing.reason)}. What is listed is complete; scout verify reports more.", "yellow")
    return console.PARTIAL if listing.problems or listing.state == "interrupted" else console.DONE


def targets(
    name: Annotated[
        str | None, typer.Argument(metavar="ID", help="Id or its beginning: WR01, LF.", autocompletion=target_ids, show_default=False)
    ] = None,
    definitions: Definitions = None,
    json_lines: Json = False,
) -> None:
    """Show what is collected: what, where, why, size, access, priority. With --definitions: what definitions of other collectors take."""
    from scout.collecting.explain import show_targets

    show_targets(name, console.Screen(json_lines=json_lines), definitions or [])


def build(
    recipient: Recipients = None,
    out: Annotated[Path, typer.Option("-o", "--output", help="Directory for the agent and its bill of materials.")] = Path(),
    profile: Profile = "triage",
    targets: Only = None,
    archives: Annotated[str, typer.Option(metavar="PATH", help="Where the agent writes its archives.")] = ".",
    to: To = "",
    pin: Pin = "",
    max_file: Annotated[str, typer.Option(metavar="SIZE", help="As for collect.", show_default=False)] = "",
    max_total: Annotated[str, typer.Option(metavar="SIZE", help="As for collect.", show_default=False)] = "",
    runtime_dir: Annotated[
        str,
        typer.Option(
            metavar="PATH", help="Where the agent unpacks itself: memory on Linux, the current folder on Windows.", show_default=False
        ),
    ] = "",
    signer: Annotated[
        str, typer.Option(metavar="KEY", help="Public key (scout sign --new) of settings beside the agent.", show_default=False)
    ] = "",
    yara: Annotated[bool, typer.Option("--yara", help="With YARA, for rules in sweeps: 2 MB more.")] = False,
    json_lines: Json = False,
) -> None:
    """Make the one-file agent for this system, with recipients, profile and delivery built in."""
    import platform

    from scout.agent.build import build as run
    from scout.agent.freeze import runtime_of
    from scout.agent.settings import AgentSettings
    from scout.delivering.delivery import DeliveryOptions, carrier_of
    from scout.keys import load_recipients

    delivery = DeliveryOptions(to=to, pin=pin)
    if delivery.remote and not to.startswith("s3:"):  # the file of presigned URLs lies beside the agent
        carrier_of(delivery)
    screen = console.Screen(json_lines=json_lines)
    texts = load_recipients(recipient or [])[1] if recipient else []
    known = AgentSettings(
        recipients=tuple(texts),
        profile=profile,
        targets=tuple(name for given in targets or [] for name in given.split(",") if name),
        out=archives,
        to=to,
        pin=pin,
        max_file=size_of("--max-file", max_file),
        max_total=size_of("--max-total", max_total),
        signer=signer,
        runtime_dir=runtime_dir,
    )
    made = run(known, out, yara=yara)
    screen.say(f"Agent    {console.escape(made.path)}   {console.megabytes(made.size)}")
    screen.say(f"sha256   {made.sha256}")
    screen.say(f"Parts    {console.escape(made.bill)}")
    screen.say(f"Unpacks  to {console.escape(runtime_of(runtime_dir) or 'the folder for temporary files')}")
    if made.glibc:
        screen.say(f"Runs on  {console.escape(platform.system())} {console.escape(platform.machine())} with glibc {made.glibc} or newer")
    screen.say(f"Next: {console.escape(made.path)} agent --show-config", "bold")
    if json_lines:
        screen.emit({"agent": str(made.path), "sha256": made.sha256, "size": made.size, "bill": str(made.bill), "glibc": made.glibc})


def sign(
    file: Annotated[Path | None, typer.Argument(help="Settings for an agent: scout.json.", show_default=False, readable=False)] = None,
    key: Annotated[Path, typer.Option("-k", "--key", help="Secret key for settings.", readable=False)] = Path("settings.key"),
    new: Annotated[bool, typer.Option("--new", help="Make the key; print its public half for scout build --signer.")] = False,
) -> None:
    """Sign settings that ride beside an agent, or make the key for that."""
    from scout.agent import signing

    screen = console.Screen()
    if new:
        screen.say(f"Public key   {signing.new_key(key)}")
    elif file is None:
        raise console.Complaint("Nothing to sign was given.", "Give a file of settings, or --new.", console.WRONG_USE)
    else:
        screen.say(f"Signature   {console.escape(signing.sign_file(file, key))}")


def __getattr__(name: str) -> Any:
    """Return `app` for shell completion and documentation tools; it is built on demand."""
    if name == "app":
        return build_app()
    raise AttributeError(name)


if __name__ == "__main__":
    main()
