"""The command line of the Eye: a thin skin over `eye.index`, `eye.search`, `eye.web` and `eye.elastic`."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eye import cli_servers
from eye.ready import build, ready
from scout.console import DONE, PARTIAL, WRONG_USE, Complaint, Screen, duration, escape, megabytes, plural, run
from scout.options import Json, program

if TYPE_CHECKING:
    from eye.index.store import Asked, Store

GUIDE = """THE EYE finds every record of a case that has a word, a value or a time.

  1  eye search case '*helper.sh*'    in the terminal; eye search --syntax shows every form of a query
  2  eye serve case                   in the browser, on this machine only
  3  eye load case --url https://…    into Elasticsearch, for a team with Kibana; eye kibana makes dashboards

A case is what commodore process wrote. eye --help and eye COMMAND --help explain every option."""

Case = Annotated[Path, typer.Argument(metavar="CASE", help="Case directory that `commodore process -o CASE` wrote.")]


def build_app() -> typer.Typer:
    """The typer application."""
    app = program("Search a case and show it, on this machine or in Elasticsearch.", GUIDE)
    app.command("index")(_index)
    app.command("search")(_search)
    app.command("stats")(_stats)
    app.command("tail")(_tail)
    app.command("serve")(_serve)
    cli_servers.add(app)
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


def _index(case: Case, json: Json = False) -> None:
    """Build or bring up to date the index of a case; parts whose records have not changed are kept."""
    screen = Screen(json_lines=json)
    done = build(case, screen)
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
    for line in done.torn:
        screen.note(f"Not in the index: {escape(line)}.")
    if done.torn:
        raise typer.Exit(PARTIAL)


def _search(
    case: Case,
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help='Words, a path, "a phrase", field:value, wild*, field:[1 TO 5], AND OR NOT.')
    ] = "",
    syntax: Annotated[bool, typer.Option("--syntax", callback=_syntax, is_eager=True, help="Print all forms of a query and end.")] = False,  # noqa: ARG001
    since: Annotated[str | None, typer.Option(help="From this time on (UTC): 2026-10-31, 2026-10-31T19:22, now-7d.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to this time (UTC), its whole day, hour or minute included.")] = None,
    around: Annotated[
        str | None, typer.Option(metavar="RECORD", help="Records of the same host five minutes before and after this one (escadre.id).")
    ] = None,
    sort: Annotated[str, typer.Option(metavar="FIELD", help="Order by a time or a number; -FIELD: the highest first.")] = "@timestamp",
    limit: Annotated[
        int | None, typer.Option(help="At most so many records (50, or all with --json and --csv, unless given).", min=0)
    ] = None,
    start: Annotated[int, typer.Option("--from", help="Leave out so many records first: the next page.", min=0)] = 0,
    fields: Annotated[str, typer.Option(metavar="A,B", help="Fields of the columns, or of the JSON objects.")] = "",
    count: Annotated[bool, typer.Option("--count", help="Print the number of hits only.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, safe to open in a spreadsheet.")] = False,
    as_table: Annotated[bool, typer.Option("--table", help="Print a table of the fields.")] = False,
    translate: Annotated[
        str, typer.Option("--as", metavar="kibana", help="Print the query as Kibana's Lucene bar and query_string take it, and end.")
    ] = "",
    json: Json = False,
) -> None:
    """Search the records and findings of a case. Exit code 0, also where nothing is found."""
    from eye.index.store import Store
    from eye.query.kibana import to_kibana
    from eye.query.parse import parse
    from eye.search import around as neighbours
    from eye.search import chosen, sort_column, time_filters

    screen = Screen(json_lines=json)
    parse(query)
    if json + as_csv + as_table > 1:
        raise Complaint("--json, --csv and --table exclude each other.", "Give one of them.", WRONG_USE)
    names = chosen(fields)
    filters, (by, descending) = time_filters(since, until), sort_column(sort)
    if translate:
        if translate != "kibana":
            raise Complaint(f"--as {translate} is not known.", "--as kibana", WRONG_USE)
        screen.json_lines = False
        screen.say(to_kibana(query, filters))
        return
    ready(case, screen)
    store = Store(case)
    try:
        asked = store.ask(query, filters + (neighbours(store, around) if around else []))
        total, _, _ = store.count(asked)
        if count:
            screen.json_lines = False
            screen.say(f"{total}")
            return
        if json or as_csv:
            _stream(store, asked, names, as_csv, start, limit, by, descending)
            return
        shown = store.rows(asked, start, 50 if limit is None else limit, descending=descending, by=by)
        _print(screen, asked, shown, names, as_table)
        _foot(screen, store, case, query, filters, total, start, len(shown))
    finally:
        store.close()


def _stream(store: Store, asked: Asked, fields: list[str], as_csv: bool, start: int, limit: int | None, by: str, descending: bool) -> None:
    """All hits as JSON lines or CSV on stdout."""
    import orjson

    from eye.output import FIELDS, csv_lines, named

    lines = islice(store.lines(asked, None if limit is None else start + limit, descending=descending, by=by), start, None)
    if as_csv:
        for text in csv_lines(map(orjson.loads, lines), fields or FIELDS):
            sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    else:
        for line in lines:
            record = line if not fields else orjson.dumps({name: named(orjson.loads(line), name) for name in fields})
            sys.stdout.buffer.write(record + b"\n")
    sys.stdout.buffer.flush()


def _print(screen: Screen, asked: Asked, shown: list[dict[str, Any]], fields: list[str], as_table: bool) -> None:
    """A page of hits for a person; on a terminal the hits are marked."""
    from eye.listing import listing
    from eye.output import FIELDS, highlighted, table
    from eye.web.show import marks

    terminal = screen.out.is_terminal
    width = screen.out.width if terminal else None
    lines = table(shown, fields or FIELDS, width) if as_table or fields else listing(shown, width)
    colour = marks(asked.nodes) if terminal and not screen.out.no_color else None
    for line in lines:
        screen.say(highlighted(line, colour))


def _foot(screen: Screen, store: Store, case: Path, query: str, filters: list[str], total: int, start: int, shown: int) -> None:
    """The number of hits, how to get the next page, or why there is no hit."""
    more = f", {start + 1:,} to {start + shown:,} shown" if shown < total and shown else ""
    screen.note(f"{plural(total, 'hit')} in {plural(store.records, 'record')}{more}")
    if start + shown < total and shown:
        screen.note(
            f"Next page: the same command with --from {start + shown}. All: --json or --csv. Counts: eye stats {escape(case)} FIELD"
        )
    if total and start >= total:
        screen.note(f"--from {start} is beyond the last hit.")
    if total:
        return
    from eye.index.why import hints, reasons

    for hint in hints(query):
        screen.note(escape(str(hint)))
    for reason in reasons(store, query, filters):
        near = f"; near: {', '.join(reason.near)}" if reason.near else ""
        left = f"; without it {plural(reason.left, 'hit')}" if reason.left >= 0 else ""
        screen.note(escape(f"  {reason.text}: {plural(reason.hits, 'record')}{near}{left}"))


def _stats(
    case: Case,
    field: Annotated[str, typer.Argument(metavar="FIELD", help="A field whose values are counted: host.name, event.code, source.ip.")],
    query: Annotated[str, typer.Argument(metavar="QUERY", help="Only among the records that match.")] = "",
    rare: Annotated[bool, typer.Option("--rare", help="The rarest values first.")] = False,
    by: Annotated[str, typer.Option(metavar="STEP", help="Also over time, by second, minute, hour, day or week.")] = "",
    limit: Annotated[int, typer.Option(help="So many values.", min=1)] = 20,
    json: Json = False,
) -> None:
    """Count the values of a field."""
    from eye.index.store import Store
    from eye.search import STEPS, stats

    screen = Screen(json_lines=json)
    if by and by not in STEPS:
        raise Complaint(f"--by {by} is not known.", f"Take one of {', '.join(STEPS)}.", WRONG_USE)
    ready(case, screen)
    found = stats(Store(case), field, query, rare=rare, by=by, limit=limit)
    if json:
        for value, n in found.values:
            screen.emit({"value": value, "records": n, **({"by": found.by[value]} if by else {})})
    for value, n in found.values:
        screen.say(f"{n:>12,}  {escape(value)}")
        for step, count in found.by.get(value, {}).items():
            screen.say(f"{'':>14}{step[:19].replace('T', ' ')}  {count:,}")
    screen.note(f"{plural(found.different, 'value')} in {plural(found.with_field, 'record')} of {found.records:,} that match")


def _tail(
    case: Case,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="Only records that match.")] = "",
    lines: Annotated[int, typer.Option("-n", "--lines", help="So many of the last records first.", min=1)] = 10,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with records that come into the index, until Ctrl-C.")] = False,
    json: Json = False,
) -> None:
    """Print the last records of a case, and with -f those that are added while it runs."""
    import orjson

    from eye.listing import listing
    from eye.search import tail

    screen = Screen(json_lines=json)
    ready(case, screen)
    for record in tail(case, query, lines=lines, follow=follow):
        if json:
            sys.stdout.write(orjson.dumps(record).decode() + "\n")
            sys.stdout.flush()
        for line in listing([record], screen.out.width if screen.out.is_terminal else None):
            screen.say(line)


def _serve(
    case: Case, port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = 0, json: Json = False
) -> None:
    """Show a case in the browser, on this machine only. Prints one line: the address with its token."""
    from eye.web.serve import serve

    screen = Screen(json_lines=json)
    ready(case, screen)
    serve(case, port, screen)


def main() -> None:
    """Entry point of the `eye` program."""
    sys.exit(run("eye", build_app))


if __name__ == "__main__":
    main()
