"""A PowerLog that names a second app with calls takes nothing from what the log proves of the first one."""

import gzip
import sqlite3
from pathlib import Path

import traceview as tv

SYSDIAGNOSE = "sysdiagnose_2026.01.15_10-30-00+0100_iPhone-OS_iPhone_23C55.tar.gz"


def _of_another_app(path: Path) -> None:
    """Rename the app in a PowerLog."""
    with sqlite3.connect(path) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for _, column, *_ in database.execute(f'PRAGMA table_info("{table}")').fetchall():
                for before, after in (("com.acme.voip", "com.second.talk"), ("AcmeVoIP", "SecondTalk")):
                    changed = f'"{column}" = replace("{column}", ?, ?)'
                    database.execute(
                        f'UPDATE "{table}" SET {changed} WHERE typeof("{column}") = \'text\'',  # noqa: S608
                        (before, after),
                    )
    database.close()


def test_the_hidden_push_stays_that_of_the_app_killed_for_it(samples: Path, tmp_path: Path) -> None:
    powerlog = tmp_path / "other.PLSQL"
    powerlog.write_bytes(gzip.decompress((samples / "powerlog-call.ios18.PLSQL.gz").read_bytes()))
    _of_another_app(powerlog)
    with tv.open([samples / SYSDIAGNOSE, powerlog]) as capture:
        analysis = capture.analysis
    assert {"com.acme.voip", "com.second.talk"} <= set(analysis.episodes["calls"]["app"].to_list())
    (found,) = (one for one in analysis.findings if one.rule == "push-unreported")
    assert (found.app, found.number, found.pattern) == ("com.acme.voip", "T02", "killed")
    assert {"apsd", "runningboardd"} <= set(
        analysis.lines.filter(analysis.lines["ref"].is_in(list(found.evidence)))["process"].to_list()
    )
