"""How the values of an engineering type are stored.

Apple, Instruments Help, engineering types: 238 types with their CLIPS type (INTEGER, FLOAT, STRING, …), width and the
number that stands for "no value". Types outside that list occur in real exports; their cells are kept as text.
"""

from enum import Enum
from typing import Final


class Kind(Enum):
    """Storage of a column."""

    TIME = "time since the start of the recording, int64 nanoseconds"
    DURATION = "int64 nanoseconds"
    SIGNED = "int64"
    UNSIGNED = "uint64"
    REAL = "float64"
    EPOCH = "a moment, int64 nanoseconds since 1970 UTC"
    TEXT = "the machine value, else the display text"
    SHOWN = "the display text, else the machine value"
    THREAD = "a thread"
    PROCESS = "a process"
    MESSAGE = "a message with typed arguments"
    STACK = "call stack"


NO_VALUE: Final = (1 << 64) - 1
"""Written instead of ``<sentinel/>`` where a type's "no value" is its maximum; kept in unsigned columns."""

_TIMES: Final = "start-time event-time sample-time end-time vsync-timestamp"
_DURATIONS: Final = "duration duration-on-core duration-waiting weight"
_SIGNED: Final = "pid core sched-priority int64-value errno-value process-uid process-gid containment-level"
_UNSIGNED: Final = """
    abstract-power account-numeric-identifier address bit-rate boolean byte clock config-id connection-uuid
    connection-uuid64 cpu-event-counter cycle-weight disk-size-in-bytes displayed-surface-io-surface
    displayed-surface-io-surface-size displayed-surface-prio displayed-surface-swap eight-byte-array
    eight-byte-array-le event-count fd gpu-frame-number http-status kdebug-arg kdebug-class kdebug-code
    kdebug-subclass layout-id mach-absolute-time mach-continuous-time mach-o-vm-offset mach-port
    metal-command-buffer-id metal-device-id metal-encoder-id metal-nesting-level metal-workload-priority
    narrative-certainty narrative-significance network-size-in-bytes network-size-in-bytes-per-second
    os-signpost-identifier packed-identifier pmc-event register-content render-buffer-depth row-number sample-count
    size-in-bytes size-in-bytes-per-second size-in-pages swift-actor-id swift-task-id syscall-arg syscall-return
    text-address text-location tid time-of-day uint32 uint64 uint64-hex-lowercase vnode work-task-identifier
"""
_REAL: Final = """
    counters-formula-result cpu-percent-loads events-per-second fixed-decimal fps load nominal-sampling-frequency
    over-one-ratio percent sampling-frequency system-cpu-percent time-interval percent-per-hour
"""
# Numbers and addresses whose display text is the name that people know.
_SHOWN: Final = """
    sockaddr syscall kdebug-func time-sample-kind cfrunloop-result size-in-pixels mach-timebase-info event-concept
"""
_STACKS: Final = "backtrace tagged-backtrace text-backtrace kperf-bt"

_KINDS: Final[dict[str, Kind]] = {
    **dict.fromkeys(_TIMES.split(), Kind.TIME),
    **dict.fromkeys(_DURATIONS.split(), Kind.DURATION),
    **dict.fromkeys(_SIGNED.split(), Kind.SIGNED),
    **dict.fromkeys(_UNSIGNED.split(), Kind.UNSIGNED),
    **dict.fromkeys(_REAL.split(), Kind.REAL),
    **dict.fromkeys(_SHOWN.split(), Kind.SHOWN),
    **dict.fromkeys(_STACKS.split(), Kind.STACK),
    "time-since-epoch": Kind.EPOCH,
    "thread": Kind.THREAD,
    "process": Kind.PROCESS,
    "os-log-metadata": Kind.MESSAGE,
}


def kind_of(engineering_type: str) -> Kind:
    """Return how cells of this type are stored."""
    return _KINDS.get(engineering_type, Kind.TEXT)
