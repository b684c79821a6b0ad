"""Lambda: functions whose Python code runs in the same isolation as jobs, their versions and aliases, invocations.

Operations, a file per noun: `functions`, `function_updates`, `versions`, `aliases`, `permissions`, `tags`,
`invoking`. What they share: `names` (ways to name a function), `entities` (rows, and what a qualifier means),
`configurations` (what a function is), `function_code` and `archives` (its code on disk), `faults` (Lambda's wording).
`invocations` begins one that will be run exactly once (`runtime/invocations.py` runs it), `endings` tells who waits.

May import: `services.registry`, `machines`, `store`, `blobs`, `base`. To add an operation: a function in the file
of its noun, marked `@operation`.
"""
