"""Captures that show the same calls: of one device, saved again and again while its log grew.

A call is known again by its app and the moment it began, where its clock tells parts of a second: two devices have none in
common. Clocks that tell whole seconds (old relays of the device's log) prove nothing: phones of one group call ring in one.
"""

from collections.abc import Mapping
from typing import Any, Final

import polars as pl
from msgspec import Struct

from traceview.rules.registry import Severity

CALL: Final = ("app", "start")
"""What tells a call of a capture from others, and is the same in another capture of it."""

DEVICE: Final = ("model", "os_name", "os_version", "os_build", "releases")
"""What is the same in all captures of a device between two updates; ``releases``: apps and their versions."""

FOUND: Final = ("capture", "rule", "fingerprint", "severity")
"""What is compared of findings; those that the configuration accepts have no fingerprint and no severity."""

_SECOND: Final = 1_000_000_000
_RANK: Final = {severity.name: severity.value for severity in Severity}

Weights = Mapping[tuple[str | None, str], tuple[int, int]]
"""Fingerprint and rule of findings → how many, and how bad the worst is."""


class _Shown(Struct, frozen=True):
    """What one capture shows.

    Attributes:
        capture: Its key.
        device: What it tells of the device.
        start: First time, ns.
        end: Last time, ns.
        calls: Numbers of the calls that other captures show as well.
        in_all: How many calls it shows.
        silent: Rules that could not be evaluated.
        findings: What was found.
    """

    capture: str
    device: str
    start: int
    end: int
    calls: frozenset[int]
    in_all: int
    silent: frozenset[str]
    findings: Weights

    @property
    def order(self) -> tuple[Any, ...]:
        """Sorts what shows all of another one before it; of equal ones the first by key."""
        count = sum(n for n, _ in self.findings.values())
        worst = sum(rank for _, rank in self.findings.values())
        time = (self.start, self.start - self.end)
        return (-self.in_all, *time, len(self.silent), -len(self.findings), -count, -worst, self.capture)

    def within(self, other: "_Shown") -> bool:
        """Tell whether `other` shows all of this."""
        return (
            self.in_all == len(self.calls)
            and other.start <= self.start
            and other.end >= self.end
            and other.device == self.device
            and self.calls <= other.calls
            and other.silent <= self.silent
            and all(
                n <= other.findings.get(what, (0, 0))[0] and rank <= other.findings[what][1]
                for what, (n, rank) in self.findings.items()
            )
        )


def contained(captures: pl.DataFrame, calls: pl.DataFrame, silent: pl.DataFrame, findings: pl.DataFrame) -> pl.Series:
    """Return the keys of captures of which another one shows all: it would count their findings once more.

    The other one is of the same device as far as is told, covers the time, shows each of their calls and of their findings,
    as bad and as often, and could evaluate each rule that they could. A log saved later may show less: less urgent lines are
    kept for a shorter time. Of equal ones the first by key stays. What shows no call is never taken to be contained.

    Args:
        captures: Columns ``capture``, ``start``, ``end`` and `DEVICE`.
        calls: Columns ``capture``, ``app`` and ``start``.
        silent: Columns ``capture`` and ``rule``: the rules that could not be evaluated.
        findings: Columns `FOUND`; a row a finding.
    """
    kept: dict[int, list[_Shown]] = {}
    gone = []
    for one in sorted(_sharing(captures, calls, silent, findings), key=lambda one: one.order):
        # Whatever contains this one shows its rarest call as well, and what contains that one has been kept.
        rarest = min((kept.get(call, []) for call in one.calls), key=len)
        if any(one.within(other) for other in rarest):
            gone.append(one.capture)
        else:
            for call in one.calls:
                kept.setdefault(call, []).append(one)
    return pl.Series("capture", sorted(gone), pl.String)


def overlapping(calls: pl.DataFrame) -> int:
    """Return how many captures show a call that another one shows too. Columns as those of `contained`."""
    return _shared(calls).filter("tells")["capture"].n_unique()


def _shared(calls: pl.DataFrame) -> pl.DataFrame:
    """Return the calls that several captures show: ``capture``, `CALL`, ``tells`` (proves that these are of one device)."""
    known = calls.drop_nulls(CALL).select("capture", *CALL).unique()
    tells = pl.col("start").dt.timestamp("ns") % _SECOND != 0
    return known.filter(pl.len().over(CALL) > 1).with_columns(tells=tells)


def _sharing(captures: pl.DataFrame, calls: pl.DataFrame, silent: pl.DataFrame, findings: pl.DataFrame) -> list[_Shown]:
    """Return the captures that show a call that another one shows too, beyond doubt."""
    of_each = calls.group_by("capture").agg(in_all=pl.struct(CALL).n_unique())
    numbered = _shared(calls).with_columns(call=pl.struct(CALL).rank("dense"))
    shared = numbered.group_by("capture").agg(pl.col("call"), pl.col("tells").any())
    device = pl.concat_str(pl.col(name).fill_null("") for name in DEVICE)
    chosen = (
        shared.join(of_each, on="capture")
        .filter("tells")
        .join(captures.select("capture", pl.col("start", "end").to_physical(), device=device), on="capture")
        .drop_nulls(["start", "end"])
        .select("capture", "device", "start", "end", "call", "in_all")
    )
    lacks = _by_capture(silent.join(chosen, on="capture", how="semi").select("capture", "rule"))
    weighed = (
        findings.join(chosen, on="capture", how="semi")
        .group_by("capture", "fingerprint", "rule")
        .agg(pl.len(), pl.col("severity").replace_strict(_RANK, default=0, return_dtype=pl.Int64).max().fill_null(0))
    )
    found: dict[str, dict[tuple[str | None, str], tuple[int, int]]] = {}
    for capture, fingerprint, rule, count, worst in weighed.iter_rows():
        found.setdefault(capture, {})[fingerprint, rule] = (count, worst)
    return [
        _Shown(key, device, start, end, frozenset(shown), in_all, lacks.get(key, frozenset()), found.get(key, {}))
        for key, device, start, end, shown, in_all in chosen.iter_rows()
    ]


def _by_capture(rows: pl.DataFrame) -> dict[str, frozenset[str]]:
    return {key: frozenset(rules) for key, rules in rows.group_by("capture").agg(pl.col("rule")).iter_rows()}
