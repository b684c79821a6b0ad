"""Artifact bytes: content-addressed files, named by their SHA-256 (DESIGN.md, idea 3).

* `folder`   the store itself: write, open, ingest and place blobs
* `slices`   a stretch of a file, as a value that can be handed to whoever sends it
* `digests`  the checksums S3 knows, computed while bytes pass
* `crc`      cyclic redundancy checks of any polynomial, fast enough without C, and combinable

May import: `base`, the standard library. Knows nothing of buckets, keys or jobs: what refers to a blob is a row
in `store`. To add a checksum: a line in `digests.py`.
"""
