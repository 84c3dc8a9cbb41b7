"""A synthetic log archive of two boots, and `traceview log` on it."""

import json
import sys
from pathlib import Path
from typing import Any

from generator.archive import Archive
from generator.images import Images, stable_uuid
from generator.timesync import Clock
from typer.testing import CliRunner

from traceview import cli

START = 1_768_469_400_000_000_000
SECOND = 1_000_000_000
LEVELS = ("default", "info", "debug", "error", "fault")
PROGRAM = [sys.executable, "-c", "from traceview.cli import main; main()"]
ANEW = [
    sys.executable,
    "-c",
    "from traceview.cli import log_jobs, main; log_jobs._FORKS = False; main()",
]
"""The same where processes are not forked."""


def two_boots(root: Path, *, signposts: bool) -> Path:
    """Write an archive with a message of each level in each boot, one a second; a signpost four seconds later if asked for."""
    images = Images()
    for number, name in enumerate(("first", "second")):
        start = START + number * 3_600 * SECOND
        archive = Archive(Clock(stable_uuid(name), start), images=images)
        process = archive.process("/usr/libexec/acmed", 50)
        for place, level in enumerate(LEVELS):
            archive.log(process, start + (place + 1) * SECOND, f"{level} %d", (number,), level=level)
        if signposts:
            archive.signpost(process, start + 9 * SECOND, "Work", signpost_id=7)
        archive.write(root, first_file=1 + 10 * number)
    return root


def ndjson_rows(archive: Path, *options: str) -> list[dict[str, Any]]:
    """Return what ``log --style ndjson`` prints, without its last line, which must count the others."""
    result = CliRunner().invoke(cli.app, ["log", str(archive), "--style", "ndjson", *options])
    assert result.exit_code == 0, result.exception
    *lines, last = result.stdout.splitlines()
    assert json.loads(last) == {"count": len(lines), "finished": 1}
    return [json.loads(line) for line in lines]
