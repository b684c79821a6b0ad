"""Which packages an environment holds, as its installers noted."""

from __future__ import annotations

from pathlib import Path

from stepwell.images import installed_packages


def make(library: Path, *names: str) -> None:
    for name in names:
        (library / name).mkdir(parents=True)


def test_what_is_installed(tmp_path: Path) -> None:
    library = tmp_path / "e" / "lib" / "python3.11" / "site-packages"
    make(library, "numpy-1.26.4.dist-info", "scikit_learn-1.2.1.dist-info", "numpy", "PyYAML-6.0.dist-info")
    assert installed_packages.of(tmp_path, "e") == {"numpy": "1.26.4", "scikit-learn": "1.2.1", "pyyaml": "6.0"}


def test_a_layer_holds_what_is_below_it(tmp_path: Path) -> None:
    below = tmp_path / "e" / "lib" / "python3.11" / "site-packages"
    above = tmp_path / "layers" / "l" / "lib" / "python3.11" / "site-packages"
    make(below, "numpy-1.dist-info", "six-1.dist-info")
    make(above, "numpy-2.dist-info")
    (above / "_stepwell_shared.pth").write_text(f"import site; site.addsitedir({str(below)!r})\n")
    assert installed_packages.of(tmp_path, "l") == {"numpy": "2", "six": "1"}


def test_an_environment_that_is_gone(tmp_path: Path) -> None:
    assert installed_packages.of(tmp_path, "gone") == {}
