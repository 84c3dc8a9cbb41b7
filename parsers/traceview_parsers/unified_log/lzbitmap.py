"""LZBITMAP decompression: what iOS 27 compresses persisted chunk sets with.

Facts of the format: eafer/libzbitmap and apfs-fuse (public implementations), public issue threads of unified log
readers for the flags. A stream is ``ZBM``, one byte of flags and chunks; every chunk starts with its size and its
decompressed size (24 bits each). A chunk whose size is 6 more than its decompressed size is stored; one that
decompresses to nothing ends the stream. All others hold four areas: literal bytes (from 15 on), distances, bitmaps and
tokens (their offsets follow the sizes), and the token map in the last 17 bytes.

A token of four bits stands for eight output bytes. It names a bitmap, where a set bit takes the next literal and a clear
one repeats the byte one distance back, and says how many bytes of new distance come first. Tokens 0 to 2 take the next
bitmap of the bitmap area and read that many distance bytes; the others come from the token map.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

MAGIC: Final = b"ZBM"
DEFAULT_LIMIT: Final = 64 << 20
"""Bytes. logd writes chunk sets of 64 KiB; this is a guard (heuristic) against bombs."""

_LONG_CHUNKS: Final = 0x01
"""Flag: chunks decompress to 32 KiB at most instead of 16 KiB."""
_PLAIN_TOKENS: Final = 0x04
"""Flag: tokens are not run-length coded, so 15 is a token like others."""
_KNOWN_FLAGS: Final = frozenset((0x08, 0x09, 0x0C, 0x0D))

_HEADER_SIZE: Final = 6
_AREAS_SIZE: Final = 15
_MAP_SIZE: Final = 17
_GROUP: Final = 8
_FIRST_DISTANCE: Final = 8
_MAPPED: Final = 3  # the first token of the map
_REPEAT: Final = 15
_SHORTEST_RUN: Final = 4

Bytes = npt.NDArray[np.uint8]


class DamagedStreamError(ValueError):
    """The stream is damaged or too large; `recovered` holds what came before."""

    def __init__(self, message: str, recovered: bytes) -> None:
        super().__init__(message)
        self.recovered = recovered


class _DamageError(ValueError):
    """A chunk is damaged."""


def decompress(stream: bytes, limit: int = DEFAULT_LIMIT) -> bytes:
    """Decompress one LZBITMAP stream; bytes after its end are ignored.

    Args:
        stream: The stream with its magic.
        limit: Largest result that is accepted, in bytes.

    Raises:
        DamagedStreamError: Bad magic, unknown flags, damage, truncation, or a result above `limit`. (A ValueError.)
    """
    if stream[:3] != MAGIC or len(stream) < 4:
        raise DamagedStreamError("no LZBITMAP stream: it does not start with 'ZBM'", b"")
    flags = stream[3]
    if flags not in _KNOWN_FLAGS:
        raise DamagedStreamError(f"LZBITMAP flags 0x{flags:02x} are not known", b"")
    largest = 0x8000 if flags & _LONG_CHUNKS else 0x4000
    source = np.frombuffer(stream, np.uint8)
    output = np.zeros(min(limit, _announced(stream)), np.uint8)
    position, written = 4, 0
    while True:
        try:
            size, result = _sizes(stream, position, min(largest, len(output) - written))
            if not result:
                return output[:written].tobytes()
            chunk = source[position : position + size]
            if size == result + _HEADER_SIZE:
                output[written : written + result] = chunk[_HEADER_SIZE:]
            else:
                _expand(chunk, output, written, result, plain=bool(flags & _PLAIN_TOKENS))
        except _DamageError as error:
            message = f"LZBITMAP stream is damaged at byte {position}: {error}"
            raise DamagedStreamError(message, output[:written].tobytes()) from None
        position += size
        written += result


def _announced(stream: bytes) -> int:
    """Add up the decompressed sizes of all whole chunks."""
    position, total = 4, 0
    while position + _HEADER_SIZE <= len(stream):
        size = int.from_bytes(stream[position : position + 3], "little")
        result = int.from_bytes(stream[position + 3 : position + 6], "little")
        if size < _HEADER_SIZE or not result:
            break
        position += size
        total += result
    return total


def _sizes(stream: bytes, position: int, room: int) -> tuple[int, int]:
    if position + _HEADER_SIZE > len(stream):
        raise _DamageError("it ends without its end mark")
    size = int.from_bytes(stream[position : position + 3], "little")
    result = int.from_bytes(stream[position + 3 : position + 6], "little")
    if size < _HEADER_SIZE or position + size > len(stream):
        raise _DamageError(f"a chunk of {size} bytes does not fit")
    if result > room:
        raise _DamageError(f"a chunk of {result} bytes breaks the limit")
    return size, result


def _expand(chunk: Bytes, output: Bytes, start: int, result: int, *, plain: bool) -> None:
    """Decompress one chunk into ``output[start : start + result]``."""
    if len(chunk) < _AREAS_SIZE + _MAP_SIZE:
        raise _DamageError("a compressed chunk is too short")
    distances_at, bitmaps_at, tokens_at = (int.from_bytes(chunk[at : at + 3].tobytes(), "little") for at in (6, 9, 12))
    groups = -(-result // _GROUP)
    tokens = _plain_tokens(chunk, tokens_at, groups) if plain else _run_length_tokens(chunk, tokens_at, groups)
    mapped, widths = _token_map(chunk)
    bitmap = mapped[tokens]
    direct = tokens < _MAPPED
    bitmap[direct] = _area(chunk, bitmaps_at, int(np.count_nonzero(direct)), "bitmaps")
    distance = _distances(chunk, distances_at, widths[tokens])
    literal = np.unpackbits(bitmap, bitorder="little")[:result].astype(bool)
    literals = _area(chunk, _AREAS_SIZE, int(np.count_nonzero(literal)), "literals")
    _resolve(output, start, literal, literals, np.repeat(distance, _GROUP)[:result])


def _resolve(output: Bytes, start: int, literal: npt.NDArray[np.bool_], literals: Bytes, distance: Any) -> None:
    """Fill in literals and repeated bytes. Repeats of repeats are followed by doubling, not byte by byte."""
    place = np.arange(len(literal))
    source = np.where(literal, place, place - distance)
    if start + int(source.min()) < 0:
        raise _DamageError("a distance leads before the start")
    target = output[start : start + len(literal)]
    target[literal] = literals
    earlier = source < 0
    target[earlier] = output[start + source[earlier]]
    source[earlier] = place[earlier]
    while True:
        further = source[source]
        if np.array_equal(further, source):
            break
        source = further
    target[:] = target[source]


def _area(chunk: Bytes, at: int, size: int, name: str) -> Bytes:
    if at + size > len(chunk):
        raise _DamageError(f"the {name} run over the end of a chunk")
    return chunk[at : at + size]


def _distances(chunk: Bytes, at: int, width: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return each group's distance: a new one of 1 or 2 bytes where `width` says so, else the one before."""
    if int(width.max(initial=0)) > 2:
        raise _DamageError("a token asks for a distance of 3 bytes")
    ends = np.cumsum(width, dtype=np.int64)
    area = _area(chunk, at, int(ends[-1]), "distances").astype(np.int64)
    padded = np.append(area, (0, 0))
    first = ends - width
    fresh = padded[first] | np.where(width == 2, padded[first + 1] << 8, 0)
    latest = np.maximum.accumulate(np.where(width > 0, np.arange(len(width)), -1))
    distance = np.where(latest >= 0, fresh[latest], _FIRST_DISTANCE)
    if not distance.all():
        raise _DamageError("a distance is zero")
    return distance


