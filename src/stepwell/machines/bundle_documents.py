"""Room machines: the document of a bundle, which says what a model was made of. In: jobs. Out: JSON values, and back.

Written by `stepwell export`, read by whoever is handed the file: nothing in it is believed before it is looked at.
The bytes stand beside it under their SHA-256 (cli/bundles.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass

from stepwell.base import arn as arns
from stepwell.base.documents import Document
from stepwell.machines import reproduction
from stepwell.machines.reproduction import Held, NotedJob, Plan, Target, chosen_maker

FORMAT = 1
KINDS = ("training-job", "processing-job")
FINAL = ("Completed", "Failed", "Stopped")

_HASH = re.compile(r"[0-9a-f]{64}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ACCOUNT = re.compile(r"\d{12}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_NAME = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,62}")
_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,120}")
LONGEST_KEY = 1024
"""Bytes of an S3 key."""


class Malformed(ValueError):
    """The document is not one of a bundle of this format; the message says where."""


@dataclass(frozen=True, slots=True)
class Package:
    """A model package as it was registered."""

    name: str
    status: str
    created: float
    document: Document
    group: Document | None
    """The document of its group."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a bundle says. The target's jobs are among `jobs`; so is what made their inputs."""

    account: str
    region: str
    target: Target
    jobs: tuple[NotedJob, ...]
    blobs: Mapping[str, int]
    """Sizes by SHA-256."""
    environments: Mapping[str, str]
    """By name, the Python version of the lock that stands beside the document."""
    withheld: tuple[str, ...] = ()
    """Values that look like secrets and were left out."""
    package: Package | None = None
    pipeline: Document | None = None
    """Execution, definition and parameters of the pipeline that made it."""
    made_by: str = ""

    def plan(self, *, whole: bool) -> Plan:
        """What has to run."""
        last = [job for job in self.jobs if job.arn in self.target.jobs]
        return reproduction.plan(self.target, last, self._makers, whole=whole)

    def _makers(self, readers: Sequence[NotedJob]) -> dict[str, list[NotedJob]]:
        found: dict[str, list[NotedJob]] = {}
        for reader in readers:
            chosen: dict[str, NotedJob] = {}
            for each in reader.inputs:
                writers = [job for job in self.jobs if _wrote(job, each)]
                maker = chosen_maker(writers, reader)
                if maker is not None:
                    chosen[maker.arn] = maker
            found[reader.arn] = list(chosen.values())
        return found


def _wrote(job: NotedJob, held: Held) -> bool:
    return any(out.place == held.place and out.blob == held.blob for out in job.outputs)


def written(bundle: Bundle) -> Document:
    """The document; `read` gives the bundle back."""
    return {
        "format": FORMAT,
        "made_by": bundle.made_by,
        "account": bundle.account,
        "region": bundle.region,
        "target": asdict(bundle.target),
        "jobs": [_job_document(job) for job in bundle.jobs],
        "blobs": dict(bundle.blobs),
        "environments": dict(bundle.environments),
        "withheld": list(bundle.withheld),
        "package": asdict(bundle.package) if bundle.package is not None else None,
        "pipeline": bundle.pipeline,
    }


def _job_document(job: NotedJob) -> Document:
    return {
        "arn": job.arn,
        "status": job.status,
        "created": job.created,
        "ended": job.ended,
        "request": job.request,
        "document": job.document,
        "environment": job.environment,
        "inputs": [list(astuple(each)) for each in job.inputs],
        "outputs": [list(astuple(each)) for each in job.outputs],
        "tags": dict(job.tags),
    }


def read(document: object) -> Bundle:
    """The bundle of that document. Raises Malformed."""
    whole = _object(document, "the document")
    if whole.get("format") != FORMAT:
        raise Malformed(
            f"its format is {whole.get('format')!r}, and this version reads format {FORMAT}. "
            "Export it again with this version of Stepwell, or use the one that made it"
        )
    account, region = _matching(_ACCOUNT, whole, "account"), _matching(_REGION, whole, "region")
    blobs = {
        _hash(name, "blobs"): _count(size, "blobs") for name, size in _object(whole.get("blobs"), "blobs").items()
    }
    jobs = tuple(
        _job(_object(each, f"jobs[{number}]"), f"jobs[{number}]", account, region)
        for number, each in enumerate(_list(whole.get("jobs"), "jobs"))
    )
    known = {job.arn for job in jobs}
    if len(known) != len(jobs):
        raise Malformed("jobs: one of them is there twice")
    _require_inputs(jobs, blobs)
    target = _target(_object(whole.get("target"), "target"))
    if not target.jobs or not known.issuperset(target.jobs):
        raise Malformed("target.jobs: not all of them are among the jobs")
    environments = _object(whole.get("environments"), "environments")
    for name, python in environments.items():
        if not _ENVIRONMENT.fullmatch(name) or not isinstance(python, str):
            raise Malformed(f"environments: {name!r} is not the name of an environment")
    pipeline = whole.get("pipeline")
    return Bundle(
        account,
        region,
        target,
        jobs,
        blobs,
        environments,
        tuple(_text(each, "withheld") for each in _list(whole.get("withheld"), "withheld")),
        _package(whole.get("package")),
        _object(pipeline, "pipeline") if pipeline is not None else None,
        _text(whole.get("made_by", ""), "made_by"),
    )


