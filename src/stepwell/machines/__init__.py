"""Decisions: one file per thing with a life of its own, each a pure `decide(state) -> effects`.

May import: steps, definition, base. Pure: no input or output, clock, randomness or logging; time comes in as an
argument. To add one: a file with frozen states, a table of legal moves, frozen effects, and its truth table in
tests/machines. The runtime performs the effects.
"""
