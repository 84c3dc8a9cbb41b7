"""Sources of a capture as people read of them: short names, what several have in common, and which matter first."""

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Final

import polars as pl
from msgspec import Struct

from traceview.analysis import Analysis
from traceview.completeness import LOG_READERS
from traceview_parsers.problems import Problem
from traceview_parsers.schema import REF_POSITION_BITS
from traceview_parsers.trace import Coverage

NAMED: Final = 3
"""Sources of one trouble that are named."""
_JUDGED: Final = (LOG_READERS, frozenset({"powerlog"}))
"""Readers of sources that rules judge as a whole, in the order in which they are told."""
_DESCRIBING: Final = "sysdiagnose"
"""Reader of files that describe a capture; the first note of each says what it holds, not what is doubtful."""
_FEW: Final = 2
"""Sources too few to be set apart."""
_MANY_LOGS: Final = "many-logs"
_UNREAD: Final = frozenset(
    {
        "broken-reader",
        "count-mismatch",
        "damaged",
        "damaged-catalog",
        "damaged-chunk",
        "damaged-chunk-set",
        "damaged-json",
        "damaged-member",
        "damaged-strings",
        "damaged-table",
        "duplicate-member",
        "encrypted",
        "export-failed",
        "failed-claim",
        "no-tables",
        "not-an-export",
        "special-file",
        "too-deep",
        "too-many-parts",
        "too-many-tables",
        "truncated",
        "truncated-archive",
        "unreadable-archive",
        "unreadable-file",
        "unreadable-folder",
        "unreadable-source",
        "unsafe-path",
        "unsupported-compression",
    }
)
"""Kinds of problems by which files, or the rest of one, could not be read. Not those of single lines, rows or bytes, nor what
sound captures lack too: the strings of an app that was removed, files that no reader knows."""
_NAMING: Final = frozenset({"damaged-member", "duplicate-member", "encrypted", "unsafe-path"})
"""Those whose sample names the member of an archive."""


def common_path(sources: Sequence[str]) -> str:
    """Return the path that all `sources` lie under, or the source itself where all are one; empty where they share nothing."""
    steps = [set(step) for step in zip(*(name.split("/") for name in sources), strict=False)]
    return "/".join(step.pop() for step in takewhile(lambda step: len(step) == 1, steps))


def below(source: str, path: str) -> str:
    """Return what of `source` lies below its `path`; empty where it is the path itself."""
    return source.removeprefix(path).lstrip("/") if path else source


class Trouble(Struct, frozen=True):
    """What could not be read, once for all sources that have it.

    Attributes:
        kind: Slug of the problem.
        message: What happened, one sentence.
        sources: Paths inside the capture.
        position: Where it happened first (``line 12``) in the only source that has it; else empty.
        count: How often, in all sources.
        sample: The first offending text or bytes, or an empty text.
    """

    kind: str
    message: str
    sources: tuple[str, ...]
    position: str
    count: int
    sample: str

    @property
    def where(self) -> str:
        """The only source by its path, else the first few by what they do not have in common."""
        if len(self.sources) == 1:
            return self.sources[0]
        path = common_path(self.sources)
        shown = ", ".join(below(name, path) or name for name in self.sources[:NAMED])
        more = f" and {len(self.sources) - NAMED:,} more" if len(self.sources) > NAMED else ""
        return shown + more


def troubles(problems: Iterable[Problem]) -> list[Trouble]:
    """Return problems of equal kind and message as one each, in the order of the first."""
    groups: dict[tuple[str, str], list[Problem]] = {}
    for one in problems:
        groups.setdefault((one.kind, one.message), []).append(one)
    return [_trouble(alike) for alike in groups.values()]


def unread(problems: Iterable[Problem]) -> str | None:
    """Return that evidence could not be read, where and why, in one line; None where all could.

    A capture of which this is said and in which nothing was found is not one in which nothing happened.
    """
    found = troubles(one for one in problems if one.kind.partition(":")[0] in _UNREAD)
    if not found:
        return None
    said: dict[str, list[str]] = {}
    for one in found[:NAMED]:
        sample = f" ({one.sample})" if one.kind in _NAMING else ""
        where = one.where.rpartition("/")[2] if len(one.sources) == 1 else one.where
        said.setdefault(where, []).append(one.message + sample)
    told = [f"{where}: {' · '.join(messages)}" for where, messages in said.items()]
    more = len(found) - NAMED
    rest = [f"{more:,} more such problem{'s' * (more != 1)}"] if more > 0 else []
    return f"Not all of this capture could be read: {' · '.join([*told, *rest])}"


def doubts(problems: Iterable[Problem]) -> list[str]:
    """Return what puts all that is said of a capture in doubt: evidence that could not be read, unrelated logs in one."""
    problems = list(problems)
    lacking = unread(problems)
    return [*([] if lacking is None else [lacking]), *(one.message for one in problems if one.kind == _MANY_LOGS)]


def _trouble(alike: list[Problem]) -> Trouble:
    first = alike[0]
    sources = tuple(dict.fromkeys(one.source for one in alike))
    placed = first.position is not None and len(sources) == 1
    return Trouble(
        kind=first.kind,
        message=first.message,
        sources=sources,
        position=f"{first.unit} {first.position:,}" if placed else "",
        count=sum(one.count for one in alike),
        sample=next((one.sample for one in alike if one.sample), ""),
    )


def by_weight(analysis: Analysis) -> tuple[list[Coverage], list[Coverage]]:
    """Return the sources that matter first, logs and PowerLogs at the top, and the others, unless these are very few.

    First come those that rules judge as a whole (logs, PowerLogs), those that a finding rests on, and those about which there
    is a doubt: a gap, lost messages, a clock that was set, assumed or is not known to be right, a problem, a reader's remark.
    """
    proven = {ref >> REF_POSITION_BITS for finding in analysis.findings for ref in finding.evidence}
    troubled = {one.source for one in analysis.problems}
    agreeing = _agreeing(analysis.tables.get("clocks"))
    ranked: list[tuple[int, Coverage]] = []
    rest: list[Coverage] = []
    for index, one in enumerate(analysis.coverage):
        rank = next((at for at, readers in enumerate(_JUDGED) if one.reader in readers), len(_JUDGED))
        doubtful = one.source in troubled or _doubtful(one, agreeing)
        if rank < len(_JUDGED) or index in proven or doubtful:
            ranked.append((rank, one))
        else:
            rest.append(one)
    first = [one for _, one in sorted(ranked, key=lambda pair: pair[0])]
    return (first, rest) if first and len(rest) > _FEW else (first + rest, [])


def _agreeing(clocks: pl.DataFrame | None) -> set[str]:
    """Return the notes on sources whose clocks agree."""
    return set() if clocks is None or clocks.is_empty() else set(clocks.filter("agrees")["note"])


def _doubtful(one: Coverage, agreeing: set[str]) -> bool:
    remarks = [note for note in one.notes if note not in agreeing]
    said = len(remarks) > 1 if one.reader == _DESCRIBING else bool(remarks)
    timed = one.start_ns is not None
    return said or bool(one.gaps or one.lost or one.clock_step_s) or (timed and one.certainty_ns is None)
