"""Continuous time of the kernel to UTC, in exact integers.

Facts: libyal dtformats, "Apple Unified Logging and Activity Tracing formats" (timesync database). Wall time = the wall
time of the last sync record at or before the moment + the ticks since then * numerator / denominator; before the first
sync record the boot record counts (tick 0). Where no boot matches, the tracev3 headers' own pairs of wall clock and
continuous time are the anchors (checked on real archives: within 1 µs of timesync until the next clock adjustment).
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from traceview_parsers.problems import Problems
from traceview_parsers.unified_log.anchors import Boot, Doubt, Head, Moment, judge, of_heads
from traceview_parsers.unified_log.archive import Files, file_heads
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.marks import Marks

_BOOT: Final = struct.Struct("<HHI16sIIqiI")
_SYNC: Final = struct.Struct("<HHIQqiI")
_BOOT_SIGNATURE: Final = 0xBBB0
_SYNC_SIGNATURE: Final = 0x7354
_SIZES: Final = {_BOOT_SIGNATURE: _BOOT.size, _SYNC_SIGNATURE: _SYNC.size}
_SIGNATURES: Final = tuple(struct.pack("<H", signature) for signature in _SIZES)
_LATEST_NS: Final = 2**62
"""Wall times beyond year 2116 are damage, not dates."""
_LATEST_TICK: Final = 2**63
_MOST_BYTES: Final = 4 << 20
"""Of a timesync file that are read (heuristic; real ones have up to 128 KiB): a guard against bombs."""

FROM_TIMESYNC: Final = "timesync"
FROM_HEADER: Final = "header wall clock + continuous time, no timesync for this boot"
NO_CLOCK: Final = "no usable clock: header and timesync are damaged"


_SET_NS: Final = 1_000_000_000
"""Heuristic: a correction of a second or more is a clock that was set, a smaller one drift that time sync took back
(real archives: 20 to 50 ms each quarter of an hour, and single ones of 1 to 12 s)."""


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

    def elapsed_ns(self, ticks: Array) -> tuple[Array, Array]:
        """Return (nanoseconds int64 that so many ticks (uint64) last, whether that is meaningful)."""
        if not ticks.size or not self._usable:
            return np.zeros(ticks.size, np.int64), np.zeros(ticks.size, bool)
        lasted, sane = self._walls_after(0, np.minimum(ticks, np.uint64(_LATEST_NS)).view(np.int64))
        return lasted, sane

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


class Sureness(NamedTuple):
    """How far the times of an archive may be off.

    Attributes:
        bound_ns: Bound of the times' error in nanoseconds; None: not known.
        step_s: Largest step by which the wall clock was set, with its sign; 0.0: it was not; None: not known.
        notes: What to say of clocks that were set.
    """

    bound_ns: int | None
    step_s: float | None
    notes: list[str]


def sureness(mapped: Iterable[tuple[Clock, tuple[int, int]]]) -> Sureness:
    """Return how sure the times are, and how far the wall clock was set in the covered time.

    Times are those that ``log show`` prints. Between two sync records the device's clock drifts: a moment right before a
    record is off by as much as that record corrects, so the largest correction in the covered time is the bound, with
    the length of a tick. A header's clock says nothing of corrections after it.

    Args:
        mapped: The clock of each boot with its first and last tick.
    """
    bounds: list[int | None] = []
    steps: list[tuple[int, int]] = []
    for clock, span in mapped:
        by, _ = clock.corrections(*span)
        steps += _steps(clock, span)
        drift = int(np.abs(by[np.abs(by) < _SET_NS]).max(initial=0))
        bounds.append(clock.tick_ns + drift if clock.how == FROM_TIMESYNC else None)
    known = [bound for bound in bounds if bound is not None]
    sure = bool(known) and len(known) == len(bounds)
    notes = []
    largest = 0
    if steps:
        largest, moment = max(steps, key=lambda step: abs(step[0]))
        times = "once" if len(steps) == 1 else f"{len(steps)} times"
        most = "" if len(steps) == 1 else "most of all "
        when = f"{np.datetime64(moment, 'ns').astype('datetime64[s]')}Z"
        notes.append(f"the wall clock was set {times} in the covered time, {most}by {largest / 1e9:+.3f} s at {when}")
    return Sureness(max(known) if sure else None, largest / 1e9 if steps or sure else None, notes)


def clock_steps(mapped: Iterable[tuple[Clock, tuple[int, int]]]) -> tuple[tuple[int, float], ...]:
    """Return when the wall clock was set in the covered time (UTC nanoseconds, by the clock before it), by how many seconds.

    Args:
        mapped: As in `sureness`.
    """
    return tuple((moment, by / 1e9) for clock, span in mapped for by, moment in _steps(clock, span))


def _steps(clock: Clock, span: tuple[int, int]) -> list[tuple[int, int]]:
    """Return by how many nanoseconds the clock was set, and when (UTC, before it): corrections too large for a drift."""
    by, at = clock.corrections(*span)
    large = np.abs(by) >= _SET_NS
    return list(zip(by[large].tolist(), at[large].tolist(), strict=True))


class Boots:
    """The clocks of the boots of one archive; what is not to be trusted of them is told in `problems` (see `anchors`).

    Args:
        name: Name of the archive, for problems.
        files: The archive.
        problems: Where to tell.
    """

    def __init__(self, name: str, files: Files, problems: Problems) -> None:
        self._name = name
        self._problems = problems
        self._heads: dict[bytes, list[Head]] = {}
        for file, header in file_heads(files):
            if (head := _head(header.anchor, file)) is not None:
                self._heads.setdefault(header.boot_uuid, []).append(head)
        self._boots, odd = read_timesync(self._contents(files))
        for file, at in odd:
            text = "timesync records that make no sense were left out"
            problems.add(f"{name}/{file}", "damaged-timesync", text, position=at)
        self._judged: dict[bytes, Boot | None] = {}
        self._heads_only: dict[bytes, Boot] = {}

    def find(self, boot_uuid: bytes) -> Boot | None:
        """Return what is to be trusted of a boot; None where timesync does not speak of it."""
        if boot_uuid not in self._judged:
            boot = self._boots.get(boot_uuid)
            if boot is not None:
                boot, doubts = judge(boot, self._heads.get(boot_uuid, []))
                self._tell(doubts)
            self._judged[boot_uuid] = boot
        return self._judged[boot_uuid]

    def clock(self, boot_uuid: bytes, header: tuple[int, int, int, int]) -> "Clock":
        """Return the clock of a boot.

        Args:
            boot_uuid: 16 bytes from a file's header.
            header: (numerator, denominator, wall clock in UTC ns, continuous time of that moment) from that header.
        """
        boot = self.find(boot_uuid)
        if boot is not None and boot.moments:
            return Clock(FROM_TIMESYNC, boot.numerator, boot.denominator, boot.moments)
        if boot_uuid not in self._heads_only:
            heads = self._heads.get(boot_uuid) or [*filter(None, [_head(header)])]
            self._heads_only[boot_uuid], doubts = of_heads(heads)
            self._tell(doubts)
        boot = self._heads_only[boot_uuid]
        return Clock(FROM_HEADER, boot.numerator, boot.denominator, boot.moments)

    def _contents(self, files: Files) -> Iterator[tuple[str, bytes]]:
        for path in files.timesync:
            source = f"{self._name}/timesync/{path.name}"
            try:
                with path.open("rb") as file:
                    data = file.read(_MOST_BYTES)
                    longer = bool(file.read(1))
            except OSError as error:
                self._problems.add(source, "unreadable-file", f"the file cannot be read: {error.strerror}")
                continue
            if longer:
                text = f"the file is longer than {_MOST_BYTES >> 20} MiB; what lies behind is not read"
                self._problems.add(source, "damaged-timesync", text, position=_MOST_BYTES)
            yield path.name, data

    def _tell(self, doubts: Iterable[Doubt]) -> None:
        for doubt in doubts:
            source = "/".join(filter(None, (self._name, doubt.moment.file)))
            self._problems.add(source, doubt.kind, doubt.text, position=doubt.moment.at)


def _head(anchor: tuple[int, int, int, int], file: str = "") -> Head | None:
    """Return what the head of a file states; None where it is no time that can be."""
    numerator, denominator, wall_ns, ticks = anchor
    if not 0 < wall_ns < _LATEST_NS or ticks < 0:
        return None
    return Head(numerator, denominator, Moment(ticks, wall_ns, "file head", file))


def read_timesync(files: Iterable[tuple[str, bytes]]) -> tuple[dict[bytes, Boot], list[tuple[str, int]]]:
    """Read timesync files, given with their names and in the order of these.

    A boot may go on in the next file, with a boot record that was written again; the first one counts, since it stood
    there when the early records were logged.

    Returns:
        The boots by boot UUID, and the places (file, byte) of records that make no sense.
    """
    boots: dict[bytes, Boot] = {}
    odd: list[tuple[str, int]] = []
    for name, data in files:
        file = f"timesync/{name}"
        boot: Boot | None = None
        for at, signature, size in _records(data):
            if signature == _BOOT_SIGNATURE and at + _BOOT.size <= len(data):
                _, _, _, uuid, numerator, denominator, wall, _, _ = _BOOT.unpack_from(data, at)
                sane = 0 < wall < _LATEST_NS
                boot = Boot(numerator, denominator, Moment(0, wall if sane else 0, "boot record", file, at))
                boot = boots.setdefault(uuid, boot)
            elif signature == _SYNC_SIGNATURE and at + _SYNC.size <= len(data):
                _, _, _, tick, wall, _, _ = _SYNC.unpack_from(data, at)
                sane = boot is not None and 0 < wall < _LATEST_NS and tick < _LATEST_TICK
                if boot is not None and sane:
                    boot.syncs.append(Moment(tick, wall, "sync record", file, at))
            else:
                sane = not any(data[at : at + _BOOT.size])
                if size != _SYNC.size:
                    boot = None  # what follows may belong to a boot that is told here
            if not sane:
                odd.append((file, at))
    return boots, odd


def _records(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (position, signature, stated size) of each record, and of each stretch that holds none."""
    marks = Marks(data, tuple(struct.pack("<HH", *record) for record in _SIZES.items()), lambda _: True)

    def stands(at: int) -> bool:
        return at == len(data) or data[at : at + 2] in _SIGNATURES

    at = 0
    while at + 4 <= len(data):
        signature, size = struct.unpack_from("<HH", data, at)
        yield at, signature, size
        usual = _SIZES.get(signature, size if size in _SIZES.values() else 0)
        if usual and (stands(at + usual) or (signature in _SIZES and not stands(at + size))):
            at += usual
        elif signature in _SIZES and size > usual:
            at += size
        else:
            at = marks.after(at + 4)
