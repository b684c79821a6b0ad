"""AWS Security Token Service: who am I, and short-lived keys of a role.

`sessions.issue` makes the keys, for AssumeRole as for the jobs that the runtime starts. May import:
`services.registry`, `store`, `spec`, `base`. To add an operation: a function in the file of its noun.
"""
