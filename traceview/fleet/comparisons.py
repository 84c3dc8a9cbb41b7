"""What comparisons of versions say: worse, better, unclear, or nothing for want of captures."""

import math
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final

import polars as pl

from traceview.app_versions import release
from traceview.fleet.order import has_place, severity_rank, version_key
from traceview.fleet.pairs import Pair, pairs, with_base
from traceview.fleet.statistics import ALPHA, Side, adjusted, compare, could_deny, explained

WORSE, BETTER, UNCLEAR, TOO_FEW, NOT_EVALUATED = "worse", "better", "unclear", "too few", "not evaluated"
VERDICTS: Final = (WORSE, BETTER, UNCLEAR, TOO_FEW, NOT_EVALUATED)
"""What a comparison says, in the order of interest."""
MEASURES: Final = ("calls", "background_h")
"""What captures were watched for."""

CHANGES: Final = {
    "rule": pl.String(),
    "severity": pl.String(),
    "app": pl.String(),  # null for OS versions
    "system": pl.String(),  # name of the OS, where a fleet has several; else empty
    "befores": pl.List(pl.String()),  # versions compared with, in order
    "afters": pl.List(pl.String()),  # versions compared: one, or the newest ones that have enough captures together
    "before": pl.String(),  # the last of them
    "after": pl.String(),
    "between": pl.List(pl.String()),  # versions that were passed over, because they have too few captures
    "first": pl.Int64(),  # place of the first version that takes part among those of its app or system
    "last": pl.Int64(),
    "over": pl.Int64(),  # versions from the first to the last, where the newest is compared with the oldest; else null
    "newest": pl.Boolean(),  # `after` is the newest version, and no other is in `afters`
    "hit_before": pl.Int64(),
    "captures_before": pl.Int64(),
    "hit_after": pl.Int64(),
    "captures_after": pl.Int64(),
    "ratio": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "p": pl.Float64(),
    "p_adjusted": pl.Float64(),
    "verdict": pl.String(),
    "enough": pl.Boolean(),  # of the newest version: its captures would tell a gross change from one side before it
    "findings_before": pl.Int64(),
    "findings_after": pl.Int64(),
    "calls_before": pl.Int64(),
    "calls_after": pl.Int64(),
    "background_h_before": pl.Float64(),
    "background_h_after": pl.Float64(),
    "calls_capped_before": pl.Float64(),
    "calls_capped_after": pl.Float64(),
    "background_h_capped_before": pl.Float64(),
    "background_h_capped_after": pl.Float64(),
    "accepted_before": pl.Int64(),  # captures without a hit whose findings of the rule are accepted
    "accepted_after": pl.Int64(),
    "watched": pl.Float64(),  # times as much a capture with the larger share was watched, where that explains it
    "watched_by": pl.String(),  # one of `MEASURES`
    "masked": pl.Boolean(),  # what would be a clear change is none where accepted findings count
    "within": pl.Float64(),  # probability within versions of the system, or of apps, where little is left of the change
    "app_or_os": pl.Boolean(),  # told of an app and of the system by the same captures
}
"""Columns of `changes`."""
_COUNTED: Final = {"hit": "captures_hit", "captures": "captures"} | {
    name: name for name in ("findings", *MEASURES, *(f"{name}_capped" for name in MEASURES), "accepted")
}
"""What is summed up of the versions of a side, and in which column of rates it stands."""


def changes(
    *tables: tuple[pl.DataFrame, str],
    measures: Mapping[str, Sequence[str]] = MappingProxyType({}),
    base: str | None = None,
) -> pl.DataFrame:
    """Compare versions: what got worse, or better.

    Which are compared is told by `traceview.fleet.pairs.pairs`. The newest version of an app or system is in the result for
    every rule that found something in any of its versions, unless its captures and those before it would have told a gross
    change and there is none of which to speak.

    Args:
        tables: Each of `traceview.fleet.rates.rates` by ``os_version``, or by ``app`` and ``app_version``, with its column
            of versions.
        measures: Which of `MEASURES` count for a rule; all of them where it is not named.
        base: The version with which all later ones are compared instead, where the app or system has it and later ones.

    Returns:
        `CHANGES`, worsenings first. The probability is corrected over all comparisons of all tables whose captures could
        tell at all (Tarone, Biometrics 1990, is the reason to leave the others out); for these the verdict is
        ``too few``, and ``p_adjusted`` is null. A change that captures which were watched longer could explain is
        ``unclear``, with ``watched`` (`traceview.fleet.statistics.explained`), as is one that is there only because
        accepted findings do not count (``masked``). Where a side has no capture in which the rule could be evaluated, it is
        ``not evaluated``.
    """
    rows = [row for table, by in tables for versions in _by_rule(table, by) for row in _compared(versions, by, base)]
    able = [row for row in rows if row["verdict"] == UNCLEAR]
    for row, p in zip(able, adjusted([row["p"] for row in able]), strict=True):
        row["p_adjusted"] = p
        if p < ALPHA:
            row["watched"], row["watched_by"] = _watched(row, measures.get(row["rule"], MEASURES))
            row["masked"] = not _holds_with_accepted(row)
            if row["watched"] is None and not row["masked"]:
                row["verdict"] = WORSE if rose(row) else BETTER
    return by_interest(pl.DataFrame(rows, schema=CHANGES))


def rose(row: Mapping[str, Any]) -> bool:
    """Whether the share of captures is larger after than before."""
    return bool(row["hit_after"] * row["captures_before"] > row["hit_before"] * row["captures_after"])


