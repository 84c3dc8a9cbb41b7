"""Which version of an app a capture shows: what reports of crashes and limits print, and what PowerLog knows of installed apps.

Both are the version that people know (``CFBundleShortVersionString``): ``AppBundleVersion`` of PowerLog is ``1.0.0`` for an app
whose build is ``3802.6.240`` (seen, iOS 15).
"""

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

_TELLING: Final = ("reports", "power_apps")


def app_versions(tables: Mapping[str, pl.DataFrame], apps: Sequence[str]) -> dict[str, str]:
    """Return the versions of these apps, as far as they are known: the newest that is told of each.

    Args:
        tables: Tables of a capture by name.
        apps: Bundle ids; process names have no version.
    """
    told = [
        tables[name].select("time", pl.col("bundle").cast(pl.String), pl.col("app_version").cast(pl.String))
        for name in _TELLING
        if name in tables
    ]
    if not told:
        return {}
    named = pl.concat(told).drop_nulls(["bundle", "app_version"]).filter(pl.col("bundle").is_in(list(apps)))
    newest = named.sort("time", nulls_last=False, maintain_order=True).unique(
        "bundle", keep="last", maintain_order=True
    )
    return dict(newest.select("bundle", "app_version").rows())


def with_version(app: str, versions: Mapping[str, str]) -> str:
    """Return an app as people read it: with its version, where that is known."""
    return f"{app} {versions[app]}" if app in versions else app
