"""Print the summary of a collection: how much, what was not taken, the archive, its receipt, the next step."""

from __future__ import annotations

from scout.collecting.collect import CollectionResult
from scout.console import DONE, PARTIAL, Screen, duration, escape, ignore_lost_terminal, megabytes, plural
from scout.delivering.delivery import DeliveryResult

WIDTH = 65
"""columns beside the first column, at 80"""
_ORDER = ("missing", "denied", "vanished", "over limit", "blocked", "link", "duplicate", "error")
_LIMITS = 5
"""limits that the summary names"""
_DIFFERENCES = 5
"""differences of one live source that the summary shows"""
_SAID = {
    "over limit": "over the limit (listed with hash, head and tail)",
    "blocked": "blocked by rule (secrets, files of packages, pipes, other mounts)",
    "link": "links (listed, not followed)",
    "duplicate": "duplicates (shadow copies: same content as an item that was taken)",
    "error": "with an error",
}


def summary(outcome: CollectionResult, screen: Screen) -> int:
    """Print it; return the exit code: 0, 1 where nothing could be taken, 129, 130 or 143 after a signal.

    A list of files is not enough where more was wanted. A lost terminal is no error: the receipt is beside the archive.
    """
    taken = outcome.verdicts["taken"] + outcome.verdicts["changed while read"]
    code = 128 + outcome.signal if outcome.signal else PARTIAL if _nothing(outcome, taken) or _undelivered(outcome) else DONE
    with ignore_lost_terminal():
        _print(outcome, taken, code, screen)
    return code


def _nothing(outcome: CollectionResult, taken: int) -> bool:
    """Return whether nothing was taken, or the lists of files alone where more was wanted."""
    return taken == 0 or taken == outcome.lists < outcome.wanted


def _undelivered(outcome: CollectionResult) -> bool:
    return outcome.delivered is not None and bool(outcome.delivered.failed)


def _print(outcome: CollectionResult, taken: int, code: int, screen: Screen) -> None:
    if screen.json_lines:
        screen.emit(document(outcome, code))
        return
    verdicts, receipt = outcome.verdicts, outcome.receipt
    screen.say()
    word = "Stopped   " if outcome.signal else "Collected "
    sizes = f"{megabytes(outcome.read)} → {megabytes(outcome.written)}"
    screen.say(f"{word} {taken:,} of {outcome.wanted:,} wanted items   {sizes}   {duration(outcome.seconds)}", "bold")
    lost = [f"{verdicts[verdict]:,} {_SAID.get(verdict, verdict)}" for verdict in _ORDER if verdicts[verdict]]
    for number, line in enumerate(_lines(lost)):
        screen.say(f"  {'' if number else 'not taken':<12} {line}")
    for number, (limit, count) in enumerate(outcome.over.most_common(_LIMITS)):
        screen.say(f"  {'' if number else 'limits':<12} {count:,} over the limit of {limit}")
    if outcome.over:
        more = f"{len(outcome.over) - _LIMITS} more limits: scout list shows each. " if len(outcome.over) > _LIMITS else ""
        screen.say(f"  {'':<12} {more}--path takes a file, whatever its size")
    if verdicts["changed while read"]:
        screen.say(f"  {'changed':<12} {verdicts['changed while read']:,} while they were read: taken as they were")
    _differences(outcome, screen)
    if outcome.not_run:
        screen.say(f"  {'not run':<12} {plural(outcome.not_run, 'command')} of the definitions: collection.json in the archive lists them")
    if outcome.stuck:
        screen.say(f"  {'stuck':<12} {outcome.stuck:,} calls to the file system never returned", "yellow")
    if outcome.delivered is None or outcome.kept:
        screen.say(f"  {'archive':<12} {escape(outcome.archive if outcome.kept else outcome.archive.name)}")
    if outcome.delivered is not None:
        _delivered(outcome.delivered, outcome.archive.name, screen)
    screen.say(f"  {'sha256':<12} {receipt.archive_sha256}")
    screen.say(f"  {'receipt':<12} {receipt.code}     note it on paper: it proves that this is the archive SCOUT wrote")
    if outcome.receipt_error:
        screen.say(f"  {'':<12} only you have it: {escape(outcome.receipt_error)}", "yellow")
    screen.say(f"  {'host clock':<12} not compared with a reference")
    if outcome.signal:
        screen.say("Sealed and closed as interrupted: what is listed above is kept and readable. Run it again for the rest.", "yellow")
    elif _nothing(outcome, taken):
        but = " but a list of files" if taken else ""
        screen.say(f"Nothing could be taken{but}: look at the verdicts with scout list, and run as root.", "yellow")
    screen.say(f"Next: commodore process {escape(outcome.archive if outcome.kept else outcome.archive.name)} -i key.txt -o case/", "bold")


