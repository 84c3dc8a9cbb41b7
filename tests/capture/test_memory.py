"""What is freed stays for the next batch, in huge pages where the system has them."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

ADVICE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_BATCHES = """
import resource
from traceview.memory import keep_what_is_freed
keep_what_is_freed()
import numpy as np
faults = []
for _ in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    batch = [np.ones(3 << 20, np.uint8) for _ in range(20)]
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    del batch
smaps = open("/proc/self/smaps").read().split("[heap]")[1:]
print(*faults, sum(" hg" in one.partition("VmFlags:")[2].partition("\\n")[0] for one in smaps))
"""


@pytest.mark.skipif(not hasattr(ctypes.pythonapi, "mallopt"), reason="only the heap of glibc is told how to behave")
def test_a_batch_takes_the_memory_of_the_one_before() -> None:
    told = subprocess.run([sys.executable, "-c", _BATCHES], capture_output=True, text=True, check=True).stdout
    *faults, huge = map(int, told.split())
    pages = 20 * (3 << 20) // 4096
    assert max(faults[1:]) < pages / 100  # they would be zeroed, page by page, each time
    if ADVICE.exists() and "[never]" not in ADVICE.read_text():
        assert huge
        assert faults[0] < pages / 10
