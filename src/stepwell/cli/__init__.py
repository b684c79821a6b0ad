"""The command line: one file per command, each with `configure(parser)` and `run(options) -> exit code`.

May import everything. A command that needs a running server talks to it over HTTP like any other client, through
`connection.py`. To add one: a file here and its line in `main.COMMANDS`.
"""
