"""The background tasks that a process holds, found by what a line tells of one: its id, its name, or neither.

UIKit's lines give the id, the name or both, and names are private on devices. Each task stands in several views by what is
known of it, so that no line has to be held against all tasks that run.
"""

from bisect import insort
from collections.abc import Iterable
from itertools import takewhile
from operator import attrgetter

from msgspec import Struct, field

from traceview.episodes.tables import Row


class Task(Struct, eq=False):
    """A task under construction; times in UTC nanoseconds.

    Attributes:
        number: Counts the tasks in the order in which lines tell of them.
        made: Time of the first line about it.
        start: When it began, which may be long before.
    """

    number: int
    made: int
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

    @property
    def outcome(self) -> str:
        """What became of it, as the table ``background_tasks`` says it."""
        if self.killed:
            return "killed"
        if self.expired:
            return "expired"
        if self.warned:
            return "overrun"
        return "ended" if self.finished else "open"


View = tuple[str | None, ...]
"""What the tasks of a view have in common: all of them, one id, one name, or both; null: it is not known."""
EVERY: View = ()


def named(event: Row) -> list[View]:
    """Return the views of the tasks that the line names: by id where both have one, else by name."""
    task_id, name = event["task_id"], event["task_name"]
    by_name: list[View] = [] if name is None else [("name", name) if task_id is None else ("both", None, name)]
    return by_name if task_id is None else [("id", task_id), *by_name]


def possible(event: Row) -> list[View]:
    """Return the views of the tasks that the line may be about: neither id nor name says otherwise."""
    task_id, name = event["task_id"], event["task_name"]
    if task_id is not None and name is not None:
        return [("both", *one) for one in ((task_id, name), (task_id, None), (None, name), (None, None))]
    if task_id is not None:
        return [("id", task_id), ("id", None)]
    return [EVERY] if name is None else [("name", name), ("name", None)]


class Held:
    """The tasks that run."""

    def __init__(self) -> None:
        # Tasks by number; those that ended, or of which more became known, are left out when they are met.
        self._views: dict[View, list[Task]] = {}

    def learn(self, task: Task, event: Row) -> None:
        """Take in what a line tells of a task, a new one or one that runs."""
        before = _views(task) if task.evidence else ()
        task.task_id = task.task_id or event["task_id"]
        task.name = task.name or event["task_name"]
        task.told.add(event["signal"])
        task.evidence.append(event["ref"])
        for view in _views(task):
            if view not in before:
                insort(self._views.setdefault(view, []), task, key=_number)

    def oldest(self, views: Iterable[View]) -> Task | None:
        """Return the first begun task of the views."""
        found = []
        for view in views:
            mine = self._views.get(view, [])
            left = next((at for at, task in enumerate(mine) if _stands(task, view)), len(mine))
            del mine[:left]
            found += mine[:1]
        return min(found, key=_number, default=None)

    def latest(self, views: Iterable[View]) -> Task | None:
        """Return the last begun task of the views."""
        found = []
        for view in views:
            mine = self._views.get(view, [])
            while mine and not _stands(mine[-1], view):
                mine.pop()
            found += mine[-1:]
        return max(found, key=_number, default=None)

    def made_since(self, views: Iterable[View], since: int) -> list[Task]:
        """Return the tasks of the views of which the first line is no older than `since`, the last begun first."""
        found = [
            task
            for view in views
            for task in takewhile(lambda task: task.made >= since, reversed(self._views.get(view, [])))
            if _stands(task, view)
        ]
        return sorted(found, key=_number, reverse=True)

    def all(self, views: Iterable[View]) -> list[Task]:
        """Return the tasks of the views, by their begin."""
        found: list[Task] = []
        for view in views:
            mine = self._views[view] = [task for task in self._views.get(view, ()) if _stands(task, view)]
            found += mine
        return sorted(found, key=_number)


_number = attrgetter("number")


def _views(task: Task) -> tuple[View, ...]:
    return EVERY, ("id", task.task_id), ("name", task.name), ("both", task.task_id, task.name)


def _stands(task: Task, view: View) -> bool:
    """Whether the task still runs, and is what the view says."""
    return task.end is None and view in _views(task)
