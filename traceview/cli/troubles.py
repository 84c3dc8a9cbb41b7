"""How a capture could be read, for people: problems (the same trouble of many files is one line), and how sure times are."""

from collections.abc import Iterable, Iterator

from traceview import sources
from traceview.cli.options import visible
from traceview.clocks import bound_text
from traceview.sources import troubles
from traceview_parsers.problems import Problem
from traceview_parsers.trace import Coverage


def problem_lines(problems: Iterable[Problem]) -> Iterator[tuple[str, str]]:
    """Yield a sentence for each trouble, with an example of it or an empty text.

    Args:
        problems: Of one capture. Those of equal kind and message are told once, with how many files have it.
    """
    for one in troubles(problems):
        often = f" ({one.count:,} in all)" if one.count > len(one.sources) else ""
        place = f" at {one.position}" if one.position else ""
        yield f"{visible(one.where)}{place}: {visible(one.message)}{often}", visible(one.sample)


def doubts(problems: Iterable[Problem]) -> list[str]:
    """Return what puts all that is said of a capture in doubt, as a terminal may show it."""
    return [visible(text) for text in sources.doubts(problems)]


def times_of(one: Coverage) -> str:
    """Return how the times of a source were reached, and how far off they may be."""
    clock = visible(one.clock) or "not read"
    if one.start_ns is None:
        return clock
    return f"{clock}; {'error not known' if one.certainty_ns is None else bound_text(one.certainty_ns)}"
