"""Continuous time of the kernel to UTC, in exact integers.

Facts: libyal dtformats, "Apple Unified Logging and Activity Tracing formats" (timesync database). Wall time = the wall
time of the last sync record at or before the moment + the ticks since then * numerator / denominator; before the first
sync record the boot record counts (tick 0). Where no boot matches, the tracev3 header's own pair of wall clock and
continuous time is the anchor (checked on real archives: within 1 µs of timesync until the next clock adjustment).
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from traceview_parsers.unified_log.interning import Array

_BOOT: Final = struct.Struct("<HHI16sIIqiI")
_SYNC: Final = struct.Struct("<HHIQqiI")
_BOOT_SIGNATURE: Final = 0xBBB0
_SYNC_SIGNATURE: Final = 0x7354
_LATEST_NS: Final = 2**62
"""Wall times beyond year 2116 are damage, not dates."""

FROM_TIMESYNC: Final = "timesync"
FROM_HEADER: Final = "header wall clock + continuous time, no timesync for this boot"
NO_CLOCK: Final = "no usable clock: header and timesync are damaged"


_SET_NS: Final = 1_000_000_000
"""Heuristic: a correction of a second or more is a clock that was set, a smaller one drift that time sync took back
(real archives: 20 to 50 ms each quarter of an hour, and single ones of 1 to 12 s)."""


@dataclass(slots=True)
class Boot:
    """What timesync files say about one boot: (tick, UTC ns) anchors, the boot record first."""

    numerator: int
    denominator: int
    wall_ns: int
    syncs: dict[int, int] = field(default_factory=dict)


class Clock:
    """Maps ticks of one boot to UTC nanoseconds.

    Attributes:
        how: `FROM_TIMESYNC`, `FROM_HEADER`, or `NO_CLOCK` where no anchor makes sense: then no time is meaningful.
    """

    def __init__(self, how: str, numerator: int, denominator: int, anchors: Iterable[tuple[int, int]]) -> None:
        self.how = how
        self._numerator = max(numerator, 1)
        self._denominator = max(denominator, 1)
        ordered = sorted((tick, wall) for tick, wall in anchors if 0 <= tick < 2**64 and 0 < wall < _LATEST_NS)
        self._usable = bool(ordered)
        if not ordered:
            self.how, ordered = NO_CLOCK, [(0, 0)]
        self._ticks = np.array([tick for tick, _ in ordered], np.uint64)
        self._walls = np.array([wall for _, wall in ordered], np.int64)

    def to_ns(self, ticks: Array) -> tuple[Array, Array]:
        """Return (UTC nanoseconds int64, whether they are meaningful) for uint64 ticks."""
        if not ticks.size or not self._usable:
            return np.zeros(ticks.size, np.int64), np.zeros(ticks.size, bool)
        last = self._ticks.size - 1
        low, high = np.searchsorted(self._ticks, [ticks.min(), ticks.max()], "right") - 1
        if low == high or last == 0:
            at: Any = max(int(low), 0)
        else:
            at = np.maximum(np.searchsorted(self._ticks, ticks, "right") - 1, 0)
        since = (ticks - self._ticks[at]).view(np.int64)
        return self._walls_after(self._walls[at], since)

    @property
    def tick_ns(self) -> int:
        """Length of a tick in nanoseconds, rounded up: the mapping is exact to that."""
        return -(-self._numerator // self._denominator)

    def corrections(self, start: int, end: int) -> tuple[Array, Array]:
        """Return by how many nanoseconds each anchor within [start, end] moved the wall clock, and when (UTC, before it)."""
        inside = np.flatnonzero((self._ticks > max(start, 0)) & (self._ticks <= end))
        inside = inside[inside > 0]
        since = (self._ticks[inside] - self._ticks[inside - 1]).view(np.int64)
        if not inside.size:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        expected, sane = self._walls_after(self._walls[inside - 1], since)
        return (self._walls[inside] - expected)[sane], expected[sane]

    def span_ns(self, start: int, end: int) -> tuple[int, int]:
        """Return the earliest and latest UTC nanosecond that ticks within [start, end] may have."""
        inside = self._ticks[(self._ticks > start) & (self._ticks <= end)]
        moments = np.concatenate([np.array([start, end], np.uint64), inside, inside - np.uint64(1)])
        walls, _ = self.to_ns(moments)
        return int(walls.min()), int(walls.max())

    def _walls_after(self, wall: Any, since: Array) -> tuple[Array, Array]:
        numerator, denominator = self._numerator, self._denominator
        limit = _LATEST_NS * denominator // numerator
        sane = np.abs(since) < min(limit, _LATEST_NS)
        since = since if sane.all() else np.where(sane, since, 0)
        widest = int(max(since.max(), -since.min()))
        if widest * numerator < 2**63:
            walls = wall + since * numerator // denominator
        else:
            whole, rest = np.divmod(since, denominator)
            walls = (
                wall
                + whole * numerator
                + (rest.astype(np.uint64) * np.uint64(numerator)).astype(np.int64) // denominator
            )
        sane &= (walls > -_LATEST_NS) & (walls < _LATEST_NS)
        return walls, sane


def sureness(mapped: Iterable[tuple[Clock, tuple[int, int]]]) -> tuple[int | None, list[str]]:
    """Return the bound of the times' error in nanoseconds (None: not known), and what to say of clocks that were set.

    Times are those that ``log show`` prints. Between two sync records the device's clock drifts: a moment right before a
    record is off by as much as that record corrects, so the largest correction in the covered time is the bound, with
    the length of a tick. A header's clock says nothing of corrections after it.

    Args:
        mapped: The clock of each boot with its first and last tick.
    """
    bounds: list[int | None] = []
    steps: list[tuple[int, int]] = []
    for clock, (start, end) in mapped:
        by, at = clock.corrections(start, end)
        large = np.abs(by) >= _SET_NS
        steps += zip(by[large].tolist(), at[large].tolist(), strict=True)
        drift = int(np.abs(by[~large]).max(initial=0))
        bounds.append(clock.tick_ns + drift if clock.how == FROM_TIMESYNC else None)
    known = [bound for bound in bounds if bound is not None]
    notes = []
    if steps:
        largest, moment = max(steps, key=lambda step: abs(step[0]))
        times = "once" if len(steps) == 1 else f"{len(steps)} times"
        most = "" if len(steps) == 1 else "most of all "
        when = f"{np.datetime64(moment, 'ns').astype('datetime64[s]')}Z"
        notes.append(f"the wall clock was set {times} in the covered time, {most}by {largest / 1e9:+.3f} s at {when}")
    return (max(known) if known and len(known) == len(bounds) else None), notes


def read_timesync(files: Iterable[bytes]) -> tuple[dict[bytes, Boot], int]:
    """Read timesync files in the order of their names; return (boots by boot UUID, records that made no sense).

    A boot may go on in the next file, with a boot record that was written again; the first one counts, since it stood
    there when the early records were logged.
    """
    boots: dict[bytes, Boot] = {}
    odd = 0
    for data in files:
        boot: Boot | None = None
        at = 0
        while at + 4 <= len(data):
            signature, size = struct.unpack_from("<HH", data, at)
            if signature == _BOOT_SIGNATURE and at + _BOOT.size <= len(data):
                _, _, _, uuid, numerator, denominator, wall, _, _ = _BOOT.unpack_from(data, at)
                boot = boots.setdefault(uuid, Boot(numerator, denominator, wall))
            elif signature == _SYNC_SIGNATURE and at + _SYNC.size <= len(data):
                _, _, _, tick, wall, _, _ = _SYNC.unpack_from(data, at)
                if boot is None or wall <= 0:
                    odd += 1
                else:
                    boot.syncs[tick] = wall
            else:
                odd += any(data[at:])
                break
            at += max(size, 4)
    return boots, odd


def clock_for(boots: dict[bytes, Boot], boot_uuid: bytes, header: tuple[int, int, int, int]) -> Clock:
    """Return the clock of a tracev3 file.

    Args:
        boots: From `read_timesync`.
        boot_uuid: 16 bytes from the file's header.
        header: (numerator, denominator, wall clock in UTC ns, continuous time of that moment) from the file's header.
    """
    boot = boots.get(boot_uuid)
    if boot is not None and (boot.wall_ns > 0 or boot.syncs):
        anchors = dict(boot.syncs)
        if boot.wall_ns > 0:
            anchors.setdefault(0, boot.wall_ns)
        return Clock(FROM_TIMESYNC, boot.numerator, boot.denominator, anchors.items())
    numerator, denominator, wall_ns, ticks = header
    return Clock(FROM_HEADER, numerator, denominator, [(ticks, wall_ns)])
