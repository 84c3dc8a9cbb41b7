"""Counts of what was met while an archive was decoded."""

from msgspec import Struct, field


class Tally(Struct):
    """What was met while decoding.

    Attributes:
        records: Records met, wanted or not, decoded or not.
        lost: Messages that the device reports as lost, whatever process lost them.
        unknown: Tracepoints of unknown types, by type.
        damaged: Firehose chunks that are damaged, or end inside a tracepoint.
        skipped: Bytes inside of these that make no tracepoint.
        broken: Records whose arguments reach beyond their end.
        homeless: Records whose process no catalog names.
        incomplete: Records whose oversize data are not in the archive.
    """

    records: int = 0
    lost: int = 0
    unknown: dict[int, int] = field(default_factory=dict)
    damaged: int = 0
    skipped: int = 0
    broken: int = 0
    homeless: int = 0
    incomplete: int = 0
