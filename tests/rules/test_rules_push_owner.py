"""Whose hidden pushes were, where a capture has many of them."""

from typing import Any

import pytest

from traceview.rules import kills, rows

HIDDEN = {"app": None, "process": None, "pid": None}
KILLED = {"kind": "push_unreported", "code": "0xbaadca11"}


def test_each_of_many_hidden_pushes_is_that_of_the_kill_after_it(case: Any) -> None:
    for at in range(0, 6_000, 100):
        app = f"com.acme.{at % 300}"
        case.add("pushes", at, at, **HIDDEN, voip=True, delivered=at, outcome="unreported")
        case.add("terminations", at + 5, at + 5, app=app, process=None, pid=at, **KILLED)
    case.end = 6_100
    found = case.findings("push-unreported")
    assert [one.app for one in found] == [f"com.acme.{at % 300}" for at in range(0, 6_000, 100)]


def test_deaths_are_classed_once_however_many_pushes_ask(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    wanted = rows.wanted
    monkeypatch.setattr(kills, "wanted", lambda inputs, row: asked.append(row["id"]) or wanted(inputs, row))
    for at in range(50):
        case.add("pushes", at * 100, at * 100, **HIDDEN, voip=True, delivered=at * 100, outcome="unreported")
        case.add("terminations", at * 100 + 5, at * 100 + 5, **KILLED)
    case.findings("push-unreported")
    assert len(asked) == 50
