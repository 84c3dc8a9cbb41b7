"""Print the seconds that any reader of an archive needs at least: to read the files and to decompress their LZ4 blocks.

usage: python tests/benchmarks/lz4_floor.py ARCHIVE.logarchive

Best of three, in a process of its own: one that decoded an archive before has its memory already, and is faster by a seventh.
"""

import struct
import sys
import time
from pathlib import Path

import lz4.block

ROUNDS = 3


def once(root: Path) -> float:
    """Return the processor seconds of one run."""
    begin = time.process_time()
    for path in root.glob("**/*.tracev3"):
        data = path.read_bytes()
        at = 0
        while at + 16 <= len(data):
            tag, _, size = struct.unpack_from("<IIQ", data, at)
            block = at + 16
            while tag == 0x600D and data[block : block + 4] == b"bv41":
                plain, packed = struct.unpack_from("<II", data, block + 4)
                lz4.block.decompress(data[block + 12 : block + 12 + packed], uncompressed_size=plain)
                block += 12 + packed
            at += 16 + ((size + 7) & ~7)
    return time.process_time() - begin


if __name__ == "__main__":
    print(min(once(Path(sys.argv[1])) for _ in range(ROUNDS)))