def _delivered(done: DeliveryResult, name: str, screen: Screen) -> None:
    """Print where the archive is, and what to do where a server has only its beginning."""
    parts = f", {done.parts:,} parts" if done.parts > 1 else ""
    again = f", {plural(done.retries, 'break')} of the line mended" if done.retries and not done.failed else ""
    screen.say(f"  {'delivered':<12} {escape(name)} → {escape(done.where)}   {megabytes(done.sent)}{parts}{again}")
    if done.no_receipt:
        screen.say(f"  {'':<12} without the receipt: {escape(done.no_receipt)}", "yellow")
    if done.failed:
        screen.say(f"  {'NOT COMPLETE':<12} {escape(done.failed)} {escape(done.advice)}".rstrip(), "red")
        if done.rest is not None:
            screen.say(f"  {'the rest':<12} {escape(done.rest)}", "red")
        if done.joining:
            screen.say(f"  {'':<12} {escape(done.joining)}")


def _differences(outcome: CollectionResult, screen: Screen) -> None:
    """Print what two ways of asking the host answer differently: the strongest signs of a rootkit must not wait for the analysis."""
    shown = 0
    for source, sentences in outcome.differences.items():
        for sentence in sentences[:_DIFFERENCES]:
            screen.say(f"  {'' if shown else 'hidden?':<12} {escape(sentence)}", "yellow")
            shown += 1
        if len(sentences) > _DIFFERENCES:
            screen.say(f"  {'':<12} and {len(sentences) - _DIFFERENCES:,} more: live/{source}.jsonl in the archive", "yellow")


def _lines(words: list[str]) -> list[str]:
    """Join words into lines of at most `WIDTH` columns."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 3 + len(word) <= WIDTH:
            lines[-1] += "   " + word
        else:
            lines.append(word)
    return lines


def _delivery_document(done: DeliveryResult | None) -> dict[str, object] | None:
    if done is None:
        return None
    return {**done._asdict(), "rest": str(done.rest) if done.rest is not None else None, "complete": not done.failed}


def document(outcome: CollectionResult, code: int) -> dict[str, object]:
    """Return the same facts for `--json`."""
    receipt = outcome.receipt
    return {
        "archive": str(outcome.archive),
        "archive_sha256": receipt.archive_sha256,
        "receipt": receipt.code,
        "chain_head": receipt.chain_head,
        "collection": receipt.collection,
        "state": receipt.state,
        "host": outcome.host,
        "wanted": outcome.wanted,
        "verdicts": {verdict: count for verdict, count in sorted(outcome.verdicts.items()) if count},
        "bytes_read": outcome.read,
        "bytes_written": outcome.written,
        "seconds": round(outcome.seconds, 3),
        "over_limit": dict(outcome.over.most_common()),
        "differences": outcome.differences,
        "stuck": outcome.stuck,
        "not_run": outcome.not_run,
        "delivered": _delivery_document(outcome.delivered),
        "receipt_error": outcome.receipt_error,
        "code": code,
    }
