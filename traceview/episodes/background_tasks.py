"""Background tasks: begun, ended, overrun, expired; with the time they were held outside the foreground."""

from bisect import bisect_right
from collections import defaultdict
from operator import itemgetter
from typing import Final

import polars as pl

from traceview.episodes import coverage, states
from traceview.episodes.held_tasks import EVERY, Held, Task, named, possible
from traceview.episodes.intervals import NS
from traceview.episodes.relate import Relations
from traceview.episodes.schema import empty_table
from traceview.episodes.tables import Context, Row, table

ECHO_NS: Final = NS // 20
"""UIKit prints several lines for one begin or end within this time (heuristic; 2 ms on real iOS 18/26 lines)."""

KILL_NS: Final = 10 * NS
"""The kill for a task follows its expiry within this time (heuristic; real CI logs: at once)."""
RENEWAL_NS: Final = NS // 10
"""UIKit gives up one shared assertion and takes the next within this time (heuristic; 0.7 ms on a real iOS 15 device)."""

_SHARED_ASSERTION: Final = r"^Shared Background Assertion"
"""Name of the RunningBoard assertion behind UIKit's background tasks (real iOS 15 to 18 lines)."""
_KINDS: Final = ("background_task.began", "background_task.ended", "background_task.overrun")


def build(context: Context, windows: pl.DataFrame, relations: Relations, terminations: pl.DataFrame) -> pl.DataFrame:
    """Return the table ``background_tasks``.

    Args:
        context: Events and processes.
        windows: State windows with ``owner``.
        relations: Calls and states.
        terminations: The table ``terminations``: a kill for background time tells the outcome.
    """
    told = _events(context)
    if told.is_empty():
        return empty_table("background_tasks")
    book: list[Task] = []
    of_process: dict[int, Held] = defaultdict(Held)
    for event in told.iter_rows(named=True):
        held = of_process[event["owner"]]
        match event["kind"]:
            case "background_task.began":
                _began(book, held, event)
            case "background_task.ended" if event["error"] is None:
                _ended(held, event)
            case "assertion.invalidated":
                _let_go(held, event)
            case "background_task.overrun":
                _warned(book, held, event)
            case "assertion.expired":
                _expired(held, event)
    _end_with_suspension(book, windows)
    _end_with_process(book, context, terminations)
    return table("background_tasks", _measured(book, relations, context))


def _events(context: Context) -> pl.DataFrame:
    """Task events, and what becomes of the assertion that an app's tasks share.

    Its expiry ends all tasks; its end too, unless UIKit takes the next one at once. Where the app's own lines lack, its
    assertions stand for its tasks.
    """
    taken = pl.col("kind") == "assertion.acquired"
    shared = pl.col("assertion_name").str.contains(_SHARED_ASSERTION)
    events = context.of_kind(*_KINDS, "assertion.")
    named = events.select(
        pl.col("assertion_id").filter(taken & shared).drop_nulls().unique().implode().alias("ids"),
        pl.col("owner").filter(pl.col("kind") == "background_task.began").drop_nulls().unique().implode().alias("told"),
    )
    ours = (shared | pl.col("assertion_id").is_in(named["ids"])).fill_null(value=False)
    set_aside = (pl.col("reason") == "suspended").fill_null(value=False)
    events = events.filter(
        (pl.col("kind").is_in(_KINDS) | (ours & ~set_aside)) & pl.col("owner").is_not_null()
    ).with_columns(pl.col("owner").is_in(named["told"]).alias("told"))
    if events.is_empty():
        return events
    next_taken = pl.when(taken).then(pl.col("t")).backward_fill().over("owner")
    renewed = (next_taken - pl.col("t") <= RENEWAL_NS).fill_null(value=False)
    given_up = pl.col("kind") == "assertion.invalidated"
    events = events.filter(~pl.col("told") | (~taken & ~(given_up & renewed)))
    stand_in = {"assertion.acquired": "background_task.began", "assertion.invalidated": "background_task.ended"}
    return events.select(
        *("t", "ref", "signal", "owner", "app", "name", "owner_pid", "error", "duration_s"),
        pl.when("told").then(pl.col("kind")).otherwise(pl.col("kind").replace(stand_in)).alias("kind"),
        pl.coalesce("task_id", "assertion_id").alias("task_id"),
        pl.coalesce("task_name", "assertion_name").alias("task_name"),
    )


def _new(book: list[Task], event: Row) -> Task:
    t = event["t"]
    task = Task(len(book), t, t, event["owner"], event["app"], event["name"], event["owner_pid"])
    book.append(task)
    return task


