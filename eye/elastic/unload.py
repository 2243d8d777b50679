"""`eye unload CASE`: delete the indices and templates of a case, and nothing else; counts before and after."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from elasticsearch import ApiError, Elasticsearch, NotFoundError, TransportError

from eye.elastic import errors
from eye.elastic.names import HEAD, index_names, slug
from eye.remote.told import told
from scout.console import WRONG_USE, Complaint


@dataclass
class Unloaded:
    """Index → documents, before and after (absent: the index is gone), and the templates that went."""

    case: str
    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)
    templates: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Nothing of the case is left."""
        return not self.after

    def result(self) -> dict[str, Any]:
        """For `--json`."""
        return {**asdict(self), "complete": self.complete}


def there(client: Elasticsearch, case: str) -> dict[str, int]:
    """Return index → documents of the indices of a case that are there. Raises Complaint."""
    try:
        return _there(client, case)
    except (ApiError, TransportError) as e:
        raise errors.failed(e) from e


def _there(client: Elasticsearch, case: str) -> dict[str, int]:
    found = {}
    for name in index_names(case):
        if client.indices.exists(index=name):
            client.indices.refresh(index=name)
            found[name] = told(client.count(index=name).body, "count", of=int)
    return found


def unload(client: Elasticsearch, case: str, confirmed: str) -> Unloaded:
    """Delete a case; `confirmed` repeats its name. Raises Complaint where it does not, nothing is there, or access is denied."""
    try:
        done = Unloaded(slug(case), _there(client, case))
        templates = _templates(client, case)
        if not done.before and not templates:
            raise Complaint(f"no index of {slug(case)} is there.", f"GET _cat/indices/{HEAD}-* lists what is.", WRONG_USE)
        if slug(confirmed) != slug(case):
            raise Complaint("nothing was deleted: the name was not repeated.", f"--yes {slug(case)}", WRONG_USE)
        for name in done.before:
            client.indices.delete(index=name)
        fields = set()
        for name in templates:
            answer = client.indices.get_index_template(name=name).body
            fields |= {str(one) for one in told(answer, "index_templates", 0, "index_template", "composed_of", of=list)}
            client.indices.delete_index_template(name=name)
            done.templates.append(name)
        for name in sorted(fields):
            if _delete_component(client, name):
                done.templates.append(name)
        done.after = _there(client, case)
    except (ApiError, TransportError) as e:
        raise errors.failed(e) from e
    return done


def _templates(client: Elasticsearch, case: str) -> list[str]:
    return [name for name in index_names(case) if client.indices.exists_index_template(name=name)]


def _delete_component(client: Elasticsearch, name: str) -> bool:
    """Delete the fields that no other case uses: the server refuses to delete those that one does."""
    try:
        client.cluster.delete_component_template(name=name)
    except NotFoundError:
        return False
    except ApiError as e:
        if e.status_code != 400:
            raise
        return False
    return True
