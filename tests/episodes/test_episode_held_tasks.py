"""Finding the task that a line is about: the views give what a look at every task gives."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from traceview.episodes.held_tasks import EVERY, Held, Task, named, possible

Event = dict[str, Any]
IDS = st.sampled_from([None, "1", "2"])
NAMES = st.sampled_from([None, "a", "b"])
LINES = st.lists(
    st.tuples(st.sampled_from(["begin", "learn", "end", "end all"]), IDS, NAMES, st.integers(0, 3)), max_size=30
)


def names_it(task: Task, event: Event) -> bool:
    if event["task_id"] is not None and task.task_id is not None:
        return bool(task.task_id == event["task_id"])
    return event["task_name"] is not None and bool(task.name == event["task_name"])


def may_mean(task: Task, event: Event) -> bool:
    pairs = ((task.task_id, event["task_id"]), (task.name, event["task_name"]))
    return all(None in pair or pair[0] == pair[1] for pair in pairs)


def line(task_id: str | None, name: str | None, ref: int) -> Event:
    return {"task_id": task_id, "task_name": name, "signal": None, "ref": ref}


@given(LINES)
def test_views_give_what_a_look_at_every_task_gives(lines: list[tuple[str, str | None, str | None, int]]) -> None:
    held, book = Held(), list[Task]()
    for ref, (what, task_id, name, t) in enumerate(lines):
        event, since = line(task_id, name, ref), ref - t
        running = [task for task in book if task.end is None]
        for views, holds in ((named(event), names_it), (possible(event), may_mean)):
            about = [task for task in running if holds(task, event)]
            recent = [task for task in about if task.made >= since]
            assert held.made_since(views, since) == recent[::-1]
            assert held.oldest(views) is (about[0] if about else None)
            assert held.latest(views) is (about[-1] if about else None)
            assert held.all(views) == about
        assert held.all([EVERY]) == running
        about = held.all(possible(event))
        if what == "begin":
            book.append(Task(len(book), ref, ref, 1, None, None, None))
            held.learn(book[-1], event)
        elif what == "end all":
            for task in running:
                task.end = ref
        elif about and what == "learn":
            held.learn(about[t % len(about)], event)
        elif about:
            about[t % len(about)].end = ref


def test_ten_thousand_tasks_of_which_none_ends() -> None:
    held = Held()
    for number in range(10_000):
        event = line(None, f"task {number}", number)
        assert held.latest(named(event)) is None
        assert held.oldest(possible(event)) is None
        held.learn(Task(number, number, number, 1, None, None, None), event)
    assert len(held.all([EVERY])) == 10_000
