"""``python -m traceview``: the command line."""

from traceview.cli import main

if __name__ == "__main__":  # not in the processes that a batch starts
    main()
