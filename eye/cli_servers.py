"""The commands of the Eye that speak to other servers: load, unload, kibana, push."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from eye.ready import counted, ready
from scout.console import PARTIAL, WRONG_USE, Complaint, Screen, escape, plural
from scout.options import Json

Case = Annotated[Path, typer.Argument(metavar="CASE", help="Case directory that `commodore process -o CASE` wrote.")]
Url = Annotated[str, typer.Option(metavar="URL", help="Address of Elasticsearch: https://es:9200.")]
CloudId = Annotated[str, typer.Option(metavar="ID", help="Id of a deployment in Elastic Cloud, in place of --url.")]
ApiKeyFile = Annotated[Path | None, typer.Option(help="File with an API key (id:key or encoded); - asks for it. Else ESCADRE_ES_API_KEY.")]
User = Annotated[str | None, typer.Option(metavar="USER", help="User name; the password comes from ESCADRE_ES_PASSWORD or is asked for.")]
PasswordFile = Annotated[Path | None, typer.Option(help="File with the password of --user; - asks for it.")]
Authority = Annotated[Path | None, typer.Option("--ca", help="Certificate of the authority that signed the server's.")]
Fingerprint = Annotated[str, typer.Option(metavar="SHA256", help="SHA-256 of the server's certificate, in place of an authority.")]
CaseName = Annotated[str, typer.Option(metavar="NAME", help="Name of the case in the index names; the directory's name unless given.")]


def add(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("load")(_load)
    app.command("unload")(_unload)
    app.command("kibana")(_kibana)
    push = typer.Typer(no_args_is_help=True, help="Bring a case into the tools of a team that manages incidents.")
    push.command("fir")(_push_fir)
    app.add_typer(push, name="push")


def _load(
    case: Case,
    url: Url = "",
    cloud_id: CloudId = "",
    api_key_file: ApiKeyFile = None,
    user: User = None,
    password_file: PasswordFile = None,
    ca: Authority = None,
    fingerprint: Fingerprint = "",
    name: CaseName = "",
    each: Annotated[bool, typer.Option("--each", help="Ask for every document, also those that an earlier load noted as there.")] = False,
    json: Json = False,
) -> None:
    """Load a case into Elasticsearch. Exit code 1 where documents were refused or both sides differ."""
    from eye.elastic.connect import ElasticServer, connect
    from eye.elastic.load import load, report

    screen = Screen(json_lines=json)
    client = connect(ElasticServer(url, cloud_id, api_key_file, user, password_file, ca, fingerprint))
    with screen.progress() as bar:
        done = load(case, client, name=name, progress=counted(bar, "loading"), each=each)
    if json:
        screen.emit(done.result())
    for line in report(done):
        screen.say(line)
    if not done.whole:
        raise typer.Exit(PARTIAL)
    more = f" --name {shlex.quote(name)}" if name else ""
    screen.say(f"Next: eye kibana {escape(shlex.quote(str(case)))} -o dashboards.ndjson{escape(more)}")


def _unload(
    case: Annotated[str, typer.Argument(metavar="CASE", help="Case directory, or the name that the case was loaded under.")],
    url: Url = "",
    cloud_id: CloudId = "",
    api_key_file: ApiKeyFile = None,
    user: User = None,
    password_file: PasswordFile = None,
    ca: Authority = None,
    fingerprint: Fingerprint = "",
    yes: Annotated[str, typer.Option("--yes", metavar="NAME", help="Confirm by the name of the case; asked for unless given.")] = "",
    json: Json = False,
) -> None:
    """Delete a case from Elasticsearch: its indices and templates. The case directory is not touched."""
    from eye.elastic.connect import ElasticServer, connect
    from eye.elastic.names import slug
    from eye.elastic.unload import there, unload

    screen = Screen(json_lines=json)
    client = connect(ElasticServer(url, cloud_id, api_key_file, user, password_file, ca, fingerprint))
    name = Path(case).resolve().name if Path(case).is_dir() else case
    found = there(client, name)
    for index, n in found.items():
        screen.note(f"  {index}  {plural(n, 'document')}")
    if found and not yes and sys.stdin.isatty():
        yes = input(f"Delete them all? Write {slug(name)}: ")
    done = unload(client, name, yes)
    if json:
        screen.emit(done.result())
    screen.say(f"Deleted {plural(sum(done.before.values()), 'document')} in {plural(len(done.before), 'index', 'indices')} of {done.case}")
    screen.say(f"  left        {plural(sum(done.after.values()), 'document')}; {plural(len(done.templates), 'template')} deleted")
    if not done.complete:
        raise typer.Exit(PARTIAL)


_OBJECTS = {"dashboard": ("dashboard",), "index-pattern": ("data view",), "lens": ("chart",), "search": ("saved search", "saved searches")}
"""Type of a saved object → its name in Kibana, and that of several."""


def _kibana(
    case: Case,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the objects as NDJSON, for Kibana's import.")
    ] = None,
    url: Annotated[str, typer.Option(metavar="URL", help="Import them into this Kibana: https://kibana:5601, with its base path.")] = "",
    space: Annotated[str, typer.Option(metavar="ID", help="Space of Kibana; the default one unless given.")] = "",
    settings: Annotated[bool, typer.Option("--settings", help="Also make the settings of the space that the query bar needs.")] = False,
    api_key_file: ApiKeyFile = None,
    user: User = None,
    password_file: PasswordFile = None,
    ca: Authority = None,
    fingerprint: Fingerprint = "",
    name: CaseName = "",
    json: Json = False,
) -> None:
    """Make data views, saved searches and dashboards of a case for Kibana. Exit code 1 where Kibana refused an object."""
    from eye.elastic.connect import ElasticServer
    from eye.index.store import Store
    from eye.kibana.export import by_hand, saved_objects, write
    from eye.kibana.importing import Kibana

    screen = Screen(json_lines=json)
    if output is None and not url:
        raise Complaint("nowhere to put the objects.", "Give -o FILE, or --url of Kibana.", WRONG_USE)
    ready(case, screen)
    store = Store(case)
    try:
        made = saved_objects(store, name)
    finally:
        store.close()
    told: dict[str, Any] = {"objects": made.counts, "left_out": made.left_out}
    counts = ", ".join(plural(n, *_OBJECTS[kind]) for kind, n in made.counts.items())
    if output is not None:
        write(made, output)
        screen.say(f"Wrote {counts} to {escape(output)}")
        if not url:
            screen.say("Next: import it in Kibana (Stack Management, Saved Objects, Import)")
    refused: list[str] = []
    done = False
    if url:
        kibana = Kibana(ElasticServer(url, "", api_key_file, user, password_file, ca, fingerprint), space)
        result = kibana.put(made)
        refused = result.errors
        done = settings and kibana.set()
        told |= {"imported": result.imported, "errors": refused, "settings": done}
        screen.say(f"Imported {result.imported} of {counts} into {escape(url)}")
    for field, n in made.left_out.items():
        screen.say(f"  no dashboard for {plural(n, 'more value')} of {field}")
    for text in refused:
        screen.say(f"  refused     {escape(text)}")
    if not done:
        screen.say("Set by hand in Kibana (Stack Management, Advanced Settings), so that its query bar means what the Eye's does:")
        for line in by_hand():
            screen.say(f"  {line}")
    if json:
        screen.emit(told)
    if refused:
        raise typer.Exit(PARTIAL)


def _push_fir(
    case: Case,
    url: Annotated[str, typer.Option(metavar="URL", help="Address of FIR: https://fir.example.")],
    token_file: Annotated[
        Path | None, typer.Option(help="File with the token of an account; - asks for it. Else ESCADRE_FIR_TOKEN.")
    ] = None,
    category: Annotated[str, typer.Option(metavar="NAME", help="Category of the incident, as FIR names it.")] = "Compromise",
    detection: Annotated[str, typer.Option(metavar="NAME", help="Who detected it, as FIR names it.")] = "CERT",
    confidentiality: Annotated[str, typer.Option(metavar="C0..C3", help="Confidentiality.")] = "C1",
    severity: Annotated[str, typer.Option(metavar="NAME", help="Severity; that of the gravest finding unless given.")] = "",
    business_line: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Business line that is concerned; repeatable.")] = None,
    ca: Authority = None,
    fingerprint: Fingerprint = "",
    name: CaseName = "",
    json: Json = False,
) -> None:
    """Create the incident of a case in FIR, or bring its description up to date; FIR finds the artefacts in it."""
    from eye.elastic.credentials import for_header, secret
    from eye.index.store import Store
    from eye.push.fir import FirChoices, connect, push

    screen = Screen(json_lines=json)
    token = secret(token_file, "token") if token_file else os.environ.get("ESCADRE_FIR_TOKEN", "").strip()
    if not token:
        raise Complaint("no token for FIR.", "Give --token-file, or set ESCADRE_FIR_TOKEN.", WRONG_USE)
    server = connect(url, token, ca, fingerprint)
    for_header(token, "token")
    ready(case, screen)
    store = Store(case)
    try:
        choices = FirChoices(category, detection, confidentiality, severity, tuple(business_line or ()))
        done = push(store, server, name, choices)
    finally:
        store.close()
    if json:
        screen.emit(done.result())
    screen.say(f"Incident {done.number} of FIR {'created' if done.created else 'brought up to date'}: {escape(done.url)}")
    counts = ", ".join(f"{n} {kind}" for kind, n in done.artefacts.items()) or "none"
    screen.say(f"  artefacts   {counts}")
