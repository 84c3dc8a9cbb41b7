"""``traceview batch``: many captures into a Parquet data set."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from traceview.cli import options
from traceview_parsers.errors import UsageError

if TYPE_CHECKING:
    from traceview.fleet.jobs import Job


class Engine(StrEnum):
    """Where captures are analysed."""

    local = "local"
    dask = "dask"


_MOST_JOBS = 1024
_NAMED = 3
"""Entries left out that are named."""
_SHORTEST_S, _LONGEST_S = 0.1, 604_800
"""Seconds that a capture may be given: a week is more than any takes."""
DASK_SHARDS = 256
"""Shards that a dask cluster is given at a time: enough for any cluster that one scheduler serves well."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("batch")(batch)


def batch(
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE…", show_default=False, help="Folders of captures.")],
    *,
    out: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", show_default=False, help="Folder of the data set.")
    ],
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, max=_MOST_JOBS, metavar="N", help="Processes on this machine.")
    ] = 1,
    shard: Annotated[
        str | None,
        typer.Option("--shard", metavar="I/N", help="Only part I of N, for any queue; all parts may share DIR."),
    ] = None,
    engine: Annotated[
        Engine, typer.Option("--engine", metavar="ENGINE", help="Where captures are analysed: local or dask.")
    ] = Engine.local,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDRESS", help="Address of the dask scheduler.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with an existing data set: do what is missing or failed for a reason that may have passed.",
        ),
    ] = False,
    shard_size: Annotated[int, typer.Option("--shard-size", min=1, metavar="N", help="Captures a Parquet file.")] = 8,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", help="What one capture may take, 0.1 or more.")
    ] = None,
    app: options.Apps = None,
    app_version: Annotated[
        str | None,
        typer.Option(
            "--app-version",
            metavar="VERSION",
            help="Version of the app that --app names, for captures that tell none (log texts, logarchives). Releases are "
            "compared when each has a run of its own into the same DIR, the later ones with --resume.",
        ),
    ] = None,
    date: options.Date = None,
    tz: options.Zone = None,
    os: options.System = None,
    redact: options.Redact = "none",
    config: options.ConfigFile = None,
) -> None:
    """Analyse many captures into a data set of Parquet files. A capture that fails costs one row in `failures`; exit with 1 when all did."""
    _check_local([*sources, out])
    options.check_folder(out)
    options.one_thread()  # the processes share the cores
    from traceview.fleet.batch import run  # noqa: PLC0415  (keeps --help fast)
    from traceview.fleet.dataset import check_place  # noqa: PLC0415
    from traceview.fleet.executor import dask_pool, local_pool  # noqa: PLC0415
    from traceview.fleet.jobs import parse_shard  # noqa: PLC0415
    from traceview.fleet.worker import Settings, config_hash  # noqa: PLC0415
    from traceview.rules.config import load_config  # noqa: PLC0415
    from traceview_parsers import ReadOptions  # noqa: PLC0415

    if timeout is not None and not _SHORTEST_S <= timeout <= _LONGEST_S:
        raise UsageError(f"--timeout {timeout:g}: give seconds from {_SHORTEST_S} to {_LONGEST_S:,}")
    if engine is Engine.dask and timeout is not None:
        raise UsageError("--timeout works with --engine local only: a dask worker cannot be stopped from inside")
    if app_version is not None and len(app or ()) != 1:
        raise UsageError("--app-version: give --app once, for the app that has this version")
    loaded = load_config(config)
    read = ReadOptions(options.parse_date(date), options.parse_zone(tz), options.parse_system(os))
    apps = tuple(app or ())
    settings = Settings(
        out=out,
        config_hash=config_hash(loaded, read, apps, redact),
        config=loaded,
        options=read,
        apps=apps,
        app_version=app_version,
        redaction=redact,
        timeout_s=timeout,
    )
    part = parse_shard(shard)
    with options.writing(out):
        check_place(out)  # told before anything is read
    found, asked = _found(sources, out, part)
    if not found:
        typer.echo(
            f"part {shard} has none of the {len(asked):,} capture{'s' * (len(asked) != 1)}: nothing to do", err=True
        )
        return
    with options.writing(out):
        summary = run(
            found,
            settings,
            (lambda: dask_pool(scheduler)) if engine is Engine.dask else (lambda: local_pool(jobs)),
            resume=resume,
            join=part[1] > 1,
            shard_size=shard_size,
            in_flight=DASK_SHARDS if engine is Engine.dask else jobs + 1,
            done=_show if sys.stderr.isatty() else None,
            asked=asked,
        )
    _tell_left_out(f"capture{{s}} changed since the analysis for {out}, and {{were}} left out", list(summary.changed))
    analysed = summary.captures - summary.failed
    told = [
        f"{analysed:,} capture{'s' * (analysed != 1)} analysed",
        f"{summary.failed:,} failed" if summary.failed else "none failed",
    ]
    if summary.retried:
        told.append(f"{summary.retried:,} of these tried again")
    if summary.skipped:
        kept = " (and keep the version that they have)" if os or app_version else ""
        told.append(f"{summary.skipped:,} done before{kept}")
    if summary.failures > summary.failed:
        told.append(f"{summary.failures:,} failed in all")
    if summary.failures:
        told[-1] += f" (see {out / 'failures'})"
    if summary.in_vain:
        typer.echo(", ".join(told), err=True)
        raise typer.Exit(1)
    typer.echo(f"{', '.join(told)}; next: traceview fleet report {out}", err=True)


def _found(sources: list[Path], out: Path, part: tuple[int, int]) -> "tuple[list[Job], list[Job]]":
    """Return (captures of this part of a batch, those of all parts); say on stderr what was passed over."""
    from traceview.fleet.jobs import LeftOut, copies, find_jobs, in_shard  # noqa: PLC0415  (keeps --help fast)
    from traceview_parsers.problems import Problems  # noqa: PLC0415

    problems, left = Problems(), LeftOut()
    jobs = [job for source in sources for job in find_jobs(source, skip=out, problems=problems, left_out=left)]
    options.tell_problems(problems)
    _tell_left_out("file{s} that no reader knows {were} left out", left.unknown)
    _tell_left_out("symbolic link{s} {were} not followed", left.links)
    found = [job for job in jobs if in_shard(job, part)]
    if twice := copies(found):
        what = f"{twice:,} {'copies' if twice > 1 else 'copy'} of a capture (same name, sizes, times and content)"
        typer.echo(f"traceview: {what} at another place: taken once", err=True)
    return found, jobs


def _tell_left_out(what: str, paths: list[Path]) -> None:
    if not paths:
        return
    first = sorted(set(paths))
    names = ", ".join(options.visible(path.name) for path in first[:_NAMED])
    more = ", …" if len(first) > _NAMED else ""
    text = what.format(s="s" * (len(first) > 1), were="were" if len(first) > 1 else "was")
    typer.echo(f"traceview: {len(first):,} {text}: {names}{more}", err=True)


def _show(done: int, total: int) -> None:
    sys.stderr.write(f"\r{done:,} of {total:,} captures\x1b[K" + ("\n" if done == total else ""))
    sys.stderr.flush()


def _check_local(paths: list[Path]) -> None:
    for path in paths:
        scheme, colon, _ = str(path).partition(":/")
        if colon and len(scheme) > 1:
            uri = str(path).replace(":/", "://", 1)  # a path folds the two slashes
            raise UsageError(f"{uri}: object stores are not supported yet; give a local or mounted folder")