def _watched(row: Mapping[str, Any], measures: Sequence[str]) -> tuple[float | None, str | None]:
    """Return the smallest factor of what was watched, and of what, among measures that explain the larger share.

    What nothing is known of on both sides is left out; where that leaves nothing of `measures`, all of `MEASURES` count.
    """
    more, fewer = ("after", "before") if rose(row) else ("before", "after")
    known = [name for name in MEASURES if row[f"{name}_{more}"] or row[f"{name}_{fewer}"]]
    found: list[tuple[float, str]] = []
    for name in [name for name in known if name in measures] or known:
        sides = [Side(row[f"hit_{one}"], row[f"captures_{one}"], row[f"{name}_capped_{one}"]) for one in (more, fewer)]
        factor = explained(*sides)
        if factor is not None:
            found.append((factor, name))
    return min(found, key=itemgetter(0), default=(None, None))


def _holds_with_accepted(row: Mapping[str, Any]) -> bool:
    """Return whether the change stays where captures with accepted findings count as hit; not corrected here (heuristic)."""
    if not row["accepted_before"] and not row["accepted_after"]:
        return True
    counted = {f"hit_{one}": row[f"hit_{one}"] + row[f"accepted_{one}"] for one in ("before", "after")}
    found = compare(counted["hit_after"], row["captures_after"], counted["hit_before"], row["captures_before"])
    return found is not None and found.p < ALPHA and rose({**row, **counted}) == rose(row)


def by_interest(frame: pl.DataFrame) -> pl.DataFrame:
    """Sort comparisons: worse, better, unclear, too few; what matters most first, or what is least like chance."""
    order = pl.col("verdict").replace_strict(list(VERDICTS), list(range(len(VERDICTS))), return_dtype=pl.Int64)
    clear = pl.col("verdict").is_in([WORSE, BETTER])
    rank = pl.when(clear).then(-severity_rank()).otherwise(0)
    ratio = pl.when(pl.col("hit_before") == 0).then(math.inf).otherwise(pl.col("ratio").fill_null(0.0))
    return frame.sort(order, rank, "p", -ratio, "rule", "app", "after", "before", nulls_last=True)


def _by_rule(table: pl.DataFrame, by: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each rule (and app, or system) that found something, by version; those without a place are left out."""
    placed = [version for version in table[by].unique() if has_place(version)]
    keys = ["rule", *(name for name in ("app", "system") if name in table.columns)]
    known = table.filter(pl.col(by).is_in(placed)).filter(pl.col("captures_hit").sum().over(keys) > 0)
    for _, group in known.sort("rule", by).group_by(keys, maintain_order=True):
        yield sorted(group.to_dicts(), key=lambda row: version_key(row[by]))


def is_version(row: Mapping[str, Any], by: str, version: str) -> bool:
    """Tell whether a row is of this version: ``5.3.0`` is ``5.3``, and ``18.5`` is ``iOS 18.5``."""
    system = row.get("system") or ""
    return release(version.removeprefix(f"{system} ")) == release(row[by].removeprefix(f"{system} "))


def _compared(versions: list[dict[str, Any]], by: str, base: str | None) -> Iterator[dict[str, Any]]:
    captures = [row["captures"] for row in versions]
    last = len(versions) - 1
    # A base that is the newest has nothing later to be compared with.
    place = next((index for index, row in enumerate(versions[:last]) if base and is_version(row, by, base)), None)
    chosen = pairs(captures) if place is None else with_base(captures, place)
    newest = [pair for pair in chosen if pair.after == (last,)]
    enough = any(_could_deny(versions, pair) for pair in newest)
    rows = [
        row for pair in chosen if (row := _row(versions, by, pair, enough=enough))["hit_before"] or row["hit_after"]
    ]
    yield from rows
    if last and not enough and not any(row["newest"] for row in rows):
        silent = Pair((max(last - 1, 0) if place is None else place,), (last,))
        yield _row(versions, by, newest[0] if newest else silent, enough=False)


def _could_deny(versions: Sequence[Mapping[str, Any]], pair: Pair) -> bool:
    hits, base = (sum(versions[place][name] for place in pair.before) for name in ("captures_hit", "captures"))
    return could_deny(sum(versions[place]["captures"] for place in pair.after), hits, base)


def _row(versions: Sequence[Mapping[str, Any]], by: str, pair: Pair, *, enough: bool) -> dict[str, Any]:
    sides = {"before": [versions[place] for place in pair.before], "after": [versions[place] for place in pair.after]}
    sums = {
        f"{name}_{one}": sum(row[column] for row in side)
        for one, side in sides.items()
        for name, column in _COUNTED.items()
    }
    new = sides["after"][-1]
    newest = pair.after == (len(versions) - 1,)
    found = compare(sums["hit_after"], sums["captures_after"], sums["hit_before"], sums["captures_before"])
    evaluated = sums["captures_before"] and sums["captures_after"]
    able = found is not None and found.best_p < ALPHA
    return sums | {
        "rule": new["rule"],
        "severity": new["severity"],
        "app": new.get("app"),
        "system": new.get("system") or "",
        "befores": [row[by] for row in sides["before"]],
        "afters": [row[by] for row in sides["after"]],
        "before": sides["before"][-1][by],
        "after": new[by],
        "between": [versions[place][by] for place in pair.between],
        "first": pair.before[0],
        "last": pair.after[-1],
        "over": pair.after[-1] - pair.before[0] + 1 if pair.over else None,
        "newest": newest,
        "ratio": found and found.ratio,
        "low": found and found.low,
        "high": found and found.high,
        "p": found and found.p,
        "p_adjusted": None,
        "verdict": UNCLEAR if able else TOO_FEW if evaluated else NOT_EVALUATED,
        "enough": newest and enough,
        "watched": None,
        "watched_by": None,
        "masked": False,
        "within": None,
        "app_or_os": False,
    }
