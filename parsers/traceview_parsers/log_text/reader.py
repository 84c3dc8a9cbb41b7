"""Recognises and opens the output of ``log show``, ``log stream`` and ``simctl spawn … log``."""

import re
from functools import lru_cache, partial
from typing import Final

import numpy as np

from traceview_parsers.device_syslog.console import TITLE
from traceview_parsers.device_syslog.relay import CONNECTION
from traceview_parsers.log_text.blocks import Lines, head_lines, may_be_log
from traceview_parsers.log_text.changes import OTHERS
from traceview_parsers.log_text.decode import decode_text
from traceview_parsers.log_text.json_source import decoder_of_log_json
from traceview_parsers.log_text.layouts import tokenise
from traceview_parsers.log_text.parts import decode_parts
from traceview_parsers.log_text.source import Decode, LogSource
from traceview_parsers.log_text.styles import HEADER, PREAMBLE, STYLES
from traceview_parsers.trace import Candidate, Context, Source

REMEMBERED: Final = 64
"""Heads of texts that are remembered with what reads them, of 4 KiB each."""


class LogTextReader:
    """``log`` output."""

    name: str = "log_text"
    tables: tuple[str, ...] = ("log",)

    def claims(self, candidate: Candidate) -> int:
        """Return 100 where the first bytes hold a record or a header of one of the styles."""
        return 100 if decoder_of(candidate.head) else 0

    def open(self, candidate: Candidate, context: Context) -> Source:
        """Open the file. Raises InputError where it is empty."""
        decode = partial(decode_parts, decode=decoder_of(candidate.head) or _TEXT)
        return LogSource(self.name, candidate, context, decode)


_TEXT: Final[Decode] = partial(
    decode_text,
    layouts=(*STYLES, *OTHERS),
    skip=f"{PREAMBLE}|^{CONNECTION}|{TITLE}",
    strange=frozenset(layout.name for layout in OTHERS),
)


@lru_cache(maxsize=REMEMBERED)
def decoder_of(head: bytes) -> Decode | None:
    """Return what reads output of ``log`` that begins so, or None. Asked for a claim, by the other reader of texts, and to open."""
    if not may_be_log(head):
        return None
    lines = head_lines(head)
    if not len(lines):
        return None
    texts = [lines.text(row) for row in range(len(lines))]
    content = next((row for row, text in enumerate(texts) if text.strip() and not re.match(PREAMBLE, text)), None)
    if content is None:
        return _TEXT if any(re.match(HEADER, text) for text in texts) else None
    if texts[content].lstrip()[:1] in {"{", "["}:
        return decoder_of_log_json(texts[content], head.replace(b"\0", b"").decode("utf-8", "replace"))
    if any(re.match(HEADER, text) for text in texts[:content]):
        return _TEXT
    return _TEXT if _begins_with_record(lines, content) else None


def _begins_with_record(lines: Lines, row: int) -> bool:
    one = Lines.of(lines.data[lines.starts[row] : lines.starts[row + 1]])
    return bool(np.any(tokenise(one, STYLES).frame["row"].to_numpy() == 0))


READER: Final = LogTextReader()
