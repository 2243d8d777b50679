"""Options that several commands of SCOUT share, as types: `root: Root = None`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scout import console


def target_ids() -> list[tuple[str, str]]:
    """Return (id, what it is) of all targets, for shell completion."""
    from scout.targets import load

    return [(target.id, target.what) for target in load()]


def profile_names() -> list[tuple[str, str]]:
    """Return (name, what it is for) of all profiles, for shell completion."""
    from scout.targets.profiles import profiles

    return [(one.name, one.what) for one in profiles().values()]


# readable=False: a path that cannot be read gets its Complaint and exit code where it is opened
Archive = Annotated[Path, typer.Argument(help="An archive that scout collect wrote.", show_default=False, readable=False)]

Recipients = Annotated[
    list[str] | None,
    typer.Option(
        "-r",
        "--recipient",
        metavar="RECIPIENT",
        help="Who may read it: age1…, an ssh public key, or a file of them. Repeatable.",
        show_default=False,
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ID",
        help="Only these: ids or their beginnings (WR01, LF). Repeatable, or with commas.",
        autocompletion=target_ids,
        show_default=False,
    ),
]
Definitions = Annotated[
    list[Path] | None,
    typer.Option(
        "--definitions",
        metavar="DIR",
        help="A copy of the definitions of ForensicArtifacts, KAPE or UAC: --targets kape:Prefetch. Repeatable.",
        show_default=False,
        readable=False,
    ),
]
Paths = Annotated[
    list[str] | None,
    typer.Option(
        "--path", metavar="PATH", help="Only this file or folder, as the host writes it: /etc/crontab. Repeatable.", show_default=False
    ),
]
Root = Annotated[
    Path | None, typer.Option(help="A mounted Windows or Linux disk instead of this host.", show_default=False, readable=False)
]
Images = Annotated[
    list[Path] | None,
    typer.Option(
        "--image",
        metavar="FILE",
        help="A disk image or a device instead of this host: raw, E01, VHD, VHDX, VMDK, qcow2. Repeatable: disks of one host.",
        show_default=False,
        readable=False,
    ),
]
Profile = Annotated[
    str,
    typer.Option(metavar="PROFILE", help="triage, full, volatile, ransomware … (scout targets lists them).", autocompletion=profile_names),
]
Key = typer.Option("-i", "--identity", help="Secret key: key.txt, or an ssh private key.", show_default=False, readable=False)
To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="DIR|-|URL",
        help="Deliver while it is written: https://host/folder/, sftp://user@host/folder, s3:FILE of presigned URLs, - for stdout.",
        show_default=False,
    ),
]
Authorities = Annotated[
    Path | None,
    typer.Option(
        "--ca", metavar="FILE", help="Trust these certificates (PEM); for sftp a known_hosts file.", show_default=False, readable=False
    ),
]
Pin = Annotated[
    str, typer.Option("--pin", metavar="SHA256", help="Trust this one certificate, or this host key (sftp).", show_default=False)
]
SshKey = Annotated[
    Path | None, typer.Option("--ssh-key", metavar="FILE", help="Private key that logs in for sftp.", show_default=False, readable=False)
]
Gentle = Annotated[bool, typer.Option("--gentle", help="Use less than a quarter of one core, and the disk when it is idle.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress, no notes.")]


def size_of(option: str, text: str) -> int:
    """Return the bytes of a size as a person writes it; 0 for none. Complaint for another text."""
    from scout.targets import parse_size

    try:
        return parse_size(text) if text else 0
    except ValueError as e:
        raise console.Complaint(f"{option}: {e}.", "Write 500MB, 2G or a number of bytes.", console.WRONG_USE) from None
