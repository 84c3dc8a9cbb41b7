"""The device's continuous clock: wall-clock nanoseconds to ticks, and the timesync file that says so."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

_BOOT: Final = 0xBBB0
_SYNC: Final = 0x7354  # "Ts"


@dataclass(slots=True)
class Clock:
    """One boot.

    Attributes:
        boot_uuid: Boot UUID.
        wall_start_ns: UTC at tick 0.
        timebase: (numerator, denominator): ticks x numerator / denominator = nanoseconds. 125/3 on Apple silicon.
        minutes_west: Time zone, minutes west of UTC (-60 = UTC+1).
        dst: Whether daylight saving time is on.
        syncs: (ticks, wall nanoseconds) pairs in order; a pair off the line is a clock that was set.
    """

    boot_uuid: UUID
    wall_start_ns: int
    timebase: tuple[int, int] = (125, 3)
    minutes_west: int = 0
    dst: bool = False
    syncs: list[tuple[int, int]] = field(default_factory=list)

    def ticks(self, wall_ns: int) -> int:
        """Return the continuous time of `wall_ns`, by the last sync record at or before it."""
        numerator, denominator = self.timebase
        base_ticks, base_wall = 0, self.wall_start_ns
        for ticks, wall in self.syncs:
            if wall <= wall_ns:
                base_ticks, base_wall = ticks, wall
        return base_ticks + (wall_ns - base_wall) * denominator // numerator

    def encode(self) -> bytes:
        """Return the boot's records of a timesync file."""
        out = struct.pack(
            "<2HI16s2IqiI",
            _BOOT, 48, 0, self.boot_uuid.bytes, *self.timebase, self.wall_start_ns, self.minutes_west, self.dst,
        )  # fmt: skip
        for ticks, wall in self.syncs:
            out += struct.pack("<2HIQqiI", _SYNC, 32, 0, ticks, wall, self.minutes_west, self.dst)
        return out


def timesync(clocks: Sequence[Clock]) -> bytes:
    """Return a timesync file of several boots."""
    return b"".join(clock.encode() for clock in clocks)
