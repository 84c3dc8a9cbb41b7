"""LZBITMAP decompression. All streams are synthetic: written by the small encoder below."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers.unified_log.lzbitmap import DamagedStreamError, decompress

RUNS, PLAIN, SHORT = 0x09, 0x0C, 0x08
END = bytes([6, 0, 0, 0, 0, 0])


def u24(number: int) -> bytes:
    return number.to_bytes(3, "little")


def stored(data: bytes) -> bytes:
    return u24(len(data) + 6) + u24(len(data)) + data


def stream(flags: int, *chunks: bytes) -> bytes:
    return b"ZBM" + bytes([flags]) + b"".join(chunks) + END


def nibbles(values: list[int]) -> bytes:
    padded = [*values, 0] if len(values) % 2 else values
    return bytes(low | high << 4 for low, high in zip(padded[::2], padded[1::2], strict=True))


def run_lengths(tokens: list[int]) -> list[int]:
    coded: list[int] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        run = 1
        while position + run < len(tokens) - 1 and tokens[position + run] == token:
            run += 1
        coded.append(token)
        if run >= 4:
            coded.append(15)
            rest = run - 4
            while rest >= 15:
                coded.append(15)
                rest -= 15
            coded.append(rest)
            position += run
        else:
            position += 1
    return coded


def compressed(data: bytes, before: bytes, flags: int) -> bytes:
    """Encode one chunk: for each eight bytes the best of a few distances; the frequent bitmaps go to the map."""
    history = before + data
    distance = 8
    groups: list[tuple[int, int]] = []
    literals, distances = bytearray(), bytearray()
    for at in range(len(before), len(history), 8):
        group = history[at : at + 8]

        def misses(candidate: int, at: int = at, group: bytes = group) -> int:
            if candidate > at:
                return 99
            return sum(history[at + i - candidate] != byte for i, byte in enumerate(group))

        best = min((distance, 1, 2, 3, 5, 8, 16, 24, 100, 300), key=misses)
        best = distance if misses(best) == 99 else best
        width = 0 if best == distance else 1 if best < 256 else 2
        distances += best.to_bytes(2, "little")[:width]
        distance = best
        bitmap = 0
        for i, byte in enumerate(group):
            if distance > at + i or history[at + i - distance] != byte:
                bitmap |= 1 << i
                literals.append(byte)
        groups.append((bitmap, width))
    room = 13 if flags & 4 else 12
    mapped = sorted(set(groups), key=groups.count, reverse=True)[:room]
    bitmaps = bytes(bitmap for bitmap, width in groups if (bitmap, width) not in mapped)
    tokens = [3 + mapped.index(group) if group in mapped else group[1] for group in groups]
    bits = sum((bitmap | width << 8) << 10 * index for index, (bitmap, width) in enumerate(mapped))
    areas = [bytes(literals), bytes(distances), bitmaps, nibbles(tokens if flags & 4 else run_lengths(tokens))]
    offsets = [15 + sum(map(len, areas[:count])) for count in (1, 2, 3)]
    body = b"".join(areas) + bits.to_bytes(17, "little")
    if 15 + len(body) >= len(data) + 6:
        return stored(data)
    return u24(15 + len(body)) + u24(len(data)) + b"".join(map(u24, offsets)) + body


TEXTS = [
    b"a" * 1000,
    b"abcabcabcd" * 50,
    bytes(range(256)) * 3,
    b"The same line again and again, number %d\n" * 40,
    b"x",
    b"0123456789" + b"\0" * 5000 + b"end",
]


@pytest.mark.parametrize("flags", [RUNS, PLAIN])
@pytest.mark.parametrize("data", TEXTS)
def test_compressed_chunks(data: bytes, flags: int) -> None:
    assert decompress(stream(flags, compressed(data, b"", flags)), 1 << 20) == data


@given(
    st.lists(st.sampled_from([b"a", b"bc", b"same ", b"\0" * 9, b"0123456789abcdef"]), max_size=300),
    st.sampled_from([RUNS, PLAIN]),
)
def test_any_data_comes_back(parts: list[bytes], flags: int) -> None:
    data = b"".join(parts)
    half = len(data) // 2
    chunks = [
        compressed(data[:half], b"", flags) if half else b"",
        compressed(data[half:], data[:half], flags) if data else b"",
    ]
    assert decompress(stream(flags, *chunks), len(data)) == data


def test_stored_chunks_mix_with_compressed_ones() -> None:
    first, second = b"stored bytes " * 20, b"stored bytes once more " * 20
    whole = stream(PLAIN, stored(first), compressed(second, first, PLAIN), stored(b"tail"))
    assert decompress(whole + b"padding", 1 << 16) == first + second + b"tail"


@pytest.mark.parametrize("flags", [0x08, 0x09, 0x0C, 0x0D])
def test_all_known_flags_with_stored_chunks(flags: int) -> None:
    assert decompress(stream(flags, stored(b"abc")), 10) == b"abc"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "does not start"),
        (b"ZBM", "does not start"),
        (b"ZBM\x42", "flags 0x42"),
        (b"ZBM\x0c", "without its end mark"),
        (stream(PLAIN, stored(b"abc"))[:-8], "does not fit"),
        (b"ZBM\x0c" + u24(3) + u24(9), "does not fit"),
        (stream(PLAIN, stored(bytes(0x4001))), "breaks the limit"),
        (stream(PLAIN, u24(20) + u24(100) + bytes(14)), "too short"),
        (stream(PLAIN, u24(40) + u24(100) + b"\xff" * 34), "over the end"),
    ],
)
def test_damage_has_a_clear_error(data: bytes, message: str) -> None:
    with pytest.raises(DamagedStreamError, match=message):
        decompress(data, 1 << 16)


def test_what_came_before_the_damage_is_kept() -> None:
    with pytest.raises(DamagedStreamError) as caught:
        decompress(stream(PLAIN, stored(b"good"), stored(b"bad"))[:-9], 100)
    assert caught.value.recovered == b"good"


def test_the_limit_holds() -> None:
    bomb = stream(RUNS, *[compressed(b"a" * 0x8000, b"", RUNS)] * 50)
    with pytest.raises(DamagedStreamError, match="breaks the limit") as caught:
        decompress(bomb, 100_000)
    assert len(caught.value.recovered) <= 100_000


@given(st.binary(max_size=120), st.integers(0, 200), st.sampled_from([RUNS, PLAIN]))
def test_damage_never_surprises(junk: bytes, at: int, flags: int) -> None:
    whole = bytearray(stream(flags, compressed(TEXTS[3][:400], b"", flags)))
    whole[4 + at : 4 + at + len(junk)] = junk
    with suppress(DamagedStreamError):
        assert len(decompress(bytes(whole), 4096)) <= 4096
