"""Background tasks: begun, ended, overrun, expired; with the time they were held outside the foreground."""

from typing import Final

import polars as pl
from msgspec import Struct, field

from traceview.episodes import coverage, states
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


class _Task(Struct):
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
    finished: bool = False
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
        return "ended" if self.finished else "open"


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
    book: list[_Task] = []
    held: dict[int, list[_Task]] = {}
    for event in told.iter_rows(named=True):
        running = [task for task in held.get(event["owner"], []) if task.end is None]
        held[event["owner"]] = running
        match event["kind"]:
            case "background_task.began":
                _began(book, running, event)
            case "background_task.ended" if event["error"] is None:
                _ended(running, event)
            case "assertion.invalidated":
                _let_go(running, event)
            case "background_task.overrun":
                _warned(book, running, event)
            case "assertion.expired":
                _expired(running, event)
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
    task.finished = True
    task.evidence.append(event["ref"])


def _let_go(running: list[_Task], event: Row) -> None:
    """UIKit gave up the assertion that all tasks share: none is left."""
    for task in running:
        task.end, task.end_how, task.finished = event["t"], "inferred", True
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
        before_s = event["duration_s"]
        if before_s is not None and 0 <= before_s * NS <= event["t"]:  # else it began before 1970: no time at all
            task.start, task.start_how = event["t"] - round(before_s * NS), "inferred"
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
    """End what the death of the process ends, and tell the tasks for which it was killed."""
    lives = dict(context.processes.select("owner", "end").iter_rows())
    kills = (
        terminations.filter(pl.col("kind") == "background_task")
        .select("pid", pl.col("start", "end").cast(pl.Int64), pl.col("evidence").list.first().alias("ref"))
        .rows(named=True)
    )
    for task in book:
        left = lives.get(task.owner)
        if left is not None and (task.end is None or task.end > left):
            task.end, task.end_how = max(left, task.start), "inferred"
        if task.end is None or task.finished:
            continue
        for kill in kills:
            if kill["pid"] == task.pid and task.start <= kill["end"] and kill["start"] <= task.end + KILL_NS:
                task.killed = True
                task.evidence.append(kill["ref"])


def _end_with_suspension(book: list[_Task], windows: pl.DataFrame) -> None:
    """A task keeps its process from being suspended: at a suspension the last task is over, though no line told so."""
    suspended = windows.filter(pl.col("state") == states.SUSPENDED).sort("start")
    starts: dict[int, list[Row]] = {}
    for row in suspended.select("owner", "start", pl.col("evidence").list.first().alias("ref")).iter_rows(named=True):
        starts.setdefault(row["owner"], []).append(row)
    for task in book:
        first = next((row for row in starts.get(task.owner, []) if row["start"] > task.start), None)
        if first is not None and (task.end is None or task.end > first["start"]):
            task.end, task.end_how, task.finished = first["start"], "inferred", True
            task.evidence.append(first["ref"])


def _measured(book: list[_Task], relations: Relations, context: Context) -> list[Row]:
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
