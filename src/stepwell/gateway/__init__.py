"""HTTP in, `call(scope, service, operation, params)` out. Knows AWS's protocols and signatures, and no service.

May import: `spec`, `base`. What it serves is handed to `app.application` as a `Door` and a `Keys` (see `door`).

The way of a request, one file per stage:
* `app`         the stages in order, and the worker threads they run on
* `request`     the head of a request as a value
* `claims`      what the request says about who signed it
* `routing`     which operation of which service it asks for; `old_query` knows query's names where models forgot
* `authentication`  from a claim to a caller; `signature`: whether the claim is true
* `body`        the bytes, streamed and checked; `chunks` undoes aws-chunked
* `protocols/`  one file per AWS protocol: parse, render
* `errors`      a Fault as a response; `refusals` words those of the door itself
* `responses`   what goes back
* `whole_answers`  a connection on which head and body of an answer leave together

To add a protocol: a file in `protocols/` with parse, render and fault, and a line in its `__init__`.
"""
