"""``--help`` of every command: readable at 80 columns and below, with every choice named."""

from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from traceview import cli

_ABOUT_EIGHTY = 80
_HALF = 40


def commands(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, *path, name)


ALL = list(commands(get_command(cli.app)))


def shown(path: tuple[str, ...], columns: int) -> list[str]:
    result = CliRunner(env={"COLUMNS": str(columns), "TERMINAL_WIDTH": str(columns)}).invoke(cli.app, [*path, "--help"])
    assert result.exit_code == 0
    return result.stdout.splitlines()


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) or "traceview" for path, _ in ALL])
def test_help_is_readable_at_80_columns(path: tuple[str, ...], command: Any) -> None:
    lines = shown(path, _ABOUT_EIGHTY)
    assert max(map(len, lines)) <= _ABOUT_EIGHTY
    assert "│" not in "".join(lines)
    assert not any(line.endswith("...") for line in lines if "COMMAND" not in line)  # a summary that was cut
    options = [line for line in lines if line.startswith("  -")]
    assert len(options) > 1 or path
    begins = {len(line) - len(line[2:].partition("  ")[2].lstrip()) for line in options}
    assert max(begins) <= _HALF
    for parameter in command.params:
        for choice in getattr(parameter.type, "choices", ()):
            assert str(getattr(choice, "value", choice)) in (parameter.help or ""), (path, parameter.name)


def test_help_at_other_widths() -> None:
    assert max(map(len, shown(("log",), 20))) <= _ABOUT_EIGHTY
    assert max(map(len, shown(("log",), 400))) <= 100


def test_help_names_the_exit_codes() -> None:
    told = " ".join(" ".join(shown((), _ABOUT_EIGHTY)).split())
    assert "Exit codes: 0 done, 1 error, 2 wrong usage or unreadable input, 130 interrupted" in told
