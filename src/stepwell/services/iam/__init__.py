"""AWS Identity and Access Management: roles, their policies, and who may do what (everybody, everything).

Stepwell keeps roles and policies so that programs which create, read and delete them work unchanged; it enforces
none of them, and says so where it is asked (`simulations.py`). IAM is global: rows live under region "".
May import: `services.registry`, `services.paging`, `store`, `spec`, `base`. To add a noun: a file with its
operations; what files here share is in `entities.py`, `documents.py` and `pages.py`.
"""
