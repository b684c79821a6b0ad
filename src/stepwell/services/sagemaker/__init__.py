"""The SageMaker API, a file per noun.

Nouns talk to each other through `call.call(...)` only. Not-found and already-exists codes differ by noun: each file
says its own, from spec 06, section 2.
"""
