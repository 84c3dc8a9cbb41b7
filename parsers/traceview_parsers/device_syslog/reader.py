"""Recognises and opens saved or pasted device logs."""

import re
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Final

import numpy as np

from traceview_parsers.device_syslog.console import COPIES, PLAIN, TABS, TABS_WITH_LIBRARY, headed
from traceview_parsers.device_syslog.relay import CONNECTION, NSLOG, RELAYS
from traceview_parsers.device_syslog.xcode import METADATA, decode_xcode
from traceview_parsers.log_text.blocks import Lines, head_lines, may_be_log
from traceview_parsers.log_text.changes import SURE
from traceview_parsers.log_text.decode import decode_text
from traceview_parsers.log_text.json_source import decode_pymobiledevice_json, is_pymobiledevice_json
from traceview_parsers.log_text.layouts import Layout, tokenise
from traceview_parsers.log_text.parts import decode_parts
from traceview_parsers.log_text.reader import REMEMBERED, decoder_of
from traceview_parsers.log_text.source import Decode, LogSource
from traceview_parsers.log_text.styles import PREAMBLE, STYLES, SURE_STYLES
from traceview_parsers.trace import Candidate, Context, Source

_COMMENT: Final = r"#(?: |$)"
_LAYOUTS: Final = (*RELAYS, NSLOG, *COPIES)
_STYLES: Final = frozenset(layout.name for layout in SURE_STYLES)
_SURE: Final = (*RELAYS, TABS)
"""Layouts that no other text file in a capture resembles."""
_MINIMUM_SHARE: Final = 0.5
"""Heuristic: time-first text is taken for a log where this share of its first lines has a time."""


class DeviceSyslogReader:
    """Device logs of other tools than ``log``."""

    name: str = "device_syslog"
    tables: tuple[str, ...] = ("log",)

    def claims(self, candidate: Candidate) -> int:
        """Return 90 for a known layout, 50 for time-first text that lies in no folder, else 0, also for output of ``log``."""
        if not may_be_log(candidate.head) or decoder_of(candidate.head) is not None:
            return 0
        return recognise(candidate.head, nested="/" in candidate.name)[0]

    def open(self, candidate: Candidate, context: Context) -> Source:
        """Open the file. Raises InputError where it is empty."""
        decode = recognise(candidate.head, nested="/" in candidate.name)[1]
        return LogSource(self.name, candidate, context, partial(decode_parts, decode=decode))


def text_decoder(head: Lines, *, plain: bool) -> Decode:
    """Return the decoder for a text whose first lines are `head`."""
    texts = [head.text(row) for row in range(len(head))]
    layouts: list[Layout] = [*RELAYS, *SURE_STYLES, NSLOG, *COPIES, *([PLAIN] if plain else [])]
    every = range(len(head))
    if _matched(head, [TABS_WITH_LIBRARY], every) < _matched(head, [TABS], every):
        layouts.remove(TABS_WITH_LIBRARY)
    skip = f"{PREAMBLE}|^(?:{CONNECTION})"
    titles = [text for text in texts if headed(text)]
    for title in titles[:1]:
        layout = headed(title)
        if layout is not None:
            layouts.insert(0, layout)
            skip = f"{PREAMBLE}|^(?:{CONNECTION}|{_escaped(title)})"
    if texts and re.match(_COMMENT, texts[0]):
        skip = skip[:-1] + f"|{_COMMENT})"
    return partial(decode_text, layouts=layouts, skip=skip, strange=_STYLES)


@lru_cache(maxsize=REMEMBERED)
def recognise(head: bytes, *, nested: bool) -> tuple[int, Decode]:
    """Return the claim and the decoder; without a claim the decoder is the most tolerant one."""
    lines = head_lines(head)
    texts = [lines.text(row) for row in range(len(lines))]
    skip = f"{PREAMBLE}|^(?:{CONNECTION}|{_COMMENT}|\\s*$)"
    content = [row for row, text in enumerate(texts) if not re.match(skip, text)]
    if content:
        if texts[content[0]].lstrip()[:1] in {"{", "["} and is_pymobiledevice_json("\n".join(texts)):
            return 90, decode_pymobiledevice_json
        titled = headed(texts[content[0]]) is not None
        metadata = next((row for row in content if re.match(METADATA, texts[row])), None)
        if metadata is not None and not titled and not _matched(lines, SURE, _before_message(content, metadata)):
            return 90, decode_xcode
        claim, plain = _text_claim(lines, content, titled, nested)
    else:
        claim, plain = 90 if any(re.match(CONNECTION, text) for text in texts) else 0, True
    return claim, text_decoder(lines, plain=plain)


def _before_message(content: Sequence[int], metadata: int) -> Sequence[int]:
    """Return the lines before the last one that Xcode's first metadata line is about."""
    return [row for row in content if row < metadata][:-1]


def _text_claim(lines: Lines, content: Sequence[int], titled: bool, nested: bool) -> tuple[int, bool]:  # noqa: FBT001 two facts
    """Return the claim on line-oriented text and whether time-first lines are records."""
    if _matched(lines, STYLES, content[:1]):
        return 0, True  # output of ``log``
    share = _MINIMUM_SHARE * len(content)
    if titled or _matched(lines, _SURE, content) >= share:
        return 90, False
    if nested:
        return 0, True
    if _matched(lines, _LAYOUTS[:-1], content[:1]) or _matched(lines, _LAYOUTS[:-1], content) >= share:
        return 80, False
    return (50 if _matched(lines, (*_LAYOUTS, PLAIN), content) >= share else 0), True


def _matched(lines: Lines, layouts: Sequence[Layout], content: Sequence[int]) -> int:
    untried = np.ones(len(lines), bool)
    untried[list(content)] = False
    return tokenise(lines, layouts, untried).frame.height


def _escaped(title: str) -> str:
    return "".join(character if character.isalnum() else f"\\x{{{ord(character):x}}}" for character in title)


READER: Final = DeviceSyslogReader()
