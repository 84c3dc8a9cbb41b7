"""The encoder against real files: taken apart and put together again, real chunks must come out byte for byte."""

import struct
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import lz4.block
import pytest
from generator import tracev3
from generator.timesync import Clock
from generator.tracev3 import CHUNK_SET, FIREHOSE, HEADER, OVERSIZE, SIMPLEDUMP, STATEDUMP, Page

ARCHIVES = ("ios15-nostrings.logarchive.tar.gz", "macos12.logarchive.tar.gz")
pytestmark = pytest.mark.real


def _files(archive: Path) -> Iterator[bytes]:
    with tarfile.open(archive, "r|gz") as tar:
        for member in tar:
            if member.name.endswith(".tracev3") and not member.name.rpartition("/")[2].startswith("._"):
                content = tar.extractfile(member)
                assert content is not None
                yield content.read()


def _chunks(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + 16 <= len(data):
        tag, _, size = struct.unpack_from("<2IQ", data, position)
        yield tag, data[position + 16 : position + 16 + size]
        position += 16 + size
        position += -position % 8


def _header(body: bytes) -> bytes:
    numerator, denominator, start, seconds, micros, west, dst, flags = struct.unpack_from("<2IQqIi2I", body)
    clock = Clock(UUID(bytes=body[128:144]), 0, (numerator, denominator), west, bool(dst))
    build, hardware = (body[start:end].rstrip(b"\0").decode() for start, end in ((72, 88), (88, 120)))
    zone = body[160:208].rstrip(b"\0").decode().partition("zoneinfo/")[2]
    wall_ns = seconds * 1_000_000_000 + micros * 1_000
    (ticks,) = struct.unpack_from("<Q", body, 48)
    made = bytearray(
        tracev3.header(clock, ticks=ticks, wall_ns=wall_ns, build=build, hardware=hardware, zone=zone)[16:]
    )
    struct.pack_into("<Q", made, 8, start)  # differs from the continuous time once the device has slept
    struct.pack_into("<I", made, 36, flags)
    made[64:72] = body[64:72]  # processor
    made[144:152] = body[144:152]  # logd's pid and exit status
    return bytes(made)


def _page(body: bytes) -> bytes:
    number, second, ttl, collapsed, _, public, private, _, stream, unknown, base = struct.unpack_from(
        "<QI2B4H2BQ", body
    )
    page = Page((number, second), stream, base, bool(collapsed), ttl)
    if private < 4096:
        page.private_range(body[private - 4096 :])
    position = 32
    while position < 16 + public:
        *head, low, high, size = struct.unpack_from("<2BHIQIHH", body, position)
        ticks = base + (low | high << 32)
        page.add((head[0], head[1], head[2], head[3], head[4]), ticks, body[position + 24 : position + 24 + size])
        position += 24 + size + -size % 8
    made = bytearray(page.encode()[16:])
    made[39 - 16] = unknown  # 2 or 3; nobody knows what it says
    return bytes(made)


def _simpledump(body: bytes) -> bytes:
    number, second, _, level, _, ticks, thread, offset = struct.unpack_from("<QI2BHQQQ", body)
    sender, dsc = UUID(bytes=body[40:56]), UUID(bytes=body[56:72])
    _, subsystem, message = struct.unpack_from("<3I", body, 72)
    texts = [body[84 : 84 + subsystem], body[84 + subsystem : 84 + subsystem + message]]
    return tracev3.simpledump(
        (number, second), ticks, level=level, thread=thread, offset=offset, sender=sender, dsc=dsc,
        subsystem=texts[0].rstrip(b"\0").decode(), message=texts[1].rstrip(b"\0").decode(),
    )[16:]  # fmt: skip


def _oversize(body: bytes) -> bytes:
    number, second, ttl, _, _, ticks, reference, size, private = struct.unpack_from("<QI2BHQI2H", body)
    made = bytearray(
        tracev3.oversize(
            (number, second), ticks, reference, body[32 : 32 + size], body[32 + size : 32 + size + private]
        )[16:]
    )
    made[12] = ttl
    return bytes(made)


def _statedump(body: bytes) -> bytes:
    number, second, ttl, _, _, ticks, activity, sender, kind, size = struct.unpack_from("<QI2BHQQ16s2I", body)
    made = bytearray(
        tracev3.statedump(
            (number, second), ticks, activity=activity, sender=UUID(bytes=sender), kind=kind, names=("", "", ""),
            data=body[248 : 248 + size],
        )[16:]
    )  # fmt: skip
    made[12] = ttl
    made[56:248] = body[56:248]  # names lie among remnants of older ones
    return bytes(made)


@pytest.mark.parametrize("name", ARCHIVES)
def test_real_chunks_come_out_as_they_went_in(real: Path, name: str) -> None:
    remake = {FIREHOSE: _page, SIMPLEDUMP: _simpledump, OVERSIZE: _oversize, STATEDUMP: _statedump}
    same: Counter[int] = Counter()
    different: Counter[int] = Counter()
    for data in _files(real / "logarchive" / name):
        for tag, body in _chunks(data):
            if tag == HEADER:
                assert _header(body) == body
            if tag != CHUNK_SET:
                continue
            size, packed = struct.unpack_from("<2I", body, 4)
            for inner, content in _chunks(lz4.block.decompress(body[12 : 12 + packed], uncompressed_size=size)):
                (same if remake[inner](content) == content else different)[inner] += 1
    assert same[FIREHOSE] > 300
    assert not different
