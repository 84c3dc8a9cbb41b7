"""PowerLog databases (``.PLSQL``, ``.PLSQL.gz``, ``.BGSQL``) of iOS 12 to 26: what iOS itself noted about each app.

PowerLog keeps days of app states, background run time, audio routes, calls, pushes, process exits and CPU time, so it
speaks where the log has already rolled over. Its clock is its own; see `clock`.
"""

from importlib.util import find_spec
from typing import Final

from traceview_parsers.file_reader import FileReader
from traceview_parsers.schema_powerlog import POWER_SCHEMAS
from traceview_parsers.trace import Reader

if find_spec("_sqlite3") is None:  # said now, not when the first file is looked at
    raise ImportError("this Python was built without sqlite3")

READER: Final[Reader] = FileReader("powerlog", (*POWER_SCHEMAS, "time_zones"), "traceview_parsers.powerlog.reader")
