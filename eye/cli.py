"""The command line of the Eye: a thin skin over `eye.index`, `eye.search`, `eye.web` and `eye.elastic`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scout.console import DONE, PARTIAL, NoProgress, Screen, duration, escape, megabytes, plural, run
from scout.options import Json, program

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress

    from eye.index.parts import Built

GUIDE = """THE EYE finds every record of a case that has a word, a value or a time.

  1  eye search case '*helper.sh*'    in the terminal; eye search --syntax shows every form of a query
  2  eye serve case                   in the browser, on this machine only
  3  eye load case --url https://…    into Elasticsearch, for a team that works with Kibana

A case is what commodore process wrote. eye --help and eye COMMAND --help explain every option."""

Case = Annotated[Path, typer.Argument(metavar="CASE", help="Case directory that `commodore process -o CASE` wrote.")]


def build_app() -> typer.Typer:
    """The typer application."""
    app = program("Search a case and show it, on this machine or in Elasticsearch.", GUIDE)
    app.command("index")(_index)
    app.command("search")(_search)
    app.command("serve")(_serve)
    app.command("load")(_load)
    return app


def _syntax(value: bool) -> None:
    if value:
        from eye.query.syntax import lines

        screen = Screen()
        screen.say("Forms of a query, each an example that can be asked:")
        for line in lines():
            screen.say(line)
        screen.say("Fields are named as in a record: eye search CASE '*' --json --limit 1")
        raise typer.Exit(DONE)


def _build(case: Path, screen: Screen) -> Built:
    from eye.index.parts import index

    def waiting(process: str) -> None:
        who = f" (process {process})" if process else ""
        screen.note(f"Another eye{who} is indexing {escape(case)}: waiting until it has ended, then using what it has built.")

    with screen.progress() as bar:
        return index(case, progress=_counted(bar, "indexing"), waiting=waiting)


def _counted(bar: Progress | NoProgress, what: str) -> Callable[[str, int], None]:
    """A progress call that shows how many records were read, and of which dataset."""
    task = bar.add_task(what, total=None, now="")
    seen = 0

    def tell(dataset: str, n: int) -> None:
        nonlocal seen
        seen += n
        bar.update(task, advance=n, now=f"{plural(seen, 'record')}, {escape(dataset)}")

    return tell


def _ready(case: Path, screen: Screen) -> None:
    """Bring the index up to date where it is not, and say so."""
    from eye.index.parts import outdated

    told = outdated(case)
    if told:
        screen.note(f"{told}: building it, as `eye index` does.")
        done = _build(case, screen)
        if done.built:  # nothing where another process has done it meanwhile
            screen.note(f"Indexed {plural(done.built_records, 'record')} in {duration(done.seconds)}.")


def _index(case: Case, json: Json = False) -> None:
    """Build or bring up to date the index of a case; parts whose records have not changed are kept."""
    screen = Screen(json_lines=json)
    done = _build(case, screen)
    if json:
        screen.emit(vars(done))
    rate = f" ({done.built_records / done.seconds:,.0f}/s)" if done.built_records and done.seconds > 0.05 else ""
    screen.say(f"Index {escape(case)}: {plural(done.records, 'record')} in {plural(done.parts, 'part')}, {megabytes(done.bytes)} on disk")
    screen.say(
        f"  built       {plural(done.built, 'part')} with {plural(done.built_records, 'record')} in {duration(done.seconds)}{rate}; "
        "the rest was up to date"
    )
    if done.dropped:
        screen.say(f"  dropped     {plural(done.dropped, 'part')} whose records are gone")
    screen.say(f"Next: eye search {escape(case)} 'WORD'        eye serve {escape(case)}")


def _search(
    case: Case,
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help='Lucene syntax: word, "a phrase", field:value, wild*, [1 TO 5], AND OR NOT.')
    ],
    syntax: Annotated[bool, typer.Option("--syntax", callback=_syntax, is_eager=True, help="Print all forms of a query and end.")] = False,  # noqa: ARG001
    limit: Annotated[int | None, typer.Option(help="At most so many records (without --json: 50 unless given).", min=0)] = None,
    json: Json = False,
) -> None:
    """Search the records of a case. Exit code 0, also where nothing is found."""
    from eye.index.store import Store
    from eye.listing import listing
    from eye.query.lucene import parse

    screen = Screen(json_lines=json)
    parse(query)
    _ready(case, screen)
    store = Store(case)
    try:
        asked = store.ask(query)
        if json:
            for found in store.lines(asked, limit):
                sys.stdout.buffer.write(found + b"\n")
            sys.stdout.buffer.flush()
            return
        total, _, _ = store.count(asked)
        shown = store.rows(asked, 0, 50 if limit is None else limit)
        for line in listing(shown, screen.out.width if screen.out.is_terminal else None):
            screen.say(line)
        more = f", {len(shown):,} shown" if len(shown) < total else ""
        screen.note(f"{plural(total, 'hit')} in {plural(store.records, 'record')}{more}")
        if not total and re.fullmatch(r"\w+([^\w\s:*?\"]\w+)+", query):  # a name such as helper.sh, which stands within longer ones
            screen.note(f"A word is found as a whole. Within longer text: eye search {escape(case)} '*{escape(query)}*'")
    finally:
        store.close()


def _serve(
    case: Case, port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = 0, json: Json = False
) -> None:
    """Show a case in the browser, on 127.0.0.1 only. Prints one line: the address with its token."""
    from eye.web.serve import serve

    screen = Screen(json_lines=json)
    _ready(case, screen)
    serve(case, port, screen)


def _load(
    case: Case,
    url: Annotated[str, typer.Option(metavar="URL", help="Address of Elasticsearch: https://es:9200.")],
    api_key_file: Annotated[Path | None, typer.Option(help="File with an API key (id:key or encoded). Else ESCADRE_ES_API_KEY.")] = None,
    user: Annotated[
        str | None, typer.Option(metavar="USER", help="User name; the password comes from ESCADRE_ES_PASSWORD or is asked for.")
    ] = None,
    ca: Annotated[Path | None, typer.Option(help="Certificate of the authority that signed the server's.")] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the case in the index names; the directory's name unless given.")] = "",
    json: Json = False,
) -> None:
    """Load a case into Elasticsearch. Exit code 1 where documents were refused or counts differ."""
    from eye.elastic.connect import connect
    from eye.elastic.load import load, report

    screen = Screen(json_lines=json)
    client = connect(url, api_key_file=api_key_file, user=user, ca=ca)
    with screen.progress() as bar:
        done = load(case, client, name=name, progress=_counted(bar, "loading"))
    if json:
        screen.emit(done.document())
    for line in report(done):
        screen.say(line)
    if not done.whole:
        raise typer.Exit(PARTIAL)


def main() -> None:
    """Entry point of the `eye` program."""
    sys.exit(run("eye", build_app))


if __name__ == "__main__":
    main()