def _began(book: list[Task], held: Held, event: Row) -> None:
    since = event["t"] - ECHO_NS
    echoes = [
        task
        for task in held.made_since(possible(event), since)
        if task.start >= since and event["signal"] not in task.told
    ]
    same = held.latest(named(event))
    known = max((*echoes[:1], *([same] if same else [])), key=lambda task: task.number, default=None)
    held.learn(known or _new(book, event), event)


def _ended(held: Held, event: Row) -> None:
    """End the named task, else the oldest one that the line may mean (UIKit's names are private on devices)."""
    task = held.oldest(named(event)) or held.oldest(possible(event))
    if task is not None:
        task.end = event["t"]
        task.end_how = "observed"
        task.finished = True
        task.evidence.append(event["ref"])


def _let_go(held: Held, event: Row) -> None:
    """UIKit gave up the assertion that all tasks share: none is left."""
    for task in held.all([EVERY]):
        task.end, task.end_how, task.finished = event["t"], "inferred", True
        task.evidence.append(event["ref"])


def _warned(book: list[Task], held: Held, event: Row) -> None:
    """IOS warned of one task, or (without id and name) of all that the app holds."""
    unnamed = event["task_id"] is None and event["task_name"] is None
    about = held.all([EVERY] if unnamed else named(event))
    if not about and not unnamed:
        about = [held.oldest(possible(event)) or _from_before(book, event)]
    for task in about:
        task.warned = True
        held.learn(task, event)


def _from_before(book: list[Task], event: Row) -> Task:
    """A task of whose begin no line tells."""
    task = _new(book, event)
    task.start_how = "capture_edge"
    before_s = event["duration_s"]
    if before_s is not None and 0 <= before_s * NS <= event["t"]:  # else it began before 1970: no time at all
        task.start, task.start_how = event["t"] - round(before_s * NS), "inferred"
    return task


def _expired(held: Held, event: Row) -> None:
    for task in held.all([EVERY]):
        task.expired = True
        task.end, task.end_how = event["t"], "inferred"
        task.evidence.append(event["ref"])


def _end_with_process(book: list[Task], context: Context, terminations: pl.DataFrame) -> None:
    """End what the death of the process ends, and tell the tasks for which it was killed."""
    lives = dict(context.processes.select("owner", "end").iter_rows())
    told = terminations.filter(pl.col("kind") == "background_task").select(
        "pid", pl.col("start", "end").cast(pl.Int64), pl.col("evidence").list.first().alias("ref")
    )
    kills: dict[int | None, list[Row]] = defaultdict(list)
    for kill in told.iter_rows(named=True):
        kills[kill["pid"]].append(kill)
    for task in book:
        left = lives.get(task.owner)
        if left is not None and (task.end is None or task.end > left):
            task.end, task.end_how = max(left, task.start), "inferred"
        if task.end is None or task.finished:
            continue
        for kill in kills.get(task.pid, ()):
            if task.start <= kill["end"] and kill["start"] <= task.end + KILL_NS:
                task.killed = True
                task.evidence.append(kill["ref"])


def _end_with_suspension(book: list[Task], windows: pl.DataFrame) -> None:
    """A task keeps its process from being suspended: at a suspension the last task is over, though no line told so."""
    suspended = windows.filter(pl.col("state") == states.SUSPENDED).sort("start")
    starts: dict[int, list[Row]] = {}
    for row in suspended.select("owner", "start", pl.col("evidence").list.first().alias("ref")).iter_rows(named=True):
        starts.setdefault(row["owner"], []).append(row)
    for task in book:
        mine = starts.get(task.owner, [])
        after = bisect_right(mine, task.start, key=itemgetter("start"))
        first = mine[after] if after < len(mine) else None
        if first is not None and (task.end is None or task.end > first["start"]):
            task.end, task.end_how, task.finished = first["start"], "inferred", True
            task.evidence.append(first["ref"])


def _measured(book: list[Task], relations: Relations, context: Context) -> list[Row]:
    raw = pl.DataFrame(
        [{"owner": task.owner, "start": task.start, "end": task.end} for task in book],
        schema={"owner": pl.Int64, "start": pl.Int64, "end": pl.Int64},
    )
    far = coverage.until("background_tasks", context)
    outside = relations.seconds_in(raw, states.BACKGROUND, states.SUSPENDED).to_list()
    names = ("app", "process", "pid", "start", "end", "start_how", "end_how", "evidence", "task_id", "name", "outcome")
    return [
        {
            **{name: getattr(task, name) for name in names},
            "held_s": ((max(far, task.start) if task.end is None else task.end) - task.start) / NS,
            "background_held_s": background_s,
        }
        for task, background_s in zip(book, outside, strict=True)
    ]
