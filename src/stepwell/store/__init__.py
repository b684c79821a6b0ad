"""What Stepwell remembers: the only SQL in the project.

A file per noun holds its table (SQLAlchemy Core) and its queries: small functions that take a `Transaction`
(or a `Connection` for reads) first and run one statement. SQLite by default; nothing here is SQLite's own
except the set-up in `database.py`.

May import: `spec`, `base`, SQLAlchemy. To add one: a file with a `Table` on `database.metadata`, its query
functions, and its name in `tables.py`, so that a fresh database has it.
"""
