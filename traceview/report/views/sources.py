"""Names of sources, short where they share a path."""

from collections.abc import Sequence
from itertools import takewhile


def common_path(sources: Sequence[str]) -> str:
    """Return the path that all `sources` lie under, or the source itself where all are one; empty where they share nothing."""
    steps = [set(step) for step in zip(*(name.split("/") for name in sources), strict=False)]
    return "/".join(step.pop() for step in takewhile(lambda step: len(step) == 1, steps))


def below(source: str, path: str) -> str:
    """Return what of `source` lies below its `path`; empty where it is the path itself."""
    return source.removeprefix(path).lstrip("/") if path else source
