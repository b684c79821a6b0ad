"""The pipeline language: what a definition's JSON says, as typed values, and what its expressions come to.

May import: spec (its types), base. Pure: no input or output, clock, randomness or logging. To add one: a new kind of
expression is a dataclass in expressions.py with its reading there and its meaning in resolve.py; a new kind of
condition is the same in conditions.py; a new member of a step that every step may have is a field in model.py.
"""
