"""Versions compared: each with the last one before it that has enough captures, and the newest with the oldest."""

import math
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final

import polars as pl
from msgspec import Struct

from traceview.app_versions import release
from traceview.fleet.order import has_place, severity_rank, version_key
from traceview.fleet.statistics import ALPHA, Comparison, Side, adjusted, compare, explained

WORSE, BETTER, UNCLEAR, TOO_FEW = "worse", "better", "unclear", "too few"
VERDICTS: Final = (WORSE, BETTER, UNCLEAR, TOO_FEW)
"""What a comparison says, in the order of interest."""
MEASURES: Final = ("calls", "background_h")
"""What captures were watched for."""

CHANGES: Final = {
    "rule": pl.String(),
    "severity": pl.String(),
    "app": pl.String(),  # null for OS versions
    "system": pl.String(),  # name of the OS, where a fleet has several; else empty
    "before": pl.String(),
    "after": pl.String(),
    "over": pl.Int64(),  # versions from `before` to `after`, where the newest is compared with the oldest; else null
    "between": pl.String(),  # versions that were passed over, because they have too few captures
    "newest": pl.Boolean(),  # `after` is the newest version
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
    "enough": pl.Boolean(),  # the captures could tell a rise and a fall
    "findings_before": pl.Int64(),
    "findings_after": pl.Int64(),
    "calls_before": pl.Int64(),
    "calls_after": pl.Int64(),
    "background_h_before": pl.Float64(),
    "background_h_after": pl.Float64(),
    "accepted_before": pl.Int64(),  # captures without a hit whose findings of the rule are accepted
    "accepted_after": pl.Int64(),
    "watched": pl.Float64(),  # times as much a capture with the larger share was watched, where that explains it
    "watched_by": pl.String(),  # one of `MEASURES`
    "masked": pl.Boolean(),  # what would be a clear change is none where accepted findings count
    "app_or_os": pl.Boolean(),  # told of an app and of the system by the same captures
}
"""Columns of `changes`."""
_SEEN: Final = ("findings", "calls", "background_h", "accepted")


class _Pair(Struct, frozen=True):
    """Places of two versions in their order, how they compare, and whether this is the newest with the oldest."""

    before: int
    after: int
    found: Comparison
    over: bool = False


def changes(
    *tables: tuple[pl.DataFrame, str],
    measures: Mapping[str, Sequence[str]] = MappingProxyType({}),
    base: str | None = None,
) -> pl.DataFrame:
    """Compare versions: what got worse, or better.

    Each version is compared with the last one before it, passing over those with fewer captures than it has and too few
    to tell a rise and a fall; and the newest with the oldest of those that have enough, since a slow drift is in no single
    step.

    Args:
        tables: Each of `traceview.fleet.rates.rates` by ``os_version``, or by ``app`` and ``app_version``, with its column
            of versions.
        measures: Which of `MEASURES` count for a rule; all of them where it is not named.
        base: The version with which all later ones are compared instead, in tables of the system or of an app that has it.

    Returns:
        `CHANGES`, worsenings first. The probability is corrected over all comparisons of all tables whose captures could
        tell at all (Tarone, Biometrics 1990, is the reason to leave the others out); for these the verdict is
        ``too few``, and ``p_adjusted`` is null. A change that captures which were watched longer could explain is
        ``unclear``, with ``watched`` (`traceview.fleet.statistics.explained`), as is one that is there only because
        accepted findings do not count (``masked``).
    """
    rows = [row for table, by in tables for versions in _by_rule(table, by) for row in _compared(versions, by, base)]
    able = [row for row in rows if row["verdict"] != TOO_FEW]
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
        sides = [Side(row[f"hit_{one}"], row[f"captures_{one}"], row[f"{name}_{one}"]) for one in (more, fewer)]
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
    """Yield the rows of each rule (and app, or system) by version; versions without a place or a capture are left out."""
    placed = [version for version in table[by].unique() if has_place(version)]
    known = table.filter(pl.col(by).is_in(placed) & (pl.col("captures") > 0)).sort("rule", by)
    keys = ["rule", *(name for name in ("app", "system") if name in table.columns)]
    for _, group in known.group_by(keys, maintain_order=True):
        yield sorted(group.to_dicts(), key=lambda row: version_key(row[by]))


