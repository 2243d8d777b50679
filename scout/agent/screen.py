"""Output of the agent: plain lines, no colour, no progress display. It carries no library for that."""

from __future__ import annotations

import sys

from scout.console import NoProgress, Screen


class PlainScreen(Screen):
    """Writes lines as they are."""

    def _print(self, text: str, style: str) -> None:  # noqa: ARG002  (the protocol's)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def row(self, beginning: str, text: str) -> None:
        """Print `text` behind `beginning`."""
        self.say(beginning + text)

    def note(self, text: str, style: str = "") -> None:  # noqa: ARG002  (the protocol's)
        """Print one line on stderr."""
        if not self.quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def progress(self) -> NoProgress:
        """Return a display that does nothing."""
        return NoProgress()
