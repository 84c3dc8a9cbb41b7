"""Fingerprints of refused records: what differs in anything decisive is never taken for what was refused."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from traceview_parsers.unified_log.refusals import Refusals

Record = tuple[bytes, int, int]


def prints(refusals: Refusals, records: list[Record]) -> np.ndarray:
    """Return the fingerprints of records: arguments, plan, clauses."""
    data = np.frombuffer(b"".join(stored for stored, _, _ in records) + bytes(16), np.uint8)
    end = np.cumsum([len(stored) for stored, _, _ in records])
    begin = end - [len(stored) for stored, _, _ in records]
    plan, clauses = (np.array(column, np.uint64) for column in list(zip(*records, strict=True))[1:])
    return refusals.fingerprints(data, begin, end, [plan, clauses])


RECORDS = st.lists(
    st.tuples(
        st.binary(min_size=1, max_size=40) | st.sampled_from([b"\0", b"a", b"aa"]),
        st.integers(0, 3),
        st.sampled_from([1, 2, 3, 1 << 63]),
    ),
    min_size=1,
    max_size=40,
)


@settings(deadline=None)
@given(RECORDS, RECORDS)
def test_only_what_was_added_is_contained(refused: list[Record], others: list[Record]) -> None:
    refusals = Refusals()
    refusals.add(prints(refusals, refused))
    contained = refusals.contain(prints(refusals, others)).tolist()
    assert all(other in refused for other, known in zip(others, contained, strict=True) if known)
    # Two may claim one place, of which the later gets it: among 40 of 131,072 that is rare, and no error.
    missed = sum(other in refused and not known for other, known in zip(others, contained, strict=True))
    assert missed <= len(others) // 2


def test_fingerprints_tell_order_and_place_apart() -> None:
    refusals = Refusals()
    found = prints(
        refusals, [(b"ab", 1, 2), (b"ba", 1, 2), (b"ab", 2, 1), (b"ab", 1, 3), (b"ab\0", 1, 2), (b"ab", 1, 2)]
    )
    assert len({tuple(column) for column in found.T.tolist()}) == 5
    assert found[:, 0].tolist() == found[:, 5].tolist()
    assert (found[0] != 0).all()


def test_what_has_no_fingerprint_is_never_contained() -> None:
    refusals = Refusals()
    refusals.add(np.zeros((2, 3), np.uint64))
    assert not refusals.contain(np.zeros((2, 5), np.uint64)).any()


@settings(deadline=None)
@given(RECORDS, st.data())
def test_those_alike_are_the_equal_ones(records: list[Record], data: st.DataObject) -> None:
    found = prints(Refusals(), records)
    without = data.draw(st.lists(st.integers(0, len(records) - 1), max_size=5))
    found[:, without] = 0
    first, place = Refusals.alike(found)
    names = [(number,) if number in without else record for number, record in enumerate(records)]
    assert [names[first[at]] for at in place] == names
    assert first.tolist() == [number for number, name in enumerate(names) if name not in names[:number]]


def test_those_that_one_half_of_the_fingerprints_takes_for_alike_are_not() -> None:
    first, place = Refusals.alike(np.array([[7, 7, 9], [1, 2, 3]], np.uint64))
    assert (first.tolist(), place.tolist()) == ([0, 1, 2], [0, 1, 2])
