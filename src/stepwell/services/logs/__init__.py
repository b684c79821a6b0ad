"""CloudWatch Logs: groups and streams of events, put by clients or written by jobs.

A stream's events come from a source: rows that clients put, or the log file of a job, read where it lies
(`sources.py`, `job_files.py`, `stored_events.py`). May import: `services.registry`, `store`, `base`.
To add an operation: a function in the file of its noun; to add a kind of source: a file that meets `Source`.
"""
