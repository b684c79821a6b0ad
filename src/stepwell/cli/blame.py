"""`stepwell blame PACKAGE|JOB|S3_URI`: how that was made: by whom, by which job, of which data, code and parameters.

Reads the database of the data folder, so it also works when the server is stopped. Exit codes: 0 told, 1 there is
no such thing.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from stepwell.base.faults import Fault, validation
from stepwell.cli import blame_lines, connection, data_folder
from stepwell.services.sagemaker import lineage_subjects, origins
from stepwell.services.sagemaker.lineage_subjects import Content


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "subject",
        metavar="PACKAGE|JOB|S3_URI",
        help="the ARN or name of a job, the ARN of a model package or artifact, GROUP/VERSION, GROUP for its newest "
        "version, or an S3 URI",
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(options: argparse.Namespace) -> int:
    try:
        with data_folder.opened(options.data) as folder:
            folder.catch_up()
            with folder.database.read() as reading:
                subject = lineage_subjects.find(reading, folder.scope, options.subject)
                if isinstance(subject, Content):
                    raise validation(f"ask for the descent of a hash with: stepwell recall {subject.hash}")
                found = origins.of(reading, folder.blobs, subject)
    except Fault as fault:
        return connection.complain(fault.message)
    if not (found.package or found.objects or found.jobs):
        return connection.complain(f"nothing lies at {options.subject}, and no job that is known ever wrote there.")
    if options.json:
        print(json.dumps(asdict(found), indent=2))
    else:
        print("\n".join(blame_lines.lines(found)))
    return 0
