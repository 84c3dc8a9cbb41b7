"""Clocks whose anchors make no sense give no times, never an error."""

import numpy as np
import pytest

from traceview_parsers.unified_log.timesync import NO_CLOCK, Clock


@pytest.mark.parametrize("anchor", [(-1, 10**18), (2**64, 10**18), (5, 2**63), (5, -(2**70)), (5, 0)])
def test_anchors_out_of_range_are_no_clock(anchor: tuple[int, int]) -> None:
    clock = Clock("header", 125, 3, [anchor])
    walls, sane = clock.to_ns(np.array([0, 7], np.uint64))
    assert clock.how == NO_CLOCK
    assert walls.tolist() == [0, 0]
    assert not sane.any()


def test_one_good_anchor_is_enough() -> None:
    clock = Clock("header", 125, 3, [(2**65, 1), (24, 10**18)])
    walls, sane = clock.to_ns(np.array([24, 48], np.uint64))
    assert clock.how == "header"
    assert walls.tolist() == [10**18, 10**18 + 1000]
    assert sane.all()
