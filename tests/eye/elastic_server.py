"""A real Elasticsearch for the tests, with what the shipped template needs of analysis-common given to it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.conftest import ROOT, alone, free_port, need
from tests.eye.fault_proxy import FaultProxy

SOURCE = Path(__file__).parent / "CommonAnalysis.java"


def give_analysis(cache: Path) -> bool:
    """Put the module of CommonAnalysis.java into the servers below a cache that lack it; whether there was one."""
    given = False
    for server in cache.glob("elasticsearch-*"):
        modules, module = server / "modules", server / "modules" / "stand-in-common"
        if module.exists() or (modules / "analysis-common").exists():
            continue
        told = next(modules.glob("*/plugin-descriptor.properties")).read_text()
        release = re.search(r"^java.version=(\d+)", told, re.MULTILINE)[1]
        version = re.search(r"^elasticsearch.version=(.+)", told, re.MULTILINE)[1]
        with tempfile.TemporaryDirectory(dir=cache) as made:
            compile_with = ["--release", release, "-cp", f"{server}/lib/*", "-d", f"{made}/classes", str(SOURCE)]
            homes = [os.environ.get("ES_JAVA_HOME"), os.environ.get("JAVA_HOME"), *map(str, Path("/usr/lib/jvm").glob("*"))]
            found = (Path(one, "bin", "javac") for one in homes if one and Path(one, "bin", "javac").exists())
            javac = next((one for one in found if subprocess.run([one, *compile_with], capture_output=True).returncode == 0), None)
            need(javac, f"a JDK {release} that compiles {SOURCE.name}")
            (Path(made) / "module").mkdir()
            jar = [javac.with_name("jar"), "cf", f"{made}/module/stand-in-common-1.jar", "-C", f"{made}/classes", "."]
            subprocess.run(jar, check=True, capture_output=True)
            (Path(made) / "module" / "plugin-descriptor.properties").write_text(
                f"name=stand-in-common\ndescription=analysis\nversion={version}\nelasticsearch.version={version}\n"
                f"java.version={release}\nclassname=CommonAnalysis\nextended.plugins=\n"
            )
            (Path(made) / "module").rename(module)
        given = True
    return given


@pytest.fixture(scope="session")
def server():
    """Address of a server that is started for this run, or of the one that `ESCADRE_ES` names."""
    if os.environ.get("ESCADRE_ES"):
        yield os.environ["ESCADRE_ES"]
        return
    scripts = ROOT.parent / "shared" / "elastic"
    need((scripts / "start").exists() and shutil.which("mvn"), "the recipe for a real Elasticsearch")
    # the server runs under its own account: below root's home it could not reach its files
    cache = Path(os.environ.get("ES_CACHE") or ("/var/cache/escadre-elastic" if os.geteuid() == 0 else ROOT / ".elastic-cache"))
    cache.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="node-", dir=cache))
    for folder in (cache, home):
        folder.chmod(0o755)
    port = free_port()
    # the first compiler alone: the second would spend more on a server that lives for minutes than it saves
    environment = {**os.environ, "ES_HEAP": "512m", "ES_CACHE": str(cache), "ES_JAVA_OPTS": "-XX:TieredStopAtLevel=1"}

    def start():
        return subprocess.run([str(scripts / "start"), str(home), str(port)], capture_output=True, text=True, env=environment)

    try:
        with alone("elasticsearch", cache):  # test runs of other checkouts prepare servers in the same cache
            give_analysis(cache)
            started = start()
            if give_analysis(cache):  # the server has only now been unpacked
                subprocess.run([str(scripts / "stop"), str(home)], capture_output=True)
                started = start()
        need(started.returncode == 0, f"a real Elasticsearch ({started.stderr.strip()[-300:]})")
        yield f"http://127.0.0.1:{port}"
    finally:
        subprocess.run([str(scripts / "stop"), str(home)], capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def client(server):
    """A client of the server."""
    from elasticsearch import Elasticsearch

    return Elasticsearch(server, request_timeout=60)


@pytest.fixture
def name(client, request):
    """A name for a case that no other test has; its indices are removed afterwards."""
    one = f"{abs(hash(request.node.name)) % 10**8}-{os.getpid()}"
    yield one
    drop(client, one)


@pytest.fixture
def proxy(server):
    """A proxy before the server that does harm."""
    one = FaultProxy(server)
    yield one
    one.stop()


def load(case, url, name, *more):
    """`eye load` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "eye.cli", "load", str(case), "--url", url, "--name", name, "--json", *more],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


def indices(name):
    return ",".join(f"escadre-{name}-{family}" for family in ("logs", "state", "finding"))


def drop(client, name):
    client.indices.delete(index=indices(name), ignore_unavailable=True)


def ids(client, index, query):
    """The ids of all documents that a query finds."""
    found, after, most = set(), None, 5000
    pit = client.open_point_in_time(index=index, keep_alive="1m", ignore_unavailable=True)["id"]
    while True:
        more = {"search_after": after} if after else {}
        page = client.search(pit={"id": pit, "keep_alive": "1m"}, query=query, size=most, sort=["_shard_doc"], source=False, **more)[
            "hits"
        ]["hits"]
        found |= {hit["_id"] for hit in page}
        if len(page) < most:
            return found
        after = page[-1]["sort"]
