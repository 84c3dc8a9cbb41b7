"""A story as Instruments exports it: ``xctrace export --toc``, and the table ``os-log`` as XML.

Columns, nesting and the numbering of values as in real exports of Xcode 26.3: every value is written once with an ``id``
and referred to by ``ref`` afterwards; times are nanoseconds since the start of the recording. Line breaks in messages
are written as they are, which no public export shows.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import escape

from generator.formats import FLOATS, Specifier
from generator.render import pieces
from generator.story import LABEL, SECOND, ZONE, Generation, Line
from generator.values import Argument

_COLUMNS: Final = (
    *("time:event-time", "thread:thread", "process:process", "message-type:event-type", "format-string:format-string"),
    *("backtrace:text-backtrace", "subsystem:subsystem", "category:category", "message:os-log-metadata"),
    "emit-location:return-location",
)
_CONTROL: Final = {'"': "&quot;", "\n": "&#10;", "\t": "&#9;"}


class _Values:
    """Values of one document: written once, referred to afterwards."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str, str], int] = {}

    def value(self, tag: str, shown: str, text: str | None = None, inside: Iterable[tuple[str, str, str]] = ()) -> str:
        """Return the element; `inside` are (tag, display text, machine value) of its children."""
        children = list(inside)
        key = (tag, shown, text or repr(children))
        if key in self._ids:
            return f'<{tag} ref="{self._ids[key]}"/>'
        number = self._ids[key] = len(self._ids) + 1
        body = escape(text) if text is not None else "".join(self.value(*child) for child in children)
        return f'<{tag} id="{number}" fmt="{escape(shown, _CONTROL)}">{body}</{tag}>'

    def owner(self, line: Line) -> tuple[str, str]:
        """Return the cells thread and process."""
        process = f"{line.actor.name} ({line.actor.pid})"
        thread = f"{line.actor.name} ({line.tid:#x}) ({line.actor.name}, pid: {line.actor.pid})"
        key = ("thread", thread, "")
        if key in self._ids:
            return f'<thread ref="{self._ids[key]}"/>', self._process(process, line.actor.pid)
        number = self._ids[key] = len(self._ids) + 1
        inside = self.value("tid", hex(line.tid), str(line.tid)) + self._process(process, line.actor.pid)
        return f'<thread id="{number}" fmt="{escape(thread, _CONTROL)}">{inside}</thread>', self._process(
            process, line.actor.pid
        )

    def _process(self, shown: str, pid: int) -> str:
        return self.value("process", shown, inside=[("pid", str(pid), str(pid)), ("device-session", "TODO", "TODO")])


def table(lines: Sequence[Line], start_ns: int) -> str:
    """Return the XML of the table ``os-log``."""
    values = _Values()
    return _document("os-log", _COLUMNS, "\n".join(_row(values, line, start_ns) for line in lines))


def _document(schema: str, columns: Sequence[str], rows: str) -> str:
    declared = "".join(
        f"<col><mnemonic>{name}</mnemonic><name>{name}</name><engineering-type>{kind}</engineering-type></col>"
        for name, kind in (column.split(":") for column in columns)
    )
    return (
        '<?xml version="1.0"?>\n<trace-query-result>\n'
        f"<node xpath='//trace-toc[1]/run[1]/data[1]/table[1]'><schema name=\"{schema}\">{declared}</schema>{rows}\n</node></trace-query-result>\n"
    )


def clock(since_ns: int) -> str:
    """Return a time since the start of the recording as Instruments shows it."""
    minutes, rest = divmod(since_ns, 60 * SECOND)
    return f"{minutes:02d}:{rest // SECOND:02d}.{rest % SECOND // 10**6:03d}.{rest % 10**6 // 1000:03d}"


