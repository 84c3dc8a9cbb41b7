"""Options and helpers that several commands share."""

import errno
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from traceview.memory import keep_what_is_freed
from traceview.visible import visible as plain
from traceview_parsers.errors import UsageError

if TYPE_CHECKING:
    from traceview.capture import Capture
    from traceview_parsers.problems import Problems

Inputs = Annotated[
    list[Path],
    typer.Argument(
        metavar="INPUT…",
        show_default=False,
        help="Sysdiagnose, .logarchive, log text or archive of them; several inputs belong together as one capture.",
    ),
]
Apps = Annotated[
    list[str] | None,
    typer.Option("--app", metavar="BUNDLE", help="Only this app (bundle id or process name); may be repeated."),
]
Date = Annotated[
    str | None,
    typer.Option("--date", metavar="YYYY-MM-DD", help="Date of the first line, for texts that print none."),
]
Zone = Annotated[
    str | None,
    typer.Option("--tz", metavar="ZONE", help="Zone of times printed without one: +02:00 or Europe/Berlin."),
]
System = Annotated[
    str | None,
    typer.Option(
        "--os", metavar="VERSION", help="Version of iOS such as 26.2, for captures that name none (log texts)."
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Thresholds and suppressions; default: traceview.toml found upward."),
]


Level = Literal["none", "ids", "all"]
Redact = Annotated[
    Level,
    typer.Option(
        "--redact",
        metavar="LEVEL",
        help="none; ids: replace what looks like a telephone number, address, account, device id or owner of a device, and "
        "names that any line of the log tells as a caller's (callerName=…; it cannot know a name in a sentence that no line "
        "tells so, in a path or in small letters); all: drop free text too. Names of files, apps, processes and subsystems "
        "stay at every level, and so do times.",
    ),
]


_FIRST_YEAR, _LAST_YEAR = 1970, 2261
"""Years that 64-bit nanoseconds from 1970 hold whole; nothing was logged before."""


def parse_date(text: str | None) -> date | None:
    """Read ``--date``. Raises UsageError where it is no date."""
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--date {text}: give it as YYYY-MM-DD") from error
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise UsageError(f"--date {text}: give a date from {_FIRST_YEAR} to {_LAST_YEAR}")
    return day


def parse_zone(text: str | None) -> tzinfo | None:
    """Read ``--tz``: ``±HH:MM``, ``±HHMM``, ``Z``, ``UTC`` or an IANA name. Raises UsageError for anything else."""
    if text is None:
        return None
    if text.upper() in ("Z", "UTC"):
        return UTC
    if match := re.fullmatch(r"([+-])(\d{2}):?(\d{2})", text):
        hours, minutes = int(match[2]), int(match[3])
        if hours < 24 and minutes < 60:
            offset = timedelta(hours=hours, minutes=minutes)
            return timezone(-offset if match[1] == "-" else offset)
    else:
        from zoneinfo import ZoneInfo  # noqa: PLC0415  (keeps --help fast)

        try:
            return ZoneInfo(text)
        except (OSError, ValueError, KeyError):
            pass  # said below, with the accepted forms
    raise UsageError(f"--tz {text}: give it as +02:00 or as a name such as Europe/Berlin")


def parse_system(text: str | None) -> str | None:
    """Check ``--os``. Raises UsageError where it is no version."""
    if text is not None and re.fullmatch(r"\d{1,2}(\.\d{1,2}){0,2}", text) is None:
        raise UsageError(f"--os {text}: give it as 26 or 26.2")
    return text


def parse_time(text: str | None, option: str, zone: tzinfo | None) -> datetime | None:
    """Read ``--start``/``--end``: ISO date and time, UTC (or ``--tz``) where it has no zone, or ``@`` and seconds since 1970.

    These are the forms of `log show` (its manual page). Raises UsageError for anything else.
    """
    if text is None:
        return None
    if re.fullmatch(r"@\d{1,11}", text):
        return datetime.fromtimestamp(int(text[1:]), UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{option} {text}: give it as '2026-01-15 10:30:00', 10:30:00 where the log is of one day, with a zone, +01:00, "
            "or as @1768469400"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=zone or UTC)


def time_of_day(text: str | None) -> time | None:
    """Read a ``--start``/``--end`` without a date, such as ``10:30`` or ``10:30:00.250``, as findings show them; else None."""
    if text is None or re.match(r"\d\d:\d\d", text) is None:
        return None
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None  # `parse_time` says what is wrong


def open_inputs(
    inputs: list[Path],
    *,
    apps: list[str] | None = None,
    date_text: str | None = None,
    zone: str | None = None,
    config: Path | None = None,
    system: str | None = None,
    with_baseline: bool = True,
    threads: bool = False,
) -> "Capture":
    """Open the inputs of a command as one capture.

    Args:
        inputs: Files and folders.
        apps: Bundle ids or process names asked for.
        date_text: Day of times without one.
        zone: Zone of times without one.
        config: Configuration file.
        system: Version of iOS.
        with_baseline: Leave out findings that the baseline accepts.
        threads: What comes is worth several threads: tables of millions of rows. An analysis is done sooner without.
    """
    if not threads:
        one_thread()
    keep_what_is_freed()
    from traceview.capture import open_capture  # noqa: PLC0415  (keeps --help fast)
    from traceview.rules.config import load_config  # noqa: PLC0415
    from traceview_parsers import ReadOptions  # noqa: PLC0415

    options = ReadOptions(date=parse_date(date_text), tz=parse_zone(zone), os_version=parse_system(system))
    progress = progress_line() if sys.stderr.isatty() else None
    loaded = load_config(config)
    if not with_baseline:
        from msgspec.structs import replace  # noqa: PLC0415  (keeps --help fast)

        loaded = replace(loaded, baseline=())
    return open_capture(inputs, apps=apps or [], options=options, config=loaded, progress=progress)


def one_thread() -> None:
    """Let polars use one thread, here and in the processes that this one starts; it asks when it is imported."""
    os.environ.setdefault("POLARS_MAX_THREADS", "1")


def progress_line() -> Callable[[int | None], None]:
    """Return a callback that shows a count on the terminal, and takes it away at None."""

    def show(rows: int | None) -> None:
        text = "" if rows is None else f"reading… {rows:,} relevant log rows"
        sys.stderr.write(f"\r{text}\x1b[K\r")
        sys.stderr.flush()

    return show


def check_writable(out: Path, *, force: bool, option: str = "-o", inputs: Iterable[Path] = ()) -> None:
    """Raise UsageError where a file cannot be written, before the work for it begins; leaves nothing behind.

    Args:
        out: The file. It may exist only with `force`, or where it is no regular file (``/dev/stdout``).
        force: Overwrite.
        option: That the user named it with.
        inputs: What is read, which is never overwritten.
    """
    _refuse_dash(out, option)
    with writing(out, option):
        if out.exists() and any(one.exists() and out.samefile(one) for one in inputs):
            raise UsageError(f"{out} is an input, which is not overwritten; choose another name with {option}")
        if out.is_dir():
            raise UsageError(f"{out} is a folder; name a file in it")
        if out.exists() and not force:
            raise UsageError(f"{out} exists; use --force to overwrite it or {option} for another name")
        if not out.parent.is_dir():
            what = "is a file, no folder" if out.parent.exists() else "is no folder; create it first"
            raise UsageError(f"{out.parent} {what}")
        if out.is_file() or not out.exists():
            _try_to_write_in(out.parent)
            with suppress(FileNotFoundError):
                out.with_name(out.name + PART).lstat()  # its name may be too long


def check_folder(out: Path, option: str = "-o") -> None:
    """Raise UsageError where a folder, or those above it that are missing, cannot be made or written in."""
    _refuse_dash(out, option)
    if not is_utf8(str(out)):
        raise UsageError(f"{out}: tables can only be written to a name that is UTF-8; choose another with {option}")
    with writing(out, option):
        there = next(one for one in (out, *out.parents) if one.exists())
        if not there.is_dir():
            raise UsageError(f"{there} is a file; name a folder with {option}")
        _try_to_write_in(there)


def _refuse_dash(out: Path, option: str) -> None:
    if str(out) == "-":
        raise UsageError(f"{option} -: nothing is written to standard output; name a file or folder")


def _try_to_write_in(folder: Path) -> None:
    from tempfile import TemporaryFile  # noqa: PLC0415  (keeps --help fast)

    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error


PART = ".part"
"""What the name of a file ends with until it is whole."""
_WRITE_FAILED = frozenset({None, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EROFS})
"""Errors without the name of a file that writing alone gives; native code that writes tables tells no number."""


@contextmanager
def writing(out: Path, option: str = "-o") -> Iterator[None]:
    """Name `out`, as the user wrote it, where it cannot be written: what is written first has another name.

    Args:
        out: File, or folder of files, that is written within.
        option: That the user named it with.

    Raises:
        UsageError: Writing failed. Errors that are about other files pass.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is None:
            ours = error.errno in _WRITE_FAILED
        else:
            name = str(error.filename)
            ours = name.startswith(str(out)) or Path(name) in out.parents
        if not ours:
            raise
        reason = (error.strerror or str(error).partition(" (os error")[0]).lower()
        raise UsageError(f"cannot write {out}: {reason}; choose another place with {option}") from error


def zone_of(name: str | None) -> tzinfo:
    """Return the zone that a capture names, or UTC where it names none that is known here."""
    try:
        return parse_zone(name) or UTC
    except UsageError:
        return UTC


def tell_problems(problems: "Problems") -> None:
    """Say on stderr what could not be read, one line each."""
    for one in problems:
        where = "" if one.position is None else f" at {one.unit} {one.position:,}"
        typer.echo(f"traceview: {visible(one.source)}{where}: {visible(one.message)} ({one.count:,} in all)", err=True)


def is_utf8(text: str) -> bool:
    """Whether an argument is text at all: bytes that are none arrive as lone surrogates."""
    return text.isascii() or text.encode(errors="replace").decode() == text


def visible(text: str) -> str:
    """Return text as one line with nothing hidden, so that a log cannot drive the terminal."""
    return plain(text, one_line=True)
