"""Data flows one way: an import never runs backwards."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A module may import from its own layer and from layers with a smaller number.
LAYERS = {
    "traceview_parsers": 0,
    "traceview.visible": 0,
    "traceview.memory": 0,
    "traceview.signals": 1,
    "traceview.episodes": 2,
    "traceview.rules": 3,
    "traceview.clocks": 3,
    "traceview.same_lines": 2,
    "traceview.completeness": 3,
    "traceview.witness": 3,
    "traceview.facts": 4,
    "traceview.analysis": 4,
    "traceview.app_versions": 4,
    "traceview.serialise": 5,
    "traceview.compare": 5,
    "traceview.sources": 5,
    "traceview.verdict": 5,
    "traceview.perfetto": 6,
    "traceview.context": 5,
    "traceview.plots": 5,
    "traceview.report": 6,
    "traceview.reading": 2,
    "traceview.gathering": 2,
    "traceview.scan": 1,
    "traceview.zones": 1,
    "traceview.sql_errors": 1,
    "traceview.sql_words": 1,
    "traceview.people": 7,
    "traceview.capture": 7,
    "traceview.export": 8,
    "traceview.fleet": 8,
    "traceview.cli": 9,
    "traceview.__main__": 10,
}
# Figures and pages know of parsers only what the result of an analysis holds.
ALLOWED_PARSER_MODULES = {
    "traceview.episodes": set(),
    "traceview.rules": {"traceview_parsers.errors"},
    "traceview.plots": {"traceview_parsers.errors", "traceview_parsers.trace", "traceview_parsers.problems"},
    "traceview.report": {
        "traceview_parsers.errors",
        "traceview_parsers.schema",
        "traceview_parsers.trace",
        "traceview_parsers.problems",
    },
}


def _modules() -> list[tuple[str, Path]]:
    found = []
    for top in (ROOT / "traceview", ROOT / "parsers" / "traceview_parsers"):
        for path in sorted(top.rglob("*.py")):
            parts = path.relative_to(top.parent).with_suffix("").parts
            found.append((".".join(part for part in parts if part != "__init__"), path))
    return found


def _layer(module: str) -> str | None:
    fitting = [name for name in LAYERS if module == name or module.startswith(name + ".")]
    return max(fitting, key=len, default=None)


def _imports(path: Path, *, typing_only: bool) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = set()
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in guarded and not typing_only:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize(("module", "path"), _modules(), ids=[name for name, _ in _modules()])
def test_imports_never_run_backwards(module: str, path: Path) -> None:
    own = _layer(module)
    imports = _imports(path, typing_only=True)
    if own is None:
        assert module == "traceview", f"{module} has no layer: add it to LAYERS"
        return
    for name in imports:
        other = _layer(name)
        if other is not None:
            assert LAYERS[other] <= LAYERS[own], f"{module} imports {name}"


@pytest.mark.parametrize("layer", ALLOWED_PARSER_MODULES)
def test_upper_layers_know_no_formats(layer: str) -> None:
    for module, path in _modules():
        if _layer(module) == layer:
            used = {name for name in _imports(path, typing_only=True) if name.startswith("traceview_parsers")}
            modules = {".".join(name.split(".")[:2]) for name in used}
            assert modules <= ALLOWED_PARSER_MODULES[layer] | {"traceview_parsers"}, f"{module}: {used}"
