"""What AWS's own service models say: operations, shapes, constraints, paging. Read-only, with corrections.

May import: `base`. Reads botocore's data files directly, never its Python code (importing it costs 0.3 s).

* `models`       services, operations and shapes
* `validation`   request parameters against an operation's input shape
* `wording`      the words and codes in which AWS refuses a request
* `patterns`     the models' Java regular expressions, as Python ones that cannot blow up
* `paging`       which member of a list operation is the list, and how long a page may be
* `paths`        a property path against an output shape
* `corrections`  where the data is wrong, and why

To add a service: nothing; every service botocore knows is there. To correct one: a line in `corrections`.
"""
