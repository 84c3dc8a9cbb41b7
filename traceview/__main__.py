"""The command ``traceview`` and ``python -m traceview``: the command line, whose modules take a moment to load."""

import sys

_INTERRUPTED = 130


def main() -> None:
    """Run the command line; who interrupts it while it loads sees no traceback."""
    try:
        from traceview.cli import main as run  # noqa: PLC0415  (what is imported before this line cannot be caught)
    except KeyboardInterrupt:
        sys.stderr.write("traceview: interrupted\n")
        sys.exit(_INTERRUPTED)
    run()


if __name__ == "__main__":  # not in the processes that a batch starts
    main()
