"""Wheel, sdist → wheel and editable install hold `traceview` and `traceview_parsers`, nothing else, and run."""

import shutil
import site
import subprocess
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP_LEVEL = {"traceview", "traceview_parsers"}
CHECK = (
    "import traceview, traceview_parsers, pathlib\n"
    "from traceview_parsers.registry import readers\n"
    "assert readers(), 'no reader is registered'\n"
    "from traceview.signals.catalogue import catalogue\n"
    "catalogue()\n"
    "print(pathlib.Path(traceview.__file__).parent, pathlib.Path(traceview_parsers.__file__).parent, sep='\\n')\n"
)

pytestmark = pytest.mark.packaging


def run(*command: object, cwd: Path) -> str:
    result = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{command}: {result.stdout}\n{result.stderr}"
    return result.stdout


def environment(folder: Path) -> Path:
    """A fresh environment that sees the dependencies (but not the project) of the running one; returns its Python."""
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    (packages,) = folder.glob("lib/python*/site-packages")
    # Folders named in a .pth are not searched for further .pth files, so an editable install stays out of sight.
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return python


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git tracks (or would track), so that builds leave nothing in the checkout."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines()
    else:
        pytest.skip("not a git checkout: what belongs to the distribution is not known")
    folder = tmp_path_factory.mktemp("tree")
    for name in listed:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the build backend."""
    python = environment(tmp_path_factory.mktemp("builder"))
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "hatchling>=1.27", "editables"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip(f"the build backend cannot be installed here: {result.stderr.strip()[-200:]}")
    return python


def build(builder: Path, tree: Path, kind: str, out: Path) -> Path:
    run(builder, "-m", "hatchling", "build", "-t", kind, "-d", out, cwd=tree)
    (built,) = out.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


def wheel_content(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def wheel(builder: Path, tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(builder, tree, "wheel", tmp_path_factory.mktemp("wheel"))


def test_wheel_holds_the_two_packages_with_their_data(wheel: Path) -> None:
    names = wheel_content(wheel)
    assert {name.split("/")[0] for name in names} == TOP_LEVEL
    assert {"traceview/py.typed", "traceview_parsers/py.typed"} <= names
    assert any(name.endswith(".toml") for name in names)
    assert any(name.endswith(".j2") for name in names)


def test_sdist_builds_the_same_wheel(builder: Path, tree: Path, wheel: Path, tmp_path: Path) -> None:
    sdist = build(builder, tree, "sdist", tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    assert wheel_content(build(builder, source, "wheel", tmp_path / "wheel")) == wheel_content(wheel)


def test_installed_wheel_runs(wheel: Path, tmp_path: Path) -> None:
    python = environment(tmp_path / "env")
    run(python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    traceview, parsers = run(python, "-c", CHECK, cwd=tmp_path).splitlines()
    assert traceview.startswith(str(tmp_path))
    assert parsers.startswith(str(tmp_path))
    assert "analyze" in run(python.parent / "traceview", "--help", cwd=tmp_path)


def test_editable_install_points_at_the_tree(builder: Path, tree: Path, tmp_path: Path) -> None:
    python = builder
    command = ("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "-e")
    run(python, *command, tree, cwd=tmp_path)
    traceview, parsers = run(python, "-c", CHECK, cwd=tmp_path).splitlines()
    assert (traceview, parsers) == (str(tree / "traceview"), str(tree / "parsers" / "traceview_parsers"))
