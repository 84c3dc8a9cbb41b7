"""A command ends without a last search for cycles of objects: the system takes all memory back at once."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from traceview.memory import look_for_cycles_rarely
look_for_cycles_rarely()
class Cycle:
    def __init__(self): self.me = self
    def __del__(self): print("searched")
Cycle()
import atexit, tempfile
folder = tempfile.TemporaryDirectory()
print(folder.name)
sys.exit(7)
"""


def test_nothing_is_searched_at_the_end_and_temporary_files_go() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 7
    (folder,) = done.stdout.splitlines()
    assert "searched" not in done.stdout
    assert not Path(folder).exists()


INTERRUPTED = """
import sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
from traceview.__main__ import main
main()
"""


def test_an_interrupt_while_modules_are_loaded_is_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "traceview: interrupted\n")
