"""What a reader could not understand: counted, located, sampled, never fatal."""

from collections.abc import Iterator

from msgspec import Struct

SAMPLE_CHARACTERS = 200


class Problem(Struct, frozen=True):
    """One kind of trouble in one source.

    Attributes:
        source: Path inside the capture.
        kind: Stable slug such as ``truncated`` or ``unknown-chunk``.
        message: What happened and what it means for the user, one sentence.
        position: Where it happened first (byte offset or line number, see `unit`), or None.
        unit: ``byte`` or ``line``.
        count: How often.
        sample: The first offending text or bytes, cut to 200 characters.
    """

    source: str
    kind: str
    message: str
    position: int | None = None
    unit: str = "byte"
    count: int = 1
    sample: str = ""


class Problems:
    """Collects problems; equal (source, kind) are counted once with their first position and sample."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Problem] = {}

    def add(
        self,
        source: str,
        kind: str,
        message: str,
        *,
        position: int | None = None,
        unit: str = "byte",
        count: int = 1,
        sample: str | bytes = "",
    ) -> None:
        """Count `count` occurrences of `kind` in `source`."""
        text = sample.decode("utf-8", "backslashreplace") if isinstance(sample, bytes) else sample
        old = self._rows.get((source, kind))
        if old is None:
            row = Problem(source, kind, message, position, unit, count, text[:SAMPLE_CHARACTERS])
        else:
            row = Problem(source, kind, old.message, old.position, old.unit, old.count + count, old.sample)
        self._rows[source, kind] = row

    def __contains__(self, where: tuple[str, str]) -> bool:
        """Whether there is a problem of this (source, kind)."""
        return where in self._rows

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)
