"""The Python of one job: `pip install` changes the job's layer and nothing else, over a read-only base too."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from images_support import plant_layer, wheel

from stepwell.images import layers
from stepwell.images.environments import Environment, Environments
from stepwell.images.recipes import Recipe


@pytest.fixture
def layer(tmp_path: Path, tiny: Environment) -> Path:
    folder = tmp_path / "layer"
    plant_layer(tiny, folder, str(folder))
    assert layers.path_entries(tiny, str(folder)) == (f"{folder}/bin", *tiny.path_entries)
    return folder


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    wheel(folder, "tiny", "2.0")
    wheel(folder, "extra", "1.0", "import tiny\nversion = 'extra with tiny ' + tiny.version\n", requires="tiny")
    return folder


def run(layer: Path, *command: str) -> str:
    """Run with the layer's bin first on PATH, as in the container."""
    environment = {"PATH": f"{layer}/bin:/usr/bin:/bin", "HOME": str(layer), "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=layer)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def contents(environment: Environment) -> dict[str, float]:
    return {
        str(path): path.stat().st_mtime for path in environment.prefix.rglob("*") if "__pycache__" not in str(path)
    }


@pytest.fixture
def untouched(tiny: Environment) -> Iterator[None]:
    before = contents(tiny)
    yield
    assert contents(tiny) == before


@pytest.mark.usefixtures("untouched")
class TestPip:
    def test_the_shared_packages_are_there(self, layer: Path) -> None:
        assert run(layer, "python", "-c", "import tiny; print(tiny.version)") == "1.0\n"
        assert run(layer, "python3", "-c", "import sys; print(sys.prefix)") == f"{layer}\n"
        assert run(layer, "pip", "list", "--format=freeze").split()[-1] == "tiny==1.0"

    def test_a_new_package_is_added_and_uses_the_shared_ones(self, layer: Path, wheels: Path) -> None:
        (layer / "requirements.txt").write_text("extra\n")
        said = run(layer, "pip", "install", "--no-index", f"--find-links={wheels}", "-r", "requirements.txt")
        assert "Requirement already satisfied: tiny in " in said
        assert run(layer, "python", "-c", "import extra; print(extra.version)") == "extra with tiny 1.0\n"

    def test_a_shared_package_is_replaced_for_this_job(self, layer: Path, wheels: Path) -> None:
        run(layer, "python", "-m", "pip", "install", "--no-index", f"--find-links={wheels}", "tiny==2.0", "extra")
        assert run(layer, "python", "-c", "import extra; print(extra.version)") == "extra with tiny 2.0\n"
        assert "tiny==2.0" in run(layer, "pip", "list", "--format=freeze")

    def test_an_installed_script_starts_the_layers_python(self, layer: Path, wheels: Path) -> None:
        run(layer, "pip", "install", "--no-index", f"--find-links={wheels}", "tiny==2.0")
        assert (layer / "bin" / "tiny-tool").read_text().startswith(f"#!{layer}/bin/python")

    def test_a_shared_script_sees_the_layers_packages(self, layer: Path) -> None:
        assert (layer / "bin" / "tiny-tool").read_text().startswith(f"#!{layer}/bin/python\n")

    def test_two_jobs_do_not_see_each_other(
        self, tmp_path: Path, tiny: Environment, layer: Path, wheels: Path
    ) -> None:
        run(layer, "pip", "install", "--no-index", f"--find-links={wheels}", "tiny==2.0")
        other = tmp_path / "other"
        plant_layer(tiny, other, str(other))
        assert run(other, "python", "-c", "import tiny; print(tiny.version)") == "1.0\n"


def test_a_layer_may_be_made_again(tmp_path: Path, tiny: Environment) -> None:
    """Staging is repeated after a crash."""
    folder = tmp_path / "layer"
    plant_layer(tiny, folder, str(folder))
    plant_layer(tiny, folder, str(folder))
    assert run(folder, "python", "-c", "import tiny; print(tiny.version)") == "1.0\n"


def test_scripts_of_an_environment_with_a_long_path_are_taken_over(tmp_path: Path, tiny_recipe: Recipe) -> None:
    """A first line holds 127 characters; beyond, uv writes scripts that go by way of the shell."""
    long = tmp_path / ("deep" * 20) / ("er" * 20)
    environment = Environments(long, {"tiny": tiny_recipe}, compiles=False).prepare("tiny", lambda _: None)
    folder = tmp_path / "layer"
    plant_layer(environment, folder, str(folder))
    assert run(folder, "pip", "--version").startswith("pip ")
    assert (folder / "bin" / "pip").read_text().startswith(f"#!{folder}/bin/python\n")


def test_pip_works_over_a_read_only_mount(tmp_path: Path, tiny: Environment, wheels: Path) -> None:
    """For real: the environment bind-mounted read-only, the layer at the place the container has it."""
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("mount"):
        pytest.skip("needs root, unshare and mount")
    probe = subprocess.run(["unshare", "--mount", "true"], capture_output=True)
    if probe.returncode:
        pytest.skip("mount namespaces are not to be had here")
    folder, root = tmp_path / "layer", tmp_path / "seen"
    root.mkdir()
    plant_layer(tiny, folder, str(root))
    script = f"""
        set -e
        mount --bind {tiny.prefix} {tiny.prefix}
        mount -o remount,ro,bind {tiny.prefix}
        mount --bind {folder} {root}
        ! touch {tiny.prefix}/x 2>/dev/null
        export PATH={root}/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1
        pip install --quiet --no-index --find-links={wheels} tiny==2.0 extra
        python -c "import extra, sys; print(extra.version, sys.executable)"
    """
    process = subprocess.run(["unshare", "--mount", "bash", "-c", script], capture_output=True, text=True)
    assert process.stdout == f"extra with tiny 2.0 {root}/bin/python\n", process.stderr
