"""The built-in query help: each form works and finds what its line describes; the help fits a terminal."""

from __future__ import annotations

import subprocess
import sys

import pytest

from eye.query.parse import parse
from eye.query.syntax import forms, lines
from eye.query.tree import EXAMPLES, QueryComplaint
from tests.conftest import ROOT


def eye(*words):
    return subprocess.run([sys.executable, "-m", "eye.cli", *words], capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize("form", forms())
def test_each_form_can_be_asked(store, form):
    count, _, _ = store.count(store.ask(form))
    assert count > 0 or form.startswith("@timestamp"), "the logs are older than the day of the example"


@pytest.mark.parametrize("example", EXAMPLES.removeprefix("Such as: ").removesuffix(".").split(", "))
def test_each_example_of_a_complaint_can_be_asked(store, example):
    store.ask(example)


def test_the_terminal_lists_all_forms_in_eighty_columns_without_a_case():
    told = eye("search", "--syntax")
    assert told.returncode == 0 and told.stderr == "" and len(told.stdout.splitlines()) > 10
    assert max(map(len, told.stdout.splitlines())) <= 80
    assert all(line in told.stdout.splitlines() for line in lines()) and all(form in told.stdout for form in forms())


def test_a_wrong_query_leads_to_help_that_every_user_has(made):
    told = eye("search", str(made), "powershell AND")
    assert told.returncode == 2 and "eye search --syntax" in told.stderr and ".md" not in told.stderr
    with pytest.raises(QueryComplaint) as caught:
        parse("()")
    assert EXAMPLES in caught.value.do