def is_version(row: Mapping[str, Any], by: str, version: str) -> bool:
    """Tell whether a row is of this version: ``5.3.0`` is ``5.3``, and ``18.5`` is ``iOS 18.5``."""
    system = row.get("system") or ""
    return release(version.removeprefix(f"{system} ")) == release(row[by].removeprefix(f"{system} "))


def _compared(versions: list[dict[str, Any]], by: str, base: str | None) -> Iterator[dict[str, Any]]:
    place = next((index for index, row in enumerate(versions) if base and is_version(row, by, base)), None)
    for pair in _with_base(versions, place) if place is not None else _in_order(versions):
        old, new, found = versions[pair.before], versions[pair.after], pair.found
        passed = versions[pair.before + 1 : pair.after]
        yield {
            "rule": new["rule"],
            "severity": new["severity"],
            "app": new.get("app"),
            "system": new.get("system") or "",
            "before": old[by],
            "after": new[by],
            "over": len(passed) + 2 if pair.over else None,
            "between": "" if pair.over or place is not None else ", ".join(row[by] for row in passed),
            "newest": pair.after == len(versions) - 1,
            "hit_before": old["captures_hit"],
            "captures_before": old["captures"],
            "hit_after": new["captures_hit"],
            "captures_after": new["captures"],
            "ratio": found.ratio,
            "low": found.low,
            "high": found.high,
            "p": found.p,
            "p_adjusted": None,
            "verdict": UNCLEAR if _could_tell(found) else TOO_FEW,
            "enough": _has_enough(found),
            "masked": False,
            "app_or_os": False,
            **{f"{name}_before": old[name] for name in _SEEN},
            **{f"{name}_after": new[name] for name in _SEEN},
        }


def _compare(versions: Sequence[Mapping[str, Any]], before: int, after: int) -> Comparison | None:
    old, new = versions[before], versions[after]
    return compare(new["captures_hit"], new["captures"], old["captures_hit"], old["captures"])


def _could_tell(found: Comparison) -> bool:
    return found.best_p < ALPHA


def _has_enough(found: Comparison) -> bool:
    return found.both_p < ALPHA


def _with_base(versions: Sequence[Mapping[str, Any]], base: int) -> Iterator[_Pair]:
    for after in range(base + 1, len(versions)):
        found = _compare(versions, base, after)
        if found is not None:
            yield _Pair(base, after, found)


def _in_order(versions: Sequence[Mapping[str, Any]]) -> list[_Pair]:
    steps: list[_Pair] = []
    told: set[int] = set()
    sparse: set[int] = set()
    for after in range(1, len(versions)):
        pair = _with_last(versions, after, told)
        if pair is None:
            continue
        steps.append(pair)
        old, new = (versions[place]["captures"] for place in (pair.before, after))
        if _has_enough(pair.found):
            told.add(after)
        elif old != new:
            sparse.add(after if new < old else pair.before)
    over = _farthest(versions, [place for place in range(len(versions)) if place not in sparse])
    known = {(one.before, one.after) for one in steps}
    return steps + ([over] if over is not None and (over.before, over.after) not in known else [])


def _with_last(versions: Sequence[Mapping[str, Any]], after: int, told: set[int]) -> _Pair | None:
    """Compare with the last version before that has enough captures, else with the one that is next to it.

    Args:
        versions: In order.
        after: The version.
        told: Versions before whose own comparison could tell a rise and a fall: none of them has too few captures.
    """
    nearest: _Pair | None = None
    for before in reversed(range(after)):
        found = _compare(versions, before, after)
        if found is not None:
            pair = _Pair(before, after, found)
            if _has_enough(found):
                return pair
            if nearest is None or (_could_tell(found) and not _could_tell(nearest.found)):
                nearest = pair
        if before in told or versions[before]["captures"] >= versions[after]["captures"]:
            break
    return nearest


def _farthest(versions: Sequence[Mapping[str, Any]], places: Sequence[int]) -> _Pair | None:
    """Compare the newest version with the oldest of all at these places that could tell a difference from it."""
    for after in reversed(places):
        for before in places[: places.index(after)]:
            found = _compare(versions, before, after)
            if found is not None and _could_tell(found):
                return _Pair(before, after, found, over=True)
    return None
