"""What can be read of a damaged LZ4 block: the sequences before the first one that is impossible.

Facts: lz4/lz4, "LZ4 Block Format Description". A sequence is a token (lengths of literals and match, four bits each), further
bytes of the literals' length while they are 255, the literals, the distance of the match (16 bits) and further bytes of
the match's length. A block ends with literals. The library tells that a block is damaged and gives nothing of it; so the
lengths are followed here, and the library decompresses the part that is whole.
"""

from typing import Final

import lz4.block

_LONG: Final = 15
_SHORTEST_MATCH: Final = 4
_LITERALS: Final = 12
_LAST: Final = bytes((_LITERALS << 4, *bytes(_LITERALS)))
"""A last sequence: a block ends with literals, the last match begins at least 12 bytes before its end."""


def decompress_prefix(source: bytes, limit: int, history: bytes) -> tuple[bytes, bool]:
    """Return what a block gives up to where it is damaged, at most `limit` bytes, and whether that is all of it.

    Damage shows where a sequence is impossible, which may be later than where it is: the last bytes may be wrong.

    Args:
        source: The block.
        limit: Bytes that it may decompress to.
        history: What was decompressed right before it.
    """
    end, made, rest = _whole_sequences(source, limit, len(history))
    found: bytes = lz4.block.decompress(source[:end] + _LAST, uncompressed_size=made + _LITERALS, dict=history)
    return found[:made] + rest, bool(rest)


def _whole_sequences(source: bytes, limit: int, before: int) -> tuple[int, int, bytes]:
    """Return the bytes of the sequences that are possible, what they decompress to, and the literals at the block's end."""
    at = made = 0
    total = len(source)
    try:
        while True:
            token = source[at]
            size = token >> 4
            behind = at + 1
            if size == _LONG:
                size, behind = _length(source, behind)
            behind += size + 2
            grown = made + size
            if behind - 2 == total and grown <= limit:
                return at, made, source[total - size :]
            distance = source[behind - 2] | source[behind - 1] << 8
            if not 0 < distance <= grown + before:
                return at, made, b""
            match = token & _LONG
            if match == _LONG:
                match, behind = _length(source, behind)
            grown += match + _SHORTEST_MATCH
            if grown > limit:
                return at, made, b""
            at, made = behind, grown
    except IndexError:  # the block ends inside a sequence
        return at, made, b""


def _length(source: bytes, at: int) -> tuple[int, int]:
    """Return (a length of 15 and more, position behind it)."""
    size = _LONG
    while source[at] == 255:
        size += 255
        at += 1
    return size + source[at], at + 1