def _row(values: _Values, line: Line, start_ns: int) -> str:
    since = line.time_ns - start_ns
    time = values.value("event-time", clock(since), str(since))
    thread, process = values.owner(line)
    level = line.level.capitalize()
    cells = (
        *(time, thread, process, values.value("event-type", level, level)),
        values.value("format-string", line.text, line.text),
        "<sentinel/>",
        values.value("subsystem", line.subsystem, line.subsystem) if line.subsystem else "<sentinel/>",
        values.value("category", line.category, line.category) if line.category else "<sentinel/>",
        _message(values, line),
        "<sentinel/>",
    )
    return f"<row>{''.join(cells)}</row>"


def _message(values: _Values, line: Line) -> str:
    shown = list(pieces(line.text, line.arguments, keep_private=line.kept))
    rest = iter(line.arguments)
    children = [_child(specifier, text, rest) for specifier, text in shown]
    return values.value("os-log-metadata", "".join(text for _, text in shown), inside=children)


def _child(specifier: Specifier | None, shown: str, rest: Iterator[Argument]) -> tuple[str, str, str]:
    if specifier is None:
        return ("narrative-text", shown, shown)
    for asked in (specifier.width, specifier.precision):
        if asked == "*":
            next(rest)
    value = next(rest)
    if specifier.spelled or specifier.private:
        return ("string", shown, shown)
    if specifier.conversion in FLOATS:
        return ("fixed-decimal", shown, str(value))
    number = int(value) if isinstance(value, int) else 0
    decimal = specifier.conversion in "diu"
    return ("int64-value" if number < 0 else "uint64", f"{number:,}" if decimal else shown, str(number))


_THERMAL: Final = (
    *("start:start-time", "duration:duration", "end:start-time", "thermal-state:thermal-state", "track-label:string"),
    *("is-induced:boolean", "narrative:narrative"),
)


def thermal(windows: Sequence[tuple[int, int, str]], start_ns: int) -> str:
    """Return the XML of the table ``device-thermal-state-intervals``; `windows` are begin, end (UTC nanoseconds), state."""
    values = _Values()
    rows = "\n".join(
        f"<row>{values.value('start-time', clock(begin - start_ns), str(begin - start_ns))}"
        f"{values.value('duration', f'{(end - begin) / SECOND:.2f} s', str(end - begin))}"
        f"{values.value('start-time', clock(end - start_ns), str(end - start_ns))}"
        f"{values.value('thermal-state', state, state)}{values.value('string', 'Thermal State', 'Thermal State')}"
        f"{values.value('boolean', 'No', '0')}{values.value('narrative', f'The device was {state}')}</row>"
        for begin, end, state in windows
    )
    return _document("device-thermal-state-intervals", _THERMAL, rows)


def contents(os: Generation, start_ns: int, end_ns: int, schema: str = "os-log") -> str:
    """Return the table of contents of a recording of a whole device, with one table."""
    duration = (end_ns - start_ns) / SECOND
    return (
        '<?xml version="1.0"?>\n\n<trace-toc>\n    <run number="1">\n        <info>\n            <target>\n'
        f'                <device uuid="00008150-000000000000002E" model="iPhone 17 Pro" name="{LABEL}" os-version="{os.version} ({os.build})" platform="iOS"/>\n'
        "                <all-processes/>\n            </target>\n            <summary>\n"
        f"                <start-date>{_stamp(start_ns)}</start-date>\n                <end-date>{_stamp(end_ns)}</end-date>\n"
        f"                <duration>{duration:.6f}</duration>\n                <end-reason>Recording stopped</end-reason>\n"
        "                <instruments-version>26.0 (17C529)</instruments-version>\n                <template-name>Logging</template-name>\n"
        "                <recording-mode>Deferred</recording-mode>\n            </summary>\n        </info>\n        <processes/>\n"
        f'        <data>\n            <table schema="{schema}"/>\n        </data>\n        <tracks/>\n    </run>\n</trace-toc>'
    )


def _stamp(time_ns: int) -> str:
    local = datetime.fromtimestamp(time_ns // SECOND, UTC).astimezone(ZONE)
    return f"{local:%Y-%m-%dT%H:%M:%S}.{time_ns % SECOND // 10**6:03d}+01:00"
