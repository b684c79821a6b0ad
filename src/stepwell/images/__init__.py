"""What an image URI means here: catalogue, Python environments, and the programs that run inside them.

May import: base, spec (and, in `programs/`, the standard library and what the environment holds: never stepwell).
A URI goes through `catalog.Catalog.resolve` to an `Image`; its recipe goes through `environments.Environments.
prepare` to a folder; `layers.tree` puts a writable Python of the job's own before it; `commands` says what to run.

`requirement_layers` puts the packages of a user's requirements.txt between the two, once for all jobs.

To add an image: a `[[image.version]]` in one of the catalog*.toml. Its recipe names lock files in `locks/`; each
`<name>.txt` is made from `<name>.in` by the command that stands in `tests/images/test_images_locks.py`. To add a
program: see `programs/__init__.py`, and its entry in `catalog_files.ENTRIES`.
"""
