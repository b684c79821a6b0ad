"""Static rules about a pipeline: what must hold before it is stored, beyond its structure.

May import: steps, definition, spec (its types), base. Pure: no input or output, clock, randomness or logging. To
add one: a file here with a function `check(subject: Subject) -> Iterable[Problem]`; it is found by being in the
folder. A rule never assumes that another has passed, and its message says what was expected and what was found.
"""
