"""What several processes that read an archive together print, put together as their turns come."""

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any


def by_turns(shares: Sequence[Iterator[tuple[Any, bool]]]) -> list[Any]:
    """Return the batches of all shares (`share_in_order` of each number); nothing may be left behind the last turn."""
    found = []
    for share in cycle(shares):
        turn = list(_turn(share))
        if not turn:
            break
        found += turn
    assert not any(batch.num_rows for share in shares for batch, _ in share)
    return found


def _turn(share: Iterator[tuple[Any, bool]]) -> Iterator[Any]:
    for batch, last in share:
        yield batch
        if last:
            return
