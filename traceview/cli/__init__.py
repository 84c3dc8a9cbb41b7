"""The command line: one file for each command.

stdout is data, stderr is people. Exit codes: 0 done, 1 error, 2 wrong usage or unreadable input, and with
``--fail-on`` 10 to 14 for the worst finding (info to critical).
"""

import os
import signal
import sys
from copy import copy
from types import FrameType
from typing import NoReturn

import typer

from traceview import __version__
from traceview.cli import (
    analyze,
    batch,
    diff,
    doctor,
    explain,
    export,
    fleet,
    log,
    query,
    report,
    rules,
    signals,
)
from traceview.cli.options import visible
from traceview.memory import look_for_cycles_rarely
from traceview_parsers.errors import InputError, TraceviewError, UsageError

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
_BEFORE_COMMAND = {
    "--debug": "it comes before the command: traceview --debug COMMAND …",
    "--version": "it stands alone: traceview --version",
}
_LONGEST_MESSAGE = 2_000
"""Characters; it may quote an argument of megabytes."""
_WIDEST_HELP = 100
"""Columns; longer lines are hard to read."""

_ENVIRONMENT = {
    # Polars' allocator (jemalloc) keeps what it was given back, and that counts as used; so it may keep it for a moment
    # only. At once would cost as much time as a fifth of an analysis.
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:25,muzzy_decay_ms:0",
    # Arrow's own allocator keeps some 40 MB more than the C library's.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    # numpy's linear algebra, which nothing here uses, starts threads that take 0.1 s of processor time to begin with.
    "OPENBLAS_NUM_THREADS": "1",
}
"""What libraries read when they are imported, here and in the processes of a fleet; who sets them otherwise knows why."""

app = typer.Typer(
    name="traceview",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its tables leave the help texts a third of 80 columns, and cost half the time of --help
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": _WIDEST_HELP},
    help="Why did this iOS call glitch, why was the app suspended or killed? Reads sysdiagnoses, logarchives, "
    "log text and Instruments exports on any computer.",
    epilog="`traceview COMMAND --help` shows the options of a command. Exit codes: 0 done, 1 error, 2 wrong usage or "
    "unreadable input, 130 interrupted; with --fail-on 10 (info) to 14 (critical) for the worst finding.",
)

for command in (report, analyze, log, export, batch, diff, query, rules, explain, doctor):
    command.register(app)
app.add_typer(fleet.app, name="fleet")
app.add_typer(signals.app, name="signals")


def _version(*, value: bool) -> None:
    if value:
        typer.echo(f"traceview {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    del version
    if debug:
        os.environ["TRACEVIEW_DEBUG"] = "1"


def main() -> None:
    """Run the command line; every error is one line on stderr."""
    _prepare_streams()
    look_for_cycles_rarely()
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # nohup lets it be ignored
            signal.signal(number, _stop)
    try:
        _check_arguments(sys.argv[1:])
        code = _for(sys.argv[1:])(prog_name="traceview", standalone_mode=False, color=_colour())
    except TraceviewError as error:
        _fail(error, EXIT_USAGE if isinstance(error, InputError | UsageError) else EXIT_ERROR)
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: not an error, but Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        _fail(error, EXIT_ERROR, _system_text(error))
    except (typer.Abort, KeyboardInterrupt):
        code = EXIT_INTERRUPTED
    except BaseException as error:  # noqa: BLE001  (the last barrier before the user; a panic of polars is no Exception)
        _fail_unforeseen(error)
    if code == EXIT_INTERRUPTED:
        typer.echo("traceview: interrupted", err=True)
    sys.exit(code)


def _for(arguments: list[str]) -> typer.Typer:
    """Return the application with the one command that is asked for: typer looks at every option of all (8 ms)."""
    asked = [command for command in app.registered_commands if [command.name] == arguments[:1]]
    if not asked:
        return app
    found = copy(app)
    found.registered_commands, found.registered_groups = asked, []
    return found


def _colour() -> bool | None:
    """No colour for who asks for none (no-color.org), or whose terminal knows none; None: where stdout is a terminal."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def _system_text(error: OSError) -> str:
    if error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, FileNotFoundError):  # of all that is done here only asking for it ends so
        return "the working folder is gone; change into one that exists"
    return f"writing failed: {error.strerror or error}"


def _check_arguments(arguments: list[str]) -> None:
    """Raise UsageError for an empty argument: as a path it would be the working directory."""
    for before, one in zip(["", *arguments], arguments, strict=False):
        if not one or (one.startswith("--") and one.find("=") == len(one) - 1):
            option = one.rstrip("=") or (before if before.startswith("-") else "")
            raise UsageError(f"{option or 'an argument'} is empty; is a variable of the shell not set?")


def _prepare_streams() -> None:
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # the caller closed it
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115  (open to the end)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")


def _fail_unforeseen(error: BaseException) -> NoReturn:
    if isinstance(error, SystemExit):
        if isinstance(error.__context__, BrokenPipeError):  # click ends so where the reader of our output has gone
            sys.exit(0)
        raise error
    if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help; the class is click's or typer's own
        typer.echo(str(error.format_message()), err=True)  # type: ignore[attr-defined]
        sys.exit(EXIT_USAGE)
    if (usage := _usage_text(error)) is not None:
        _fail_usage(usage)
    if "os error" in str(error):  # of native code that writes a table
        _fail(error, EXIT_ERROR, f"writing failed: {error}")
    _fail(error, EXIT_ERROR, f"internal error ({type(error).__name__}: {error}); please report it with --debug output")


def _stop(number: int, _frame: FrameType | None) -> None:
    """End as an error does, so that temporary files are removed."""
    sys.exit(128 + number)


def _usage_text(error: BaseException) -> str | None:
    """Return what the parser of the command line complains about; None where the error is none of its own.

    Its error classes are click's or typer's own, by version of typer; both have this method.
    """
    told = getattr(error, "format_message", None)
    if told is None:
        return None
    context = getattr(error, "ctx", None)
    text = str(told()).replace(": Value error, ", ": ")  # how pydantic, below typer, begins what it complains about
    if context is not None and context.info_name == "query" and text.startswith("Missing argument"):
        text = query.missing(sys.argv[2:])
    option = getattr(error, "option_name", "")
    instead = log.INSTEAD.get(option) if context is not None and context.info_name == "log" else None
    if context is not None and context.parent is not None and option in _BEFORE_COMMAND:
        instead = _BEFORE_COMMAND[option]
    if instead is not None:
        text = f"{text.partition(' (')[0]}; {instead}"
    if not text or context is None:
        return text
    return f"{text.rstrip('.')}{' See' if text.endswith('?') else '; see'} {context.command_path} --help"


def _fail_usage(text: str) -> NoReturn:
    _tell(text)
    sys.exit(EXIT_USAGE)


def _fail(error: BaseException, code: int, message: str | None = None) -> NoReturn:
    if os.environ.get("TRACEVIEW_DEBUG"):
        raise error
    _tell(message or str(error))
    sys.exit(code)


def _tell(message: str) -> None:
    text = visible(" ".join(message.split()))
    typer.echo(f"traceview: {text[:_LONGEST_MESSAGE]}{'…' if len(text) > _LONGEST_MESSAGE else ''}", err=True)
