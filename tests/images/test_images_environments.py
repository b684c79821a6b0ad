"""Environments: built once, shared, and never half-built, whoever asks and however a builder dies."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from images_support import lock_line, pip_wheel, wheel

from stepwell.base import clock
from stepwell.images import catalog
from stepwell.images.environments import BuildFailed, Environment, Environments
from stepwell.images.recipes import Recipe


def quiet(_: str) -> None: ...


def answers(environment: Environment, code: str) -> str:
    return subprocess.run([environment.python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout


def a_recipe(folder: Path, name: str = "tiny", text: str = "") -> Recipe:
    lock = folder / "locks" / "tiny.txt"
    lock.parent.mkdir(exist_ok=True)
    lock.write_text(lock_line("tiny", wheel(folder / "wheels", "tiny", "1.0", text)))
    return Recipe(name, "3.11", (lock,))


def test_an_environment_is_built_with_progress_and_then_found(tmp_path: Path) -> None:
    lines: list[str] = []
    environments = Environments(tmp_path / "data", {"tiny": a_recipe(tmp_path)}, compiles=False)
    first = environments.prepare("tiny", lines.append)
    assert answers(first, "import tiny; print(tiny.version)") == "1.0\n"
    assert lines[0] == "Preparing the environment tiny with Python 3.11; later jobs share it."
    assert any(line.startswith("Installed 1 package") for line in lines)
    assert lines[-1] == "The environment tiny is ready."
    lines.clear()
    again = Environments(tmp_path / "data", {"tiny": a_recipe(tmp_path)}, compiles=False)
    assert again.prepare("tiny", lines.append) == first
    assert lines == []


def test_what_the_container_must_see_holds_the_environment_and_its_interpreter(tmp_path: Path) -> None:
    environment = Environments(tmp_path, {"tiny": a_recipe(tmp_path)}, compiles=False).prepare("tiny", quiet)
    assert environment.mounts[0] == environment.prefix
    assert environment.path_entries == (str(environment.prefix / "bin"),)
    visible = (*environment.mounts, Path("/usr"))
    assert any(environment.base_python.is_relative_to(folder) for folder in visible)
    home = Path(answers(environment, "import sys; print(sys.base_prefix)").strip())
    assert any(home.is_relative_to(folder) for folder in visible)


def test_another_lock_makes_another_environment(tmp_path: Path) -> None:
    first = Environments(tmp_path, {"tiny": a_recipe(tmp_path)}, compiles=False).prepare("tiny", quiet)
    changed = {"tiny": a_recipe(tmp_path, text="version = 'changed'\n")}
    second = Environments(tmp_path, changed, compiles=False).prepare("tiny", quiet)
    assert first.prefix != second.prefix
    assert answers(first, "import tiny; print(tiny.version)") == "1.0\n"
    assert answers(second, "import tiny; print(tiny.version)") == "changed\n"


def test_a_changed_package_is_not_installed(tmp_path: Path) -> None:
    """The lock's hashes are checked: whoever swaps the wheel gains nothing."""
    recipe = a_recipe(tmp_path)
    wheel(tmp_path / "wheels", "tiny", "1.0", "version = 'evil'\n")
    with pytest.raises(BuildFailed, match=r"^ClientError: the environment could not be built: uv pip said:"):
        Environments(tmp_path / "data", {"tiny": recipe}, compiles=False).prepare("tiny", quiet)
    assert not list((tmp_path / "data").glob("tiny-*"))


def test_a_lock_with_hashes_has_one_for_every_package(tmp_path: Path) -> None:
    recipe = a_recipe(tmp_path)
    other = wheel(tmp_path / "wheels", "other", "1.0")
    recipe.locks[0].write_text(f"{recipe.locks[0].read_text()}other @ {other.as_uri()}\n")
    with pytest.raises(BuildFailed, match="hash"):
        Environments(tmp_path / "data", {"tiny": recipe}, compiles=False).prepare("tiny", quiet)


def test_an_unknown_python_says_how_to_get_it(tmp_path: Path) -> None:
    recipe = Recipe("tiny", "3.97", a_recipe(tmp_path).locks)
    with pytest.raises(BuildFailed, match=r"needs Python 3\.97: install it, or run `uv python install 3\.97`"):
        Environments(tmp_path / "data", {"tiny": recipe}, compiles=False).prepare("tiny", quiet)


