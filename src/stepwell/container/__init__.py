"""The SageMaker container contract: what a job's container finds, and what it leaves behind.

A file per kind of job (`processing.py`, `training.py`) turns its request into one `Plan`: inputs, outputs, config
files, environment, command. The rest carries plans out: `staging.py` lays out /opt/ml, `collecting.py` takes it to
S3. Plans are pure; files and the `Objects` they come from are touched in staging, collecting and results alone.

May import: `base` and the standard library. To add a kind of job: a file with its `plan` function, and its line in
`runtime/job_kinds.py`.
"""
