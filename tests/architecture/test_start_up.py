"""``traceview --help`` answers at once: nothing heavy is imported for it."""

import subprocess
import sys

HEAVY = ("polars", "pyarrow", "numpy", "plotly", "jinja2", "lz4")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['traceview', '--help']\n"
        "from traceview.cli import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "analyze" in result.stdout
    assert result.stderr.strip().splitlines()[-1] == "[]"


def test_import_traceview_is_light() -> None:
    code = f"import sys, traceview; print([name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
