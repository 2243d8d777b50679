"""Scheduled tasks: the programs of their actions."""

from __future__ import annotations

from collections.abc import Iterator

from scout.formats import task_job, task_xml
from scout.references.named import NamedFile, StartingFile
from scout.references.win32 import from_command


def names(file: StartingFile) -> Iterator[NamedFile]:
    """Yield the files that the actions start; nothing for a file that is no task."""
    try:
        task = task_job.read(file.content)[0] if task_job.is_job(file.content) else task_xml.read(file.content)
    except task_xml.BadTask:
        return
    for action in task.actions:
        yield from from_command(action.command_line, file)
