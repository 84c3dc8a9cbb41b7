"""Windows that other witnesses than the log tell of (PowerLog, Instruments, reports), in one bounded table."""

from traceview.witness.collect import Witnesses, collect, with_notes
from traceview.witness.schema import WITNESS_SCHEMA

__all__ = ["WITNESS_SCHEMA", "Witnesses", "collect", "with_notes"]