def _token_map(chunk: Bytes) -> tuple[Bytes, Bytes]:
    """Return (bitmap, number of distance bytes) of each token."""
    bits = np.unpackbits(chunk[-_MAP_SIZE:], bitorder="little")[: 13 * 10].reshape(13, 10)
    bitmaps, widths = np.zeros(16, np.uint8), np.arange(16, dtype=np.uint8)
    bitmaps[_MAPPED:] = np.packbits(bits[:, :8], axis=1, bitorder="little")[:, 0]
    widths[_MAPPED:] = bits[:, 8] + 2 * bits[:, 9]
    return bitmaps, widths


def _nibbles(chunk: Bytes, at: int) -> Bytes:
    """Return all half-bytes from `at` on, lower half first."""
    area = chunk[at:]
    halves = np.empty(2 * len(area), np.uint8)
    halves[0::2] = area & 15
    halves[1::2] = area >> 4
    return halves


def _plain_tokens(chunk: Bytes, at: int, groups: int) -> Bytes:
    tokens = _nibbles(chunk[: at + (groups + 1) // 2], at)[:groups]
    if len(tokens) < groups:
        raise _DamageError("the tokens run over the end of a chunk")
    return tokens


def _run_length_tokens(chunk: Bytes, at: int, groups: int) -> Bytes:
    """Return the tokens; 15 after a token repeats it 4 times and more, in half-bytes that go on while they are 15."""
    halves = _nibbles(chunk, at).tobytes()
    tokens = bytearray()
    position = 0
    while len(tokens) < groups:
        mark = halves.find(_REPEAT, position)
        # The last token stands alone, so what follows it is no mark.
        end = min(len(halves) if mark < 0 else mark, position + groups - len(tokens))
        tokens += halves[position:end]
        if len(tokens) >= groups:
            break
        if mark < 0 or mark == position or mark + 1 >= len(halves):
            raise _DamageError("the tokens run over the end of a chunk or are damaged")
        position, run = mark + 1, _SHORTEST_RUN - 1
        while position < len(halves) - 1 and halves[position] == _REPEAT:
            run += _REPEAT
            position += 1
        run += halves[position]
        position += 1
        tokens += tokens[-1:] * min(run, groups - len(tokens))
    return np.frombuffer(bytes(tokens), np.uint8)
