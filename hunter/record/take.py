"""Take what came back from hosts into a case: `CASE/hunter/<host>/<first 16 characters of the seal>/plan.yaml` and the files beside it.

An archive is data of a host that may lie: only the names that `pack` writes are taken, each at most once and within a bound; the plan must
carry its seal and the journal its chain. Nothing is ever written over other content.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

from hunter.plan.read import load
from hunter.private import write_private
from hunter.record.pack import PLAN, SUFFIXES, VOLUME
from hunter.record.runs import read_run
from scout.archive.reader import ArchiveReader
from scout.console import WRONG_USE, Complaint, escape
from scout.keys import load_identities

MAX_FILE = 64 << 20
"""most bytes of a plan or journal"""
_BACKUP = re.compile(r"[A-Za-z0-9._-]{1,100}")
_FOLDER = re.compile(r"[^A-Za-z0-9._-]")


def folder_of(case: Path) -> Path:
    """Return `CASE/hunter`. Complaint where this is no case."""
    if not (case / "case.json").is_file():
        raise Complaint(f"{case} is no case: it has no case.json.", "Give the folder that commodore process made.", WRONG_USE)
    return case / "hunter"


def take_archive(case: Path, archive: Path, key: Path) -> Path:
    """Take an archive of `hunter pack` (or of a bundle) into the case; return its folder there."""
    place = _fresh(case)
    try:
        with ArchiveReader(archive, load_identities(key)) as reader:
            for member in reader:
                if member.kind == "files" and member.name.startswith(f"files/{VOLUME}/"):
                    name = member.name.removeprefix(f"files/{VOLUME}/")
                    if name.removeprefix(PLAN) in SUFFIXES and name.startswith(PLAN):
                        data = member.stream.read(MAX_FILE + 1)
                        if len(data) > MAX_FILE:
                            raise Complaint(
                                f"{archive}: {escape(name)} is larger than {MAX_FILE >> 20} MiB.", "It is no archive of hunter pack."
                            )
                        write_private(place / name, data)
                    elif (folder := name.rpartition("/"))[0] == f"{PLAN}.backup" and _BACKUP.fullmatch(folder[2]):
                        (place / folder[0]).mkdir(mode=0o700, exist_ok=True)
                        with open(os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                            shutil.copyfileobj(member.stream, out, 1 << 20)
            if reader.state != "complete":
                do = "Bring it again from the host: hunter pack PLAN (in a bundle: pack)."
                raise Complaint(f"{archive} is incomplete: {escape(reader.reason)}. Nothing was taken.", do)
        if not (place / PLAN).exists():
            raise Complaint(f"{archive} has no plan: it is no archive of hunter pack.", "scout list shows what is in it.", WRONG_USE)
        return _settle(case, place, archive)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def take_files(case: Path, plan: Path) -> Path:
    """Take a plan and the files beside it, without the run key, into the case; return its folder there."""
    place = _fresh(case)
    try:
        for suffix in SUFFIXES:
            with suppress(FileNotFoundError):
                write_private(place / f"{PLAN}{suffix}", plan.with_name(plan.name + suffix).read_bytes())
        backups = plan.with_name(plan.name + ".backup")
        if backups.is_dir():
            shutil.copytree(backups, place / f"{PLAN}.backup")
        return _settle(case, place, plan)
    except OSError as e:
        raise Complaint(
            f"{e.filename or plan} cannot be read: {e.strerror or e}.", "Give a plan, or an archive of hunter pack.", WRONG_USE
        ) from e
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _fresh(case: Path) -> Path:
    home = folder_of(case)
    try:
        home.mkdir(mode=0o700, exist_ok=True)
        return Path(mkdtemp(prefix=".new-", dir=home))
    except OSError as e:
        raise Complaint(f"{home} cannot be written: {e.strerror}.", "Give a case that you may write.") from e


def _settle(case: Path, place: Path, origin: Path) -> Path:
    """Check what came, and move it to its place: a longer journal of the same run replaces a shorter one, and nothing else is replaced."""
    try:
        plan = load(place / PLAN, acts=False)
        run = read_run(place / PLAN)
    except Complaint as e:
        raise Complaint(f"{origin}: {e.what.replace(str(place), '')}", f"Nothing was taken. {e.do}", e.code) from e
    host = _FOLDER.sub("_", plan.host.get("name", "host")).lstrip(".") or "host"
    target = folder_of(case) / host / plan.seal()[:16]
    target.parent.mkdir(mode=0o700, exist_ok=True)
    if target.exists():
        known = read_run(target / PLAN)
        before, now = known.journal.lines, run.journal.lines
        if now[: len(before)] != before and before[: len(now)] != now:
            what = f"{origin}: the case has another journal of this plan on {escape(host)}, and one does not continue the other."
            raise Complaint(what, "Nothing was taken. Look at both: one was made on another machine, or was changed.")
        if len(now) < len(before):
            return target
        old = place.with_name(f"{place.name}.old")
        target.rename(old)
        place.rename(target)
        shutil.rmtree(old)
        return target
    place.rename(target)
    return target
