"""What the terminal tells of a call: how its end is known, holds, interruptions."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from traceview.cli import app
from traceview.cli.text_calls import calls
from traceview.episodes.schema import EPISODES, empty_episodes

ZERO = datetime(2026, 1, 15, 10, 0, tzinfo=UTC)


def _clock(time: datetime, told: datetime | None = None) -> str:
    return f"{(time - ZERO).total_seconds():g}{'' if told is None else '+'}"


def _told(call: dict[str, Any], *interruptions: dict[str, Any]) -> str:
    tables = empty_episodes()
    common = {"app": "com.acme.voip", "pid": 700, "end_how": "observed"}
    given = {"id": "call-1", "outcome": "answered", "witness": "callkit", "holds": 0, **common, **call}
    for table, found in (("calls", [given]), ("interruptions", [{**common, **one} for one in interruptions])):
        rows = [dict.fromkeys(EPISODES[table]) | one for one in found]
        timed = [
            {
                name: ZERO + timedelta(seconds=v) if name in {"start", "end", "ended"} and v is not None else v
                for name, v in row.items()
            }
            for row in rows
        ]
        tables[table] = pl.DataFrame(timed, schema=EPISODES[table])
    return calls(tables, _clock).splitlines()[-1].strip()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ({"ended": 60, "end": 60, "end_reason": "remote hangup"}, "began 10, ended 60+ (remote hangup, observed)"),
        ({"ended": 60, "end": 60, "end_how": "inferred"}, "began 10, ended 60+ (inferred)"),
        ({"end": 60, "end_how": "inferred"}, "began 10, over 60+ (inferred)"),
        ({"end_how": "capture_edge"}, "began 10, no end seen"),
        ({"end": 60, "end_how": "capture_edge"}, "began 10, no end seen"),
        (
            {"start_how": "capture_edge", "ended": 60, "end": 60},
            "begin not in the capture, first told 10, ended 60+ (observed)",
        ),
        (
            {"ended": 60, "end": 60, "end_how": "inferred", "contradicted_by": [7]},
            "began 10, ended 60+ (inferred, contradicted by later lines)",
        ),
        ({"holds": 2, "held_s": 12.5, "end_how": "capture_edge"}, "began 10, no end seen; 2 holds (12.5 s)"),
        ({"holds": None, "end_how": "capture_edge"}, "began 10, no end seen; holds not known"),
        ({"holds": None, "witness": "powerlog", "end_how": "capture_edge"}, "began 10, no end seen"),
    ],
)
def test_how_a_call_ended_and_its_holds(call: dict[str, Any], told: str) -> None:
    assert _told({"start": 10, **call}) == f"call-1 com.acme.voip: answered; {told}"


@pytest.mark.parametrize(
    ("interruptions", "told"),
    [
        ([{"start": 20, "end": 30}], "; 1 interruption (10.0 s)"),
        ([{"start": 20, "end": 30}, {"start": 55, "end": 90}], "; 2 interruptions (15.0 s)"),
        ([{"start": 50, "end": None}], "; 1 interruption (10.0 s)"),
        ([{"start": 20, "end": 30, "app": None}], "; 1 interruption (10.0 s)"),
        ([{"start": 20, "end": 30, "app": "com.other"}], ""),
        ([{"start": 20, "end": 30, "app": None, "pid": None}], ""),
        ([{"start": 70, "end": 80}, {"start": 1, "end": 5}], ""),
    ],
)
def test_interruptions_of_the_calls_app_while_it_lasted(interruptions: list[dict[str, Any]], told: str) -> None:
    assert _told({"start": 10, "ended": 60, "end": 60}, *interruptions).endswith(f"ended 60+ (observed){told}")


def test_an_interruption_without_an_end_in_a_call_without_one(samples: Path) -> None:
    assert _told({"start": 10, "end_how": "capture_edge"}, {"start": 50, "end": None}).endswith("seen; 1 interruption")
    shown = CliRunner().invoke(app, ["analyze", str(samples / "cellular-interruption.ios15.default.txt")]).stdout
    assert "ended 09:14:22.000 (remote hangup, observed); 1 hold (39.0 s); 1 interruption (39.0 s)" in shown
