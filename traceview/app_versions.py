"""Which version of an app a capture shows: what reports of crashes and limits print, and what PowerLog knows of installed apps.

Both are the version that people know (``CFBundleShortVersionString``): ``AppBundleVersion`` of PowerLog is ``1.0.0`` for an app
whose build is ``3802.6.240`` (seen, iOS 15). A capture may reach back behind an update, or hold reports from after it.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from traceview.rules.registry import Finding

_TELLING: Final = ("reports", "power_apps")
_EITHER: Final = " or "
_NUMBERS: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})*")

_TELLS_OF: Final = timedelta(days=7)
"""So long before or after it was told a version is taken for the same (heuristic: apps for calls are updated every few weeks)."""

Span = tuple[datetime, datetime]
Told = tuple[datetime | None, str]
"""A version, and when it was told."""


def app_versions(
    tables: Mapping[str, pl.DataFrame],
    apps: Sequence[str],
    span: Span | None = None,
    findings: Iterable[Finding] = (),
) -> dict[str, str]:
    """Return the versions of these apps in the times that the capture speaks of, as far as they are known.

    These times are `span` and the windows of the app's findings. In each counts what is told in it, else what is told last
    before it and first after it; what is told on one side alone, more than a week away, tells nothing: an update may lie in
    between, and the version is unknown. Where that names several versions, all are returned (`is_several`): nothing tells
    which of them a call or a finding belongs to.

    Args:
        tables: Tables of a capture by name.
        apps: Bundle ids; process names have no version.
        span: First and last time of the logs; None: all that is told counts.
        findings: Those of all apps. One without an end reaches to the end of the logs.
    """
    told = [
        tables[name].select("time", pl.col("bundle").cast(pl.String), pl.col("app_version").cast(pl.String))
        for name in _TELLING
        if name in tables
    ]
    if not told:
        return {}
    named = pl.concat(told).drop_nulls(["bundle", "app_version"]).filter(pl.col("bundle").is_in(list(apps)))
    by_app: dict[str, list[Told]] = {}
    for time, app, version in named.sort("time", nulls_last=False, maintain_order=True).rows():
        by_app.setdefault(app, []).append((time, version))
    windows = _windows(findings, span)
    found = {app: _in_force(versions, windows.get(app, []), span) for app, versions in by_app.items()}
    return {app: version for app, version in found.items() if version is not None}


def _windows(findings: Iterable[Finding], span: Span | None) -> dict[str, list[Span]]:
    windows: dict[str, list[Span]] = {}
    for one in findings:
        if one.app is not None and one.start is not None:
            end = one.end or max(one.start, span[1] if span else one.start)
            windows.setdefault(one.app, []).append((one.start, end))
    return windows


def _in_force(told: Sequence[Told], windows: Iterable[Span], span: Span | None) -> str | None:
    """Return the version in all of the windows, else all of them with ``or``; None where nothing tells that of one.

    `told` is in the order of time.
    """
    timed = [(time, version) for time, version in told if time is not None]
    if not timed or span is None:
        return _joined(version for _, version in timed or told)
    times = [time for time, _ in timed]
    telling = [_telling(times, *window) for window in (span, *windows)]
    if not all(telling):
        return None
    return _joined(timed[place][1] for place in sorted({place for places in telling for place in places}))


def _telling(times: Sequence[datetime], start: datetime, end: datetime) -> Sequence[int]:
    """Return the places of the times that tell of a window; none where it is all on one side of them, and too far."""
    first, behind = bisect_left(times, start), bisect_right(times, end)
    if first < behind:
        return range(first, behind)
    if 0 < first < len(times):
        return first - 1, first
    nearest = max(first - 1, 0)
    apart = max(start - times[nearest], times[nearest] - end)
    return (nearest,) if apart <= _TELLS_OF else ()


def _joined(versions: Iterable[str]) -> str:
    releases: dict[tuple[int, ...] | str, str] = {}
    for version in versions:
        releases[release(version)] = version
    return _EITHER.join(releases.values())


def is_several(version: str) -> bool:
    """Tell whether `app_versions` names several versions, of which any may be meant."""
    return _EITHER in version


def release(version: str) -> tuple[int, ...] | str:
    """Return the same for ``5.3`` and ``5.3.0``: missing integers are zeros (Apple, CFBundleVersion). Other texts are themselves."""
    if not _NUMBERS.fullmatch(version):
        return version
    numbers = [int(number) for number in version.split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def with_version(app: str, versions: Mapping[str, str]) -> str:
    """Return an app as people read it: with its version, where that is known."""
    return f"{app} {versions[app]}" if app in versions else app
