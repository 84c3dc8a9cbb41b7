"""How a capture could be read, for people: problems (the same trouble of many files is one line), and how sure times are."""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

from traceview.cli.options import visible
from traceview.clocks import bound_text
from traceview_parsers.problems import Problem
from traceview_parsers.trace import Coverage

_SHOWN: Final = 2


def problem_lines(problems: Iterable[Problem]) -> Iterator[tuple[str, str]]:
    """Yield a sentence for each trouble, with an example of it or an empty text.

    Args:
        problems: Of one capture. Those of equal kind and message are told once, with how many files have it.
    """
    groups: dict[tuple[str, str], list[Problem]] = {}
    for one in problems:
        groups.setdefault((one.kind, one.message), []).append(one)
    for (_, message), alike in groups.items():
        count = sum(one.count for one in alike)
        often = f" ({count:,} in all)" if count > max(len(alike), 1) else ""
        sample = next((one.sample for one in alike if one.sample), "")
        yield f"{_where(alike)}: {visible(message)}{often}", visible(sample)


def _where(alike: list[Problem]) -> str:
    first = alike[0]
    if len(alike) == 1:
        return visible(first.source) + ("" if first.position is None else f" at {first.unit} {first.position:,}")
    names = ", ".join(visible(PurePosixPath(one.source).name) for one in alike[:_SHOWN])
    more = f" and {len(alike) - _SHOWN:,} more" if len(alike) > _SHOWN else ""
    return f"{names}{more}"


def times_of(one: Coverage) -> str:
    """Return how the times of a source were reached, and how far off they may be."""
    clock = visible(one.clock) or "not read"
    if one.start_ns is None:
        return clock
    return f"{clock}; {'error not known' if one.certainty_ns is None else bound_text(one.certainty_ns)}"
