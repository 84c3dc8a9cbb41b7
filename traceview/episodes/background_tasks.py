"""Background tasks: begun, ended, overrun, expired; with the time they were held outside the foreground."""

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from traceview.episodes import states
from traceview.episodes.intervals import NS
from traceview.episodes.relate import Relations
from traceview.episodes.tables import Context, Row, table

ECHO_NS: Final = NS // 20
"""UIKit prints several lines for one begin or end within this time (heuristic; 2 ms on real iOS 18/26 lines)."""

_SHARED_ASSERTION: Final = r"^Shared Background Assertion"
"""Name of the RunningBoard assertion behind UIKit's background tasks (real iOS 15 to 18 lines)."""
_KINDS: Final = ("background_task.began", "background_task.ended", "background_task.overrun")


@dataclass(slots=True)
class _Task:
    """A task under construction; times in UTC nanoseconds."""

    start: int
    owner: int
    app: str | None
    process: str | None
    pid: int | None
    task_id: str | None = None
    name: str | None = None
    start_how: str = "observed"
    end: int | None = None
    end_how: str = "capture_edge"
    warned: bool = False
    expired: bool = False
    killed: bool = False
    evidence: list[int] = field(default_factory=list)
    told: set[str | None] = field(default_factory=set)

    def learn(self, event: Row) -> None:
        self.task_id = self.task_id or event["task_id"]
        self.name = self.name or event["task_name"]
        self.told.add(event["signal"])
        self.evidence.append(event["ref"])

    def is_named(self, event: Row) -> bool:
        if event["task_id"] is not None and self.task_id is not None:
            return bool(self.task_id == event["task_id"])
        return bool(event["task_name"] is not None and self.name == event["task_name"])

    @property
    def outcome(self) -> str:
        if self.killed:
            return "killed"
        if self.expired:
            return "expired"
        if self.warned:
            return "overrun"
        return "ended" if self.end_how == "observed" else "open"


def build(context: Context, relations: Relations, terminations: pl.DataFrame) -> pl.DataFrame:
    """Return the table ``background_tasks``.

    Args:
        context: Events and processes.
        relations: Calls and states.
        terminations: The table ``terminations``: a kill for background time tells the outcome.
    """
    book: list[_Task] = []
    held: dict[int, list[_Task]] = {}
    for event in _events(context).iter_rows(named=True):
        running = [task for task in held.get(event["owner"], []) if task.end is None]
        held[event["owner"]] = running
        match event["kind"]:
            case "background_task.began":
                _began(book, running, event)
            case "background_task.ended" if event["error"] is None:
                _ended(running, event)
            case "background_task.overrun":
                _warned(book, running, event)
            case "assertion.expired":
                _expired(running, event)
    _end_with_process(book, context, terminations)
    return table("background_tasks", _measured(book, relations, context))


def _events(context: Context) -> pl.DataFrame:
    """Task events, plus the shared assertion: its expiry for all, its begin and end where the app's own lines lack."""
    named = context.of_kind("assertion.acquired").filter(pl.col("assertion_name").str.contains(_SHARED_ASSERTION))
    shared = named["assertion_id"].drop_nulls().unique().implode()
    own = context.of_kind("background_task.began")["owner"].drop_nulls().unique().implode()
    of_assertion = pl.col("kind").str.starts_with("assertion.") & (
        pl.col("assertion_id").is_in(shared) | pl.col("assertion_name").str.contains(_SHARED_ASSERTION)
    ).fill_null(value=False)
    expiry = pl.col("kind") == "assertion.expired"
    stands_in = ~pl.col("owner").is_in(own) & (pl.col("reason").fill_null("") != "suspended")
    kind = pl.col("kind").replace(
        {"assertion.acquired": "background_task.began", "assertion.invalidated": "background_task.ended"}
    )
    return (
        context.events.filter(pl.col("kind").is_in(_KINDS) | (of_assertion & (expiry | stands_in)))
        .filter(pl.col("owner").is_not_null())
        .select(
            *("t", "ref", "signal", "owner", "app", "name", "owner_pid", "error", "duration_s"),
            kind.alias("kind"),
            pl.coalesce("task_id", "assertion_id").alias("task_id"),
            pl.coalesce("task_name", "assertion_name").alias("task_name"),
        )
    )