def _job(found: Document, where: str, account: str, region: str) -> NotedJob:
    arn = _text(found.get("arn"), f"{where}.arn")
    parsed = arns.parse(arn)
    if (
        parsed is None
        or str(parsed) != f"arn:aws:sagemaker:{region}:{account}:{parsed.kind}/{parsed.name}"
        or parsed.kind not in KINDS
        or not _NAME.fullmatch(parsed.name)
    ):
        raise Malformed(f"{where}.arn: {arn!r} is not the ARN of a job of account {account} in {region}")
    tags = _object(found.get("tags"), f"{where}.tags")
    inputs = _pieces(found.get("inputs"), f"{where}.inputs")
    environment = _text(found.get("environment"), f"{where}.environment")
    if environment and not _ENVIRONMENT.fullmatch(environment):
        raise Malformed(f"{where}.environment: {environment!r} is not the name of an environment")
    status = _text(found.get("status"), f"{where}.status")
    if status not in FINAL:
        raise Malformed(f"{where}.status: {status[:80]!r} is not how a job ends")
    return NotedJob(
        arn,
        parsed.kind,
        parsed.name,
        status,
        _moment(found.get("created"), f"{where}.created"),
        _moment(found.get("ended"), f"{where}.ended"),
        _object(found.get("request"), f"{where}.request"),
        _object(found.get("document"), f"{where}.document"),
        environment,
        inputs,
        _pieces(found.get("outputs"), f"{where}.outputs"),
        {_text(name, f"{where}.tags"): _text(value, f"{where}.tags") for name, value in tags.items()},
    )


def _require_inputs(jobs: Sequence[NotedJob], blobs: Mapping[str, int]) -> None:
    """What was read is there, or a job of the bundle makes it."""
    written = {each for job in jobs for each in _keys(job.outputs)}
    for number, job in enumerate(jobs):
        for each, key in zip(job.inputs, _keys(job.inputs), strict=True):
            if blobs.get(each.blob) != each.size and (each.blob in blobs or key not in written):
                raise Malformed(f"jobs[{number}].inputs: the bytes of {each.uri} are not in the bundle")


def _keys(held: Sequence[Held]) -> list[tuple[str, str, str, int]]:
    return [(*each.place, each.blob, each.size) for each in held]


def _pieces(found: object, where: str) -> tuple[Held, ...]:
    return tuple(_piece(each, f"{where}[{number}]") for number, each in enumerate(_list(found, where)))


def _piece(found: object, where: str) -> Held:
    row = _list(found, where)
    if len(row) != 5:
        raise Malformed(f"{where}: five values are expected")
    channel, bucket, key = (_text(each, where) for each in row[:3])
    if not _BUCKET.fullmatch(bucket):
        raise Malformed(f"{where}: {bucket!r} is not the name of a bucket")
    if not key or len(key.encode(errors="surrogatepass")) > LONGEST_KEY:
        raise Malformed(f"{where}: {key[:40]!r} is not the key of an object")
    return Held(channel, bucket, key, _count(row[3], where), _hash(row[4], where))


def _target(found: Document) -> Target:
    def texts(name: str) -> tuple[str, ...]:
        return tuple(_text(each, f"target.{name}") for each in _list(found.get(name), f"target.{name}"))

    asked, kind = _text(found.get("asked"), "target.asked"), _text(found.get("kind"), "target.kind")
    return Target(asked, kind, texts("uris"), texts("jobs"), texts("notes"))


def _package(found: object) -> Package | None:
    if found is None:
        return None
    members = _object(found, "package")
    name = _text(members.get("name"), "package.name")
    group, slash, version = name.rpartition("/")
    if not _NAME.fullmatch(group if slash else name) or (slash and not re.fullmatch(r"[1-9]\d{0,8}", version)):
        raise Malformed(f"package.name: {name!r} is not the name of a model package")
    outer = members.get("group")
    if (outer is not None) != bool(slash):
        raise Malformed("package.group: a version has a group, and nothing else has one")
    return Package(
        name,
        _text(members.get("status"), "package.status"),
        _moment(members.get("created"), "package.created"),
        _object(members.get("document"), "package.document"),
        _object(outer, "package.group") if outer is not None else None,
    )


def _object(found: object, where: str) -> Document:
    if not isinstance(found, dict):
        raise Malformed(f"{where}: an object is expected")
    return found


def _list(found: object, where: str) -> Sequence[object]:
    if not isinstance(found, list | tuple):
        raise Malformed(f"{where}: a list is expected")
    return found


def _text(found: object, where: str) -> str:
    if not isinstance(found, str):
        raise Malformed(f"{where}: a text is expected")
    try:
        found.encode()
    except UnicodeEncodeError as error:
        raise Malformed(f"{where}: not a text: {error.reason}") from error
    return found


def _count(found: object, where: str) -> int:
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 1 << 50:
        raise Malformed(f"{where}: a size is expected")
    return found


def _moment(found: object, where: str) -> float:
    if not isinstance(found, int | float) or isinstance(found, bool) or not 0 <= found < 1 << 33:
        raise Malformed(f"{where}: a moment in seconds is expected")
    return float(found)


def _hash(found: object, where: str) -> str:
    if not isinstance(found, str) or not _HASH.fullmatch(found):
        raise Malformed(f"{where}: {str(found)[:80]!r} is not a SHA-256")
    return found


def _matching(pattern: re.Pattern[str], found: Document, name: str) -> str:
    text = found.get(name)
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise Malformed(f"{name}: {str(text)[:80]!r} is not one")
    return text
