"""What is baked into a bundle, and the folder where it works: the plan there is compared with the baked one each time."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from hunter.plan.model import RemovalPlan
from hunter.plan.place import guarded
from hunter.plan.read import load
from hunter.private import write_private
from hunter.sign.plans import PlanSigner, signature_of, signer_of
from hunter.sign.signers import read
from scout.console import WRONG_USE, Complaint

PLAN, SIGNATURE, SIGNERS = "plan.yaml", "plan.yaml.sig", "allowed_signers"
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class OpenedBundle:
    """The plan of a bundle, written into `folder`, read, and with a signature that fits."""

    folder: Path
    path: Path
    plan: RemovalPlan
    signer: PlanSigner | None


def default_folder() -> Path:
    """Return the folder beside the program: `<program>.work`."""
    return Path(f"{Path(sys.executable).resolve()}.work")


def opened(folder: Path, *, acts: bool) -> OpenedBundle:
    """Write the baked files where they are missing, and read the plan.

    acts   it will be applied, so the signature must be valid now; a signature that expired does not stop undo, verify or the way back
    Complaint (code 2) where a file in the folder is not the baked one, the signature does not fit, or others may write there.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (PLAN, SIGNATURE, SIGNERS):
            baked, place = (_HERE / name).read_bytes(), folder / name
            if not place.exists():
                write_private(place, baked)
            elif place.read_bytes() != baked:
                do = "Give another folder with --dir, or a bundle that was made anew."
                raise Complaint(f"{place} is not the one of this bundle: it was changed, or is of another bundle.", do, WRONG_USE)
    except OSError as e:
        do = "Give a folder on a disk of your own with --dir."
        raise Complaint(f"{e.filename or folder} cannot be used: {e.strerror or e}.", do) from e
    path = folder / PLAN
    guarded(path)
    signer = signer_of(path, read(folder / SIGNERS), required=True) if acts else None
    return OpenedBundle(folder, path, load(path), signer)


def baked_files(plan: Path, signers: Path) -> dict[str, bytes]:
    """Return path in the program → content, for `freeze`."""
    files = {PLAN: plan, SIGNATURE: signature_of(plan), SIGNERS: signers}
    return {f"hunter/bundle/{name}": file.read_bytes() for name, file in files.items()}