def _new(book: list[_Task], running: list[_Task], event: Row) -> _Task:
    task = _Task(event["t"], event["owner"], event["app"], event["name"], event["owner_pid"])
    book.append(task)
    running.append(task)
    return task


def _began(book: list[_Task], running: list[_Task], event: Row) -> None:
    echoes = [
        task
        for task in running
        if task.is_named(event)
        or (event["t"] - task.start <= ECHO_NS and event["signal"] not in task.told and not _differ(task, event))
    ]
    (echoes[-1] if echoes else _new(book, running, event)).learn(event)


def _differ(task: _Task, event: Row) -> bool:
    ids = (task.task_id, event["task_id"])
    names = (task.name, event["task_name"])
    return any(None not in pair and pair[0] != pair[1] for pair in (ids, names))


def _ended(running: list[_Task], event: Row) -> None:
    """End the named task, else the oldest one that the line may mean (UIKit's names are private on devices)."""
    named = [task for task in running if task.is_named(event)]
    possible = named or [task for task in running if not _differ(task, event)]
    if not possible:
        return
    task = possible[0]
    task.end = event["t"]
    task.end_how = "observed"
    task.evidence.append(event["ref"])


def _warned(book: list[_Task], running: list[_Task], event: Row) -> None:
    """IOS warned of one task, or (without id and name) of all that the app holds."""
    unnamed = event["task_id"] is None and event["task_name"] is None
    named = [task for task in running if unnamed or task.is_named(event)]
    if not named and not unnamed:
        named = [task for task in running if not _differ(task, event)][:1]
    if not named and not unnamed:
        task = _new(book, running, event)
        task.start_how = "capture_edge"
        if event["duration_s"] is not None:
            task.start, task.start_how = event["t"] - round(event["duration_s"] * NS), "inferred"
        named = [task]
    for task in named:
        task.warned = True
        task.learn({**event, "task_id": None, "task_name": None} if unnamed else event)


def _expired(running: list[_Task], event: Row) -> None:
    for task in running:
        task.expired = True
        task.end, task.end_how = event["t"], "inferred"
        task.evidence.append(event["ref"])


def _end_with_process(book: list[_Task], context: Context, terminations: pl.DataFrame) -> None:
    lives = dict(context.processes.select("owner", "end").iter_rows())
    kills = terminations.filter(pl.col("kind") == "background_task").select(
        "pid",
        pl.col("start").cast(pl.Int64),
        pl.col("end").cast(pl.Int64),
        pl.col("evidence").list.first().alias("ref"),
    )
    for task in book:
        left = lives.get(task.owner)
        if left is None or (task.end is not None and task.end < left):
            continue
        task.end, task.end_how = max(left, task.start), "inferred"
        for kill in kills.filter(pl.col("pid").eq_missing(task.pid)).iter_rows(named=True):
            if task.start <= kill["end"] and kill["start"] <= task.end:
                task.killed = True
                task.evidence.append(kill["ref"])


def _measured(book: list[_Task], relations: Relations, context: Context) -> list[Row]:
    raw = pl.DataFrame(
        [{"owner": task.owner, "start": task.start, "end": task.end} for task in book],
        schema={"owner": pl.Int64, "start": pl.Int64, "end": pl.Int64},
    )
    outside = relations.seconds_in(raw, states.BACKGROUND, states.SUSPENDED).to_list()
    names = ("app", "process", "pid", "start", "end", "start_how", "end_how", "evidence", "task_id", "name", "outcome")
    return [
        {
            **{name: getattr(task, name) for name in names},
            "held_s": ((max(context.span.end, task.start) if task.end is None else task.end) - task.start) / NS,
            "background_held_s": background_s,
        }
        for task, background_s in zip(book, outside, strict=True)
    ]
