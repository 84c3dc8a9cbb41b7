"""Why no version was compared with another, or some captures with none: what they do not tell, and the option that does."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Self

import polars as pl
from msgspec import Struct

from traceview.fleet.order import ALONE, SEVERAL, UNKNOWN, has_place, version_order
from traceview.fleet.rates import FleetRates
from traceview.plots.text import plural

_NAMED: Final = 3
"""Builds, or apps of which the same is told, that are named; of more, how many."""


class Uncompared(Struct, frozen=True):
    """What comparisons of versions lack.

    Attributes:
        reasons: For the system, and for apps in which a rule found something: of which, and why there was no comparison.
        apart: Captures that have no place in the order of versions of the system, or an empty text.
        updated: Captures that reach over an update of an app, by app; or an empty text.
        options: Those of `traceview batch` that tell versions which captures do not name.
    """

    reasons: tuple[tuple[str, str], ...]
    apart: str
    updated: str
    options: tuple[str, ...]

    @classmethod
    def of(cls, rated: FleetRates, base: str = "") -> Self:
        """Compute it; the reasons hold where nothing was compared, with the version `base` where that was asked for."""
        system = _Versions.of(rated.units["os_version"], rated.releases)
        found = sorted(set(rated.by_app.filter(pl.col("findings") > 0)["app"]))
        apps = {app: _Versions.of(rated.apps.filter(pl.col("app") == app)["app_version"]) for app in found}
        options = {
            "--os VERSION": bool(system.apart),
            "--app BUNDLE --app-version VERSION": any(one.of_builds or one.of_none for one in apps.values()),
        }
        return cls(
            reasons=(("OS", system.why(base)), *_alike({app: one.why(base) for app, one in apps.items()})),
            apart="; ".join(system.apart),
            updated=_updated({app: one.of_several for app, one in apps.items() if one.of_several}),
            options=tuple(option for option, lacking in options.items() if lacking),
        )


def _alike(reasons: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield apps of which the same is told together."""
    groups: dict[str, list[str]] = {}
    for app, why in reasons.items():
        groups.setdefault(why, []).append(app)
    yield from ((_list(apps), why) for why, apps in groups.items())


def _updated(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return _list([f"{plural(count, 'capture')} of {app}" for app, count in ordered])


def _list(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


class _Versions(Struct, frozen=True):
    """Versions that captures name, as they are shown; builds of which the version is not known; captures of each kind."""

    known: tuple[str, ...]
    builds: tuple[str, ...]
    of_known: int
    of_builds: int
    of_none: int
    of_several: int

    @classmethod
    def of(cls, versions: pl.Series, names: Mapping[str, str] | None = None) -> Self:
        ordered = version_order(versions.to_list())
        builds = [one for one in ordered if one.startswith(ALONE)]
        known = [one for one in ordered if has_place(one)]
        counts = dict(versions.value_counts().iter_rows())
        return cls(
            known=tuple((names or {}).get(one, one) for one in known),
            builds=tuple(one.removeprefix(ALONE) for one in builds),
            of_known=sum(counts[one] for one in known),
            of_builds=sum(counts[one] for one in builds),
            of_none=counts.get(UNKNOWN, 0),
            of_several=counts.get(SEVERAL, 0),
        )

    @property
    def apart(self) -> list[str]:
        """What is told of captures that have no place in the order of versions."""
        told = []
        if self.builds:
            one = len(self.builds) == 1
            which = f"{'build' if one else 'builds'} {_list(self.builds)} ({plural(self.of_builds, 'capture')})"
            has, it = ("has", "it is") if one else ("have", "they are")
            told.append(f"{which} {has} no place in the order of versions: the captures do not tell which version {it}")
        if self.of_none:
            told.append(f"{plural(self.of_none, 'capture')} {'names' if self.of_none == 1 else 'name'} no version")
        if self.of_several:
            told.append(
                f"{plural(self.of_several, 'capture')} {'reaches' if self.of_several == 1 else 'reach'} over an update"
            )
        return told

    def why(self, base: str) -> str:
        """Return why no two versions were compared, where none were."""
        everything = self.of_known + self.of_builds + self.of_none + self.of_several
        if self.of_none == everything:
            return "no capture names a version"
        if len(self.known) > 1:
            named = f"{len(self.known):,} versions are named"
            both = f"{base} and in a later one" if base else "another"
            return f"{named}, but no rule that found something in one of them could be evaluated in {both}"
        own = []
        if self.known:
            which = "the only capture" if everything == 1 else "all captures" if self.of_known == everything else ""
            which = which or plural(self.of_known, "capture")
            own.append(f"{which} {'is' if self.of_known == 1 else 'are'} of {self.known[0]}")
        return "; ".join([*own, *self.apart])
