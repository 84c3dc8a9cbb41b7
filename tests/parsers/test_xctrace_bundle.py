"""``.trace`` bundles: the command that exports them, and exporting them on a Mac, with a stand-in for ``xctrace``."""

import os
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from traceview_parsers import open_trace
from traceview_parsers.errors import InputError

START_NS = 1775788271_270_000_000
CONTENTS = (
    '<?xml version="1.0"?>\n\n<trace-toc><run number="1"><info><target/><summary>'
    "<start-date>2026-04-09T23:31:11.270-03:00</start-date></summary></info>"
    '<data><table schema="os-log"/><table schema="os-signpost"/><table schema="kdebug"/></data></run></trace-toc>'
)
LOG = (
    "<?xml version=\"1.0\"?>\n<trace-query-result>\n<node xpath='//trace-toc[1]/run[1]/data[1]/table[1]'>"
    '<schema name="os-log"><col><mnemonic>time</mnemonic><name>Timestamp</name>'
    "<engineering-type>event-time</engineering-type></col></schema>"
    '<row><event-time id="1" fmt="00:01.000.000">1000000000</event-time></row></node></trace-query-result>\n'
)


def log_times(path: Path) -> list[Any]:
    with open_trace(path) as trace:
        times: list[Any] = trace.table("log").column("time").cast(pa.int64()).to_pylist()
    return times


def test_a_bundle_gets_the_export_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    (tmp_path / "call.trace" / "corespace").mkdir(parents=True)
    with pytest.raises(InputError) as caught:
        open_trace(tmp_path / "call.trace")
    said = str(caught.value)
    assert "xctrace export --input call.trace --toc" in said
    assert '@schema="os-log" or @schema="os-signpost" or @schema="time-info"' in said


FAKE = """#!{python}
import sys
from pathlib import Path
arguments = sys.argv[1:]
assert arguments[:2] == ["export", "--input"], arguments
here = Path(__file__).parent
output = Path(arguments[arguments.index("--output") + 1])
tries = here / "tries"
tries.write_text((tries.read_text() if tries.exists() else "") + ".")
if len(tries.read_text()) == 1:
    sys.exit("Segmentation fault")
if "--toc" in arguments:
    output.write_bytes((here / "toc").read_bytes())
elif "os-log" in arguments[arguments.index("--xpath") + 1]:
    output.write_bytes((here / "log").read_bytes())
else:
    sys.exit("Document Missing Template Error")
"""


@pytest.fixture
def fake_xctrace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program named ``xctrace`` that crashes once, then exports the log and fails for signposts."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "xctrace"
    program.write_text(FAKE.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (folder / "toc").write_text(CONTENTS)
    (folder / "log").write_text(LOG)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(sys, "platform", "darwin")
    return folder


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script")
def test_on_a_mac_a_bundle_is_exported(tmp_path: Path, fake_xctrace: Path) -> None:
    (tmp_path / "call.trace").mkdir()
    assert log_times(tmp_path / "call.trace") == [START_NS + 10**9]
    assert (fake_xctrace / "tries").read_text() == "." * 6  # contents twice, the log, signposts three times
    with open_trace(tmp_path / "call.trace") as trace:
        (problem,) = [one for one in trace.problems if one.kind == "export-failed"]
        assert "os-signpost" in problem.message
        assert "Missing Template" in problem.message


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script")
def test_on_a_mac_a_packed_bundle_is_exported(tmp_path: Path, fake_xctrace: Path) -> None:
    assert fake_xctrace.is_dir()
    (tmp_path / "in" / "call.trace" / "corespace" / "run1").mkdir(parents=True)
    for name in ("form.template", "corespace/run1/a", "corespace/run1/b"):
        (tmp_path / "in" / "call.trace" / name).write_bytes(b"\0")
    archive = shutil.make_archive(str(tmp_path / "call"), "zip", tmp_path / "in")
    assert log_times(Path(archive)) == [START_NS + 10**9]


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script")
def test_a_bundle_that_cannot_be_exported(tmp_path: Path, fake_xctrace: Path) -> None:
    (fake_xctrace / "toc").unlink()
    (tmp_path / "call.trace").mkdir()
    with pytest.raises(InputError, match="could not export"):
        open_trace(tmp_path / "call.trace")
