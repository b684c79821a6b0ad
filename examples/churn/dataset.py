"""Where the example's data comes from: the purchases of 23,570 customers of the shop CDNOW.

Everyone in it bought for the first time in the first quarter of 1997; their 69,659 purchases run to the end of
June 1998 (Fader and Hardie, "Notes on the CDNOW Master Data Set", brucehardie.com/notes/026). The Python package
`lifetimes` ships the file; it is read from there, without importing the package and what that needs.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def purchases_file() -> Path:
    """The path of CDNOW_master.txt in the installed package `lifetimes`."""
    package = find_spec("lifetimes")
    if package is None or package.origin is None:
        raise SystemExit(
            "The purchase log is read from the package lifetimes: pip install --no-deps lifetimes==0.11.3, "
            "or name a file of your own with --purchases."
        )
    return Path(package.origin).parent / "datasets" / "CDNOW_master.txt"
