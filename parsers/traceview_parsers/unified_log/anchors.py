"""Which moments of a boot's clock can be trusted: each one that timesync states, judged by those around it.

A moment is a tick with the wall time that it stood for. Its *offset*, wall time - ticks in nanoseconds, stays the same while
nobody sets the clock, but for drift (real archives of iOS 12 to macOS 12: up to 0.6 s between two records). Where the clock
was set it moves once and stays: each of the 13 corrections of a second or more in those archives was followed 0.1 to 4 s
later by a record that agrees with it to 0.5 s. A flipped bit instead moves the offset of one record alone. So

* a sync record is trusted where one of its neighbours agrees with it: a record before or after it, or the head of a log
  file, which holds its own pair of tick and wall time. That makes no difference between 2 s and 50 years: a device that boots in 1970
  and is then set is as good as any.
* a record with which nobody agrees is left out where those around it lead to another time (the clock would have been set
  away and back between two records), or where it is hours off and a single flipped bit explains it. Otherwise it is used,
  and told.
* the wall time of the boot record comes from a hardware clock (real ones: 5 to 8 s off). It is judged last, by the first
  moment after it, and only its times up to the first sync record depend on it.

What cannot be noticed: a change below `AGREES_NS`, be it of the wall time or of the moment at which it was set; in the boot
record one below `BOOT_NS`. Beyond that no single record moves times without a word.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

AGREES_NS: Final = 1_000_000_000
"""Two moments agree whose offsets differ by less. Heuristic, from the real archives: see above."""
BOOT_NS: Final = 60_000_000_000
"""What a hardware clock may be off when a device boots (heuristic; 5 to 8 s in real archives)."""
_BIT_NS: Final = 3600 * AGREES_NS
"""A flipped bit explains only what is further off (heuristic): steps of seconds are common, and most of up to 15 s come within
a second of a power of two, of nanoseconds or of ticks."""
_NEAR: Final = 2
"""Moments on each side that can confirm one: so that damage beside a record leaves another witness."""
_AWAY: Final = 8
"""Those around a record agree where they lie that many times closer to each other than the record to them (heuristic)."""
_EPOCHS: Final = (0, 978_307_200_000_000_000)
"""1970 and 2001, UTC ns: where a clock without a battery begins."""
_DAY_NS: Final = 86_400 * AGREES_NS
_KNOWN: Final = ((125, 3), (1, 1))
"""Nanoseconds a tick of Apple's and of Intel's processors."""
_MOST_RATES: Final = 16
"""Lengths of a tick that are tried, those first that most heads give (heuristic): real archives have one."""

LEFT_OUT: Final = "damaged-timesync"
DOUBTED: Final = "doubtful-timesync"


class Moment(Struct, frozen=True):
    """A tick and its wall time (UTC ns), stated by `what` at byte `at` of `file` (a path within the archive)."""

    tick: int
    wall_ns: int
    what: str = "sync record"
    file: str = ""
    at: int = 0

    def __str__(self) -> str:
        wall = np.datetime64(self.wall_ns, "ns").astype("datetime64[s]")
        return f"the {self.what} that puts tick {self.tick} at {wall}Z"


class Boot(Struct):
    """What timesync files say about one boot.

    Attributes:
        numerator: Nanoseconds a tick, over `denominator`.
        denominator: See `numerator`.
        start: The boot record: tick 0. Its wall time is 0 where none is known.
        syncs: The sync records, in the order of the files.
    """

    numerator: int
    denominator: int
    start: Moment
    syncs: list[Moment] = field(default_factory=list)

    @property
    def moments(self) -> list[tuple[int, int]]:
        """Ticks and wall times (UTC ns) by which the clock goes, ascending."""
        found = {moment.tick: moment.wall_ns for moment in self.syncs}
        if self.start.wall_ns > 0:
            found.setdefault(0, self.start.wall_ns)
        return sorted(found.items())


class Head(NamedTuple):
    """What the head of a log file says of the clock."""

    numerator: int
    denominator: int
    moment: Moment


class Doubt(NamedTuple):
    """Something that is not trusted: `kind` is `LEFT_OUT` or `DOUBTED`, where it is used all the same."""

    moment: Moment
    kind: str
    text: str


class _Seen(NamedTuple):
    """A moment with its offset (ns); `sure` where a neighbour agrees. The boot and heads of files are no sync records."""

    offset: int
    moment: Moment
    sync: bool
    sure: bool = False


def judge(boot: Boot, heads: Sequence[Head]) -> tuple[Boot, list[Doubt]]:
    """Return what is to be trusted of a boot, and what was found against the rest.

    Args:
        boot: The boot as timesync tells it.
        heads: What the heads of log files of the same boot say.
    """
    doubts: list[Doubt] = []
    judged = replace(boot, syncs=list(boot.syncs))
    judged.numerator, judged.denominator = _timebase(boot, heads, doubts)
    rate = judged.numerator, judged.denominator
    witnesses = sorted((head.moment for head in heads), key=lambda moment: moment.tick)
    judged.syncs = _judge_syncs(judged, witnesses, rate, doubts)
    judged.start = _judge_start(judged, witnesses, rate, doubts)
    doubts += _contradictions(judged, witnesses, rate)
    return judged, doubts


def of_heads(heads: Sequence[Head]) -> tuple[Boot, list[Doubt]]:
    """Return the clock of a boot that timesync does not know, by the heads of its log files, if there are any."""
    moments = sorted((head.moment for head in heads), key=lambda moment: moment.tick)
    votes = Counter((head.numerator, head.denominator) for head in heads)
    numerator, denominator = max(votes, key=lambda rate: (votes[rate], rate in _KNOWN), default=(1, 1))
    return judge(Boot(numerator, denominator, Moment(0, 0), moments), [])


def _offset(moment: Moment, rate: tuple[int, int]) -> int:
    return moment.wall_ns - moment.tick * rate[0] // rate[1]


def _timebase(boot: Boot, heads: Sequence[Head], doubts: list[Doubt]) -> tuple[int, int]:
    """Return the length of a tick that boot record or heads give and that fits the moments best."""
    stated = boot.numerator, boot.denominator
    votes = Counter([stated, *((head.numerator, head.denominator) for head in heads)])
    rates = [rate for rate, _ in votes.most_common() if min(rate) > 0][:_MOST_RATES]
    if len(rates) < 2:
        best = rates[0] if rates else (1, 1)
    else:
        moments = sorted((boot.start, *boot.syncs, *(head.moment for head in heads)), key=lambda moment: moment.tick)
        moments = [moment for moment in moments if moment.wall_ns > 0]

        def misfit(rate: tuple[int, int]) -> int:
            offsets = [_offset(moment, rate) for moment in moments]
            steps = [abs(one - other) for one, other in pairwise(offsets)]
            return sorted(steps)[(len(steps) - 1) // 2] // AGREES_NS if steps else 0

        best = min(rates, key=lambda rate: (misfit(rate), -votes[rate], rate not in _KNOWN))
    if best != stated:
        said, used = (f"{rate[0]}/{rate[1]} ns" for rate in (stated, best))
        text = f"the boot record gives a tick as {said}, the heads of log files as {used}: the latter is used"
        doubts.append(Doubt(boot.start, LEFT_OUT, text))
    return best


def _judge_syncs(boot: Boot, heads: Sequence[Moment], rate: tuple[int, int], doubts: list[Doubt]) -> list[Moment]:
    """Return the sync records to use."""
    line = _line(boot, heads, rate)
    befores = _witnesses(line)
    afters = _witnesses(line[::-1])[::-1]
    kept: list[Moment] = []
    highest = -1
    for seen, before, after in zip(line, befores, afters, strict=True):
        if not seen.sync:
            continue
        tick = seen.moment.tick
        if tick <= highest or (not seen.sure and after is not None and after.sync and tick >= after.moment.tick):
            text = f"{seen.moment} is not in the order of time: it is not used"
            doubts.append(Doubt(seen.moment, LEFT_OUT, text))
            continue
        doubt = None if seen.sure else _judge_alone(seen, before, after, rate)
        if doubt is not None:
            doubts.append(doubt)
        if doubt is None or doubt.kind == DOUBTED:
            kept.append(seen.moment)
        if seen.sure:
            highest = tick
    return kept


def _agreed(offsets: list[int]) -> list[bool]:
    """Return for each moment whether one of the `_NEAR` before or after it agrees with it."""
    found = [False] * len(offsets)
    for apart in range(1, _NEAR + 1):
        for at, (one, other) in enumerate(zip(offsets, offsets[apart:], strict=False)):
            if abs(one - other) < AGREES_NS:
                found[at] = found[at + apart] = True
    return found


def _line(boot: Boot, heads: Sequence[Moment], rate: tuple[int, int]) -> list[_Seen]:
    """Return all moments: the boot, then sync records in their order with the heads where their ticks belong."""
    syncs = list({(moment.tick, moment.wall_ns): moment for moment in reversed(boot.syncs)}.values())[::-1]
    ticks = sorted(moment.tick for moment in syncs)
    places = [bisect_right(ticks, head.tick) for head in heads]
    line = [_Seen(boot.start.wall_ns, boot.start, sync=False)] if boot.start.wall_ns > 0 else []
    done = 0
    for number in range(len(syncs) + 1):
        while done < len(heads) and places[done] == number:
            line.append(_Seen(_offset(heads[done], rate), heads[done], sync=False))
            done += 1
        if number < len(syncs):
            line.append(_Seen(_offset(syncs[number], rate), syncs[number], sync=True))
    sure = _agreed([seen.offset for seen in line])
    return [seen._replace(sure=agreed) for seen, agreed in zip(line, sure, strict=True)]


def _witnesses(line: list[_Seen]) -> list[_Seen | None]:
    """Return the best moment before each: the last that others agree with, else that is no sync record, else any."""
    found: list[_Seen | None] = []
    sure = other = any_one = None
    for seen in line:
        found.append(sure or other or any_one)
        any_one = seen
        if seen.sure:
            sure = seen
        elif not seen.sync:
            other = seen
    return found


def _judge_alone(seen: _Seen, before: _Seen | None, after: _Seen | None, rate: tuple[int, int]) -> Doubt | None:
    """Return what speaks against a sync record with which no neighbour agrees; None where nothing does."""
    around = [witness for witness in (before, after) if witness is not None]
    if not around:
        return None
    offsets = [witness.offset for witness in around]
    nearest = min(abs(offset - seen.offset) for offset in offsets)
    if nearest < (BOOT_NS if not any(witness.moment.tick for witness in around) else AGREES_NS):
        return None
    by = f"{seen.moment} is {nearest / 1e9:.3f} s off what"
    sure = [witness.offset for witness in around if witness.sure]
    if nearest >= _BIT_NS and any(_one_bit(seen.moment, at, AGREES_NS, rate) for at in sure):
        return Doubt(
            seen.moment, LEFT_OUT, f"{by} the records around it lead to, by a single flipped bit: it is not used"
        )
    if len(around) > 1 and nearest >= _AWAY * abs(offsets[0] - offsets[1]):
        return Doubt(seen.moment, LEFT_OUT, f"{by} the records before and after it lead to: it is not used")
    return Doubt(seen.moment, DOUBTED, f"{by} the records around it lead to, and nothing confirms it; it is used")


def _judge_start(boot: Boot, heads: Sequence[Moment], rate: tuple[int, int], doubts: list[Doubt]) -> Moment:
    """Return the boot record, without a wall time where that is not to be used."""
    start = boot.start
    first = [*boot.syncs[:1], *(head for head in heads[:1] if not boot.syncs or head.tick < boot.syncs[0].tick)]
    away = [abs(start.wall_ns - _offset(moment, rate)) for moment in first]
    if start.wall_ns <= 0 or not first or min(away) < BOOT_NS:
        return start
    by = f"{start} is {min(away) / 1e9:.3f} s off what the first moment after it leads to"
    if any(_one_bit(start, _offset(moment, rate), BOOT_NS // 2, rate) for moment in first):
        doubts.append(Doubt(start, LEFT_OUT, f"{by}, by a single flipped bit: it is not used"))
    elif first[-1] in heads:
        doubts.append(Doubt(start, LEFT_OUT, f"{by}, the head of a log file: it is not used"))
    else:
        if not any(epoch < start.wall_ns < epoch + _DAY_NS for epoch in _EPOCHS):
            doubts.append(Doubt(start, DOUBTED, f"{by}, and nothing confirms it; the times before that follow it"))
        return start
    return replace(start, wall_ns=0)


def _contradictions(boot: Boot, heads: Sequence[Moment], rate: tuple[int, int]) -> Iterator[Doubt]:
    """Yield the heads of log files that are not in line with what is used."""
    moments = boot.moments
    ticks = [tick for tick, _ in moments]
    for head in heads if moments else ():
        tick, wall = moments[max(bisect_right(ticks, head.tick) - 1, 0)]
        away = abs(_offset(head, rate) - _offset(Moment(tick, wall), rate))
        if away >= (AGREES_NS if tick else BOOT_NS):
            text = f"{head} is {away / 1e9:.3f} s off what timesync leads to; timesync is used"
            yield Doubt(head, DOUBTED, text)


def _one_bit(moment: Moment, offset: int, slack_ns: int, rate: tuple[int, int]) -> bool:
    """Return whether another bit of tick or wall time would bring a moment to this offset, but for `slack_ns`."""
    moved = _offset(moment, rate) - offset
    # A bit that was set moves a wall time on; in a tick it moves the offset back.
    for value, (numerator, denominator), was_set in (
        (moment.wall_ns, (1, 1), moved > 0),
        (moment.tick, rate, moved < 0),
    ):
        size = max(abs(moved) * denominator // numerator, 1)
        for bit in (size.bit_length() - 1, size.bit_length()):
            if (
                (value >> bit & 1 == was_set)
                and value
                and abs(abs(moved) - (numerator << bit) // denominator) < slack_ns
            ):
                return True
    return False
