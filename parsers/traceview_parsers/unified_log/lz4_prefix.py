"""What can be read of a damaged LZ4 block: the sequences before the first one that is impossible.

Facts: lz4/lz4, "LZ4 Block Format Description". A sequence is a token (lengths of literals and match, four bits each), further
bytes of the literals' length while they are 255, the literals, the distance of the match (16 bits) and further bytes of
the match's length. A block ends with literals. The library tells that a block is damaged and gives nothing of it; so the
lengths are followed here, and the library decompresses the part that is whole.
"""

from typing import Final, NamedTuple

import lz4.block

_LONG: Final = 15
_SHORTEST_MATCH: Final = 4
_LITERALS: Final = 12
_LAST: Final = bytes((_LITERALS << 4, *bytes(_LITERALS)))
"""A last sequence: a block ends with literals, the last match begins at least 12 bytes before its end."""


class Prefix(NamedTuple):
    """What a block gives up to where it is damaged.

    Attributes:
        data: The bytes. Damage shows only where a sequence is impossible, so the last ones may be wrong, unless the block
            is merely cut.
        possible: Whether nothing impossible was met: the block is whole, or ends inside a sequence.
        whole: Whether it ends as blocks do.
    """

    data: bytes
    possible: bool
    whole: bool


def decompress_prefix(source: bytes, limit: int, history: bytes) -> Prefix:
    """Return what a block gives up to where it is damaged.

    Args:
        source: The block.
        limit: Bytes that it may decompress to.
        history: What was decompressed right before it.
    """
    end, made, last = _whole_sequences(source, limit, len(history))
    found: bytes = lz4.block.decompress(source[:end] + _LAST, uncompressed_size=made + _LITERALS, dict=history)
    if last is None:
        return Prefix(found[:made], possible=False, whole=False)
    begin, size = last
    return Prefix(found[:made] + source[begin : begin + size], possible=True, whole=begin + size == len(source))


def _whole_sequences(source: bytes, limit: int, before: int) -> tuple[int, int, tuple[int, int] | None]:
    """Return the bytes of the sequences that are possible, what they decompress to, and the literals behind them.

    Those, at the block's end, are a position and a number, which may lead beyond the end; None where a sequence is
    impossible.
    """
    at = made = 0
    total = len(source)
    try:
        while True:
            token = source[at]
            size = token >> 4
            behind = at + 1
            if size == _LONG:
                size, behind = _length(source, behind)
            grown = made + size
            behind += size
            if grown > limit:
                return at, made, None
            if behind >= total:
                return at, made, (behind - size, size)
            distance = source[behind] | source[behind + 1] << 8
            if not 0 < distance <= grown + before:
                return at, made, None
            behind += 2
            match = token & _LONG
            if match == _LONG:
                match, behind = _length(source, behind)
            grown += match + _SHORTEST_MATCH
            if grown > limit:
                return at, made, None
            at, made = behind, grown
    except IndexError:  # the block ends inside a sequence
        return at, made, (total, 1)


def _length(source: bytes, at: int) -> tuple[int, int]:
    """Return (a length of 15 and more, position behind it)."""
    size = _LONG
    while source[at] == 255:
        size += 255
        at += 1
    return size + source[at], at + 1
