"""Types of step: which operation makes what a step is, which one describes it, and what the answer means.

May import: definition, spec (its types), base. Pure: no input or output, clock, randomness or logging. To add one:
a file here that exports TYPE, a StepType; it is found by being in the folder. `registry.of(name)` gives it back.
Shared by all types: `kinds` (StepType), `names`, `requests`, `outcomes`, `reasons`, `registry`.
"""
