"""PowerLog databases (``.PLSQL``, ``.PLSQL.gz``, ``.BGSQL``) of iOS 12 to 26: what iOS itself noted about each app.

PowerLog keeps days of app states, background run time, audio routes, calls, pushes, process exits and CPU time, so it
speaks where the log has already rolled over. Its clock is its own; see `clock`.
"""

from traceview_parsers.powerlog.reader import READER

__all__ = ["READER"]