@pytest.mark.parametrize("leftover", ["folder", "broken marker", "interpreter gone"])
def test_what_a_crash_left_is_discarded(tmp_path: Path, leftover: str) -> None:
    recipe = a_recipe(tmp_path)
    prefix = tmp_path / "data" / recipe.key()
    prefix.mkdir(parents=True)
    (prefix / "junk").write_text("half-built")
    match leftover:
        case "broken marker":
            (prefix / ".stepwell.json").write_text('{"base_py')
        case "interpreter gone":
            (prefix / ".stepwell.json").write_text('{"base_python": "/nowhere/python3.11", "mounts": []}')
    environment = Environments(tmp_path / "data", {"tiny": recipe}, compiles=False).prepare("tiny", quiet)
    assert answers(environment, "import tiny; print(tiny.version)") == "1.0\n"
    assert not (prefix / "junk").exists()


def test_a_builder_killed_halfway_is_followed_by_a_whole_build(tmp_path: Path) -> None:
    """kill -9 between uv's work and the marker: the next caller builds anew, and the lock is free."""
    recipe = a_recipe(tmp_path)
    script = f"""
        import os, signal
        from pathlib import Path
        from stepwell.images import environments
        from stepwell.images.recipes import Recipe
        environments._finish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        recipe = Recipe("tiny", "3.11", (Path({str(recipe.locks[0])!r}),))
        environments.Environments(Path({str(tmp_path / "data")!r}), {{"tiny": recipe}}).prepare("tiny", print)
    """
    process = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True)
    assert process.returncode == -9
    prefix = tmp_path / "data" / recipe.key()
    assert (prefix / "bin" / "python").exists()
    assert not (prefix / ".stepwell.json").exists()
    environment = Environments(tmp_path / "data", {"tiny": recipe}, compiles=False).prepare("tiny", quiet)
    assert answers(environment, "import tiny; print(tiny.version)") == "1.0\n"


def test_many_at_once_build_it_once(tmp_path: Path) -> None:
    recipe = a_recipe(tmp_path)
    lines: list[str] = []

    def prepare(_: int) -> Environment:
        return Environments(tmp_path / "data", {"tiny": recipe}, compiles=False).prepare("tiny", lines.append)

    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(prepare, range(6)))
    assert len(set(found)) == 1
    assert lines.count("The environment tiny is ready.") == 1


def test_an_alias_is_registered_for_pip_and_metadata(tmp_path: Path) -> None:
    path = wheel(tmp_path / "wheels", "tiny", "1.0")
    digest = lock_line("tiny", path).rpartition(" ")[2]
    lock = tmp_path / "aliased.txt"
    lock.write_text(f"--no-index\n--find-links {path.parent}\ntiny==1.0 {digest}")
    recipe = Recipe("aliased", "3.11", (lock,), {"big-tiny": "tiny"})
    environment = Environments(tmp_path / "data", {"aliased": recipe}, compiles=False).prepare("aliased", quiet)
    assert answers(environment, "import importlib.metadata as m; print(m.version('big-tiny'))") == "1.0\n"


def test_bytecode_is_compiled_after_the_answer(tmp_path: Path) -> None:
    environment = Environments(tmp_path, {"tiny": a_recipe(tmp_path)}).prepare("tiny", quiet)
    compiled = environment.site_packages / "__pycache__"
    for _ in range(100):
        if list(compiled.glob("tiny.*.pyc")):
            break
        clock.sleep(0.1)
    assert list(compiled.glob("tiny.*.pyc"))


def test_a_recipe_without_hashes_is_installed_as_it_is(tmp_path: Path) -> None:
    path = wheel(tmp_path / "wheels", "tiny", "1.0")
    lock = tmp_path / "mine.txt"
    lock.write_text(f"tiny @ {path.as_uri()}\npip @ {pip_wheel().as_uri()}\n")
    recipe = Recipe("mine", "3.11", (lock,))
    environment = Environments(tmp_path / "data", {"mine": recipe}, compiles=False).prepare("mine", quiet)
    assert answers(environment, "import tiny; print(tiny.version)") == "1.0\n"


@pytest.mark.parametrize(
    "image", ["sagemaker-scikit-learn:1.2-1", "sagemaker-xgboost:1.7-1", "sagemaker-xgboost:3.0-5"]
)
def test_built_in_environments_hold_what_their_lock_says(
    environment_of: Callable[[str], Environment], image: str
) -> None:
    known = catalog.load(None)
    packages = known.recipes[known.resolve(image).recipe].packages()
    names = ["numpy", "pandas", "scikit-learn", "boto3", *(["xgboost"] if "xgboost" in image else [])]
    code = f"import importlib.metadata as m; print([m.version(n) for n in {names}])"
    assert answers(environment_of(image), code).strip() == str([packages[name] for name in names])
