"""Makes long-lived things move: lease a row of work, load it, decide, perform, apply; again until nothing is due.

What is decided is in `machines/` (pure); how an effect is performed is in this room, a file per machine. May import:
`machines`, `checks`, `launchers`, `container`, `images`, `services.registry` (the one door) and below.
To add a machine: a file here with a class that meets `machine.Machine`, and its line in `app.py`.
"""
