"""Calls as the shapes of their phases, with no word about audio but what the other episode tables tell.

After the answer (or the connection) a call is cut where it goes on hold and comes back, where audio sessions of its app begin
and end, where these were interrupted, and where its audio is known to have been silent.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import polars as pl

from traceview.episodes.intervals import NS
from traceview.episodes.schema import TIME, Episodes
from traceview.plots.shapes import Span, as_shapes

_SILENT: Final = ("silence", "suspension_gap")
"""Kinds of glitches throughout which no audio ran."""
_NEVER: Final = frozenset({"not_activated", "no_io"})
"""Audio faults of a call that had no audio to its end."""
_KNOWN: Final = ("observed", "inferred")
_PHASES: Final[dict[str, Any]] = {"row": pl.UInt32(), "phase": pl.String(), "since": pl.Int64(), "until": pl.Int64()}

_SLACK_NS: Final = NS
"""Heuristic: CallKit activates the audio anew within a second of the end of a hold."""

_Piece = tuple[str, int, int]


def call_shapes(episodes: Episodes, span: Span) -> pl.DataFrame:
    """Split each call into phases, each a shape with the id of the call.

    Looks: `ringing` and `dialling`, to the answer or connection (`unknown` where no line tells its report or ringing); then
    `connecting` (no audio yet), `held` (on hold), `talking` (a session of the app is active), `silent` (none is, or it is
    interrupted, or the app was suspended) and `connected` (nothing tells).

    Args:
        episodes: All tables.
        span: Where open ends lie.
    """
    calls = episodes["calls"].with_row_index("row")
    last = pl.lit(span[1]).cast(TIME)
    begin = pl.coalesce("reported", "start")
    talking = pl.coalesce("connected", "audio_activated")
    pickup = pl.coalesce("answered", talking)
    end = pl.coalesce("ended", "end", pl.when(pl.col("end_how") == "capture_edge").then(last), pickup)
    outgoing = pl.col("direction") == "outgoing"
    bare = pl.all_horizontal(pl.col("reported", "ringing").is_null()) & (
        pickup.is_null() | pl.col("direction").is_null()
    )
    waiting = pl.when(outgoing).then(pl.lit("dialling")).when(bare).then(pl.lit("unknown")).otherwise(pl.lit("ringing"))
    picked = calls.filter(pickup.is_not_null()).with_columns(
        pickup=pickup.to_physical(), over=end.to_physical(), activated=pl.col("audio_activated").to_physical()
    )
    pieces = pl.DataFrame(list(_pieces(picked, _Audio(episodes, span))), schema=_PHASES, orient="row")
    placed = calls.join(pieces, on="row", maintain_order="right").with_columns(
        pl.col("since", "until").cast(TIME),
        start_how=pl.lit("observed"),
        end_how=pl.when(pl.col("until") == end).then("end_how").otherwise(pl.lit("observed")),
    )
    until = pl.coalesce(pickup, "ended", "end")
    closed = pl.when(pickup.is_null()).then("end_how").otherwise(pl.lit("observed"))
    before = as_shapes(calls, span, waiting, begin=begin, finish=until).with_columns(end_how=closed)
    after = as_shapes(placed, span, pl.col("phase"), begin=pl.col("since"), finish=pl.col("until"))
    told = (pl.col("finish") > pl.col("begin")) | ~pl.col("row").is_in(pieces["row"].implode())
    return pl.concat([before.filter(told), after.select(before.columns)]).drop("row")


def _pieces(calls: pl.DataFrame, audio: "_Audio") -> Iterator[tuple[int, str, int, int]]:
    """Yield row, look, begin and end of each phase after the answer."""
    held = pl.col("hold_starts", "hold_ends").cast(pl.List(pl.Int64)).fill_null([])
    columns = ("row", "app", "answered", "pickup", "over", "activated", "audio_fault", held)
    for call in calls.select(*columns).iter_rows(named=True):
        pieces = list(_merged(_looks(call, audio)))
        yield from ((call["row"], *piece) for piece in _merged(_picked_up(pieces)))


def _picked_up(pieces: Sequence[_Piece]) -> Iterator[_Piece]:
    """Yield the pieces; the moment from the end of a hold to its audio belongs to what follows."""
    for before, piece, after in zip([None, *pieces], pieces, [*pieces[1:], None], strict=False):
        look, since, until = piece
        brief = before and after and before[0] == "held" and look == "silent" and until - since <= _SLACK_NS
        yield (after[0], since, until) if after and brief else piece


def _looks(call: Mapping[str, Any], audio: "_Audio") -> Iterator[_Piece]:
    app, begin, over = call["app"], call["pickup"], call["over"]
    active, silent, unknown = (table.get(app, _NONE) for table in (audio.active, audio.silent, audio.unknown))
    held = _Windows(zip(call["hold_starts"], call["hold_ends"], strict=True))
    known = active.meets(begin, over)
    firsts = [call["activated"], active.first(begin, over)]
    first = min((t for t in firsts if t is not None), default=None)
    never = call["audio_fault"] in _NEVER and (call["audio_fault"] == "no_io" or not known)
    if never:
        first = over
    edges = {begin, over, *(t for windows in (active, silent, unknown, held) for t in windows.edges(begin, over))}
    if first is not None and begin < first < over:
        edges.add(first)
    for since, until in pairwise(sorted(edges)):
        if first is not None and since < first and (never or call["answered"] is not None):
            look = "connecting"
        elif held.holds(since):
            look = "held"
        elif silent.holds(since):
            look = "silent"
        elif active.holds(since):
            look = "talking"
        else:
            look = "silent" if known and not unknown.holds(since) else "connected"
        yield look, since, until


def _merged(pieces: Iterable[_Piece]) -> Iterator[_Piece]:
    """Yield adjacent pieces of one look as one."""
    last: _Piece | None = None
    for look, since, until in pieces:
        if last is not None and last[0] == look:
            last = (look, last[1], until)
            continue
        if last is not None:
            yield last
        last = (look, since, until)
    if last is not None:
        yield last


class _Windows:
    """Windows that do not meet, by time: the union of those given (nanoseconds, in any order)."""

    def __init__(self, given: Iterable[tuple[int, int]]) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []
        for begin, end in sorted(given):
            if self._ends and begin <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            elif end > begin:
                self._begins.append(begin)
                self._ends.append(end)

    def holds(self, t: int) -> bool:
        """Tell whether `t` lies in a window; its end does not."""
        at = bisect_right(self._begins, t) - 1
        return at >= 0 and t < self._ends[at]

    def edges(self, since: int, until: int) -> Iterator[int]:
        """Yield what begins or ends between two times."""
        for edges in (self._begins, self._ends):
            yield from edges[bisect_right(edges, since) : bisect_right(edges, until - 1)]

    def first(self, since: int, until: int) -> int | None:
        """Return the first moment of ``[since, until)`` that a window holds."""
        if self.holds(since):
            return since
        at = bisect_right(self._begins, since)
        return self._begins[at] if at < len(self._begins) and self._begins[at] < until else None

    def meets(self, since: int, until: int) -> bool:
        """Tell whether a window holds any moment of ``[since, until)``."""
        return self.first(since, until) is not None


_NONE: Final = _Windows(())


class _Audio:
    """What the tables tell of the audio of each app."""

    def __init__(self, episodes: Episodes, span: Span) -> None:
        first, last = (pl.lit(edge).cast(TIME) for edge in span)
        sessions = episodes["audio_sessions"].filter(pl.col("refused_error").is_null())
        gaps = episodes["glitches"].filter(pl.col("kind").is_in(_SILENT))
        lost = sessions.filter(pl.col("end").is_not_null(), ~pl.col("end_how").is_in(_KNOWN))
        columns = ("app", "start", "end", "start_how", "end_how")
        cuts = pl.concat([episodes["interruptions"].select(columns), gaps.select(columns)])
        before = pl.when(pl.col("start_how") == "capture_edge").then(first)
        begin = pl.min_horizontal("start", before)
        end = pl.coalesce("end", pl.when(pl.col("end_how") == "capture_edge").then(last))
        self.active = _by_app(sessions, begin, end)
        self.silent = _by_app(cuts, begin, end)
        self.unknown = _by_app(lost, pl.col("end"), last)


def _by_app(table: pl.DataFrame, begin: pl.Expr, end: pl.Expr) -> dict[str, _Windows]:
    """Return the windows of each app; one without an app or an edge is none of anybody."""
    rows = table.select("app", begin.alias("begin").to_physical(), end.alias("finish").to_physical()).drop_nulls()
    return {str(app): _Windows(own.select("begin", "finish").iter_rows()) for (app,), own in rows.group_by("app")}
