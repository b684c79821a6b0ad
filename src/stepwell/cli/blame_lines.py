"""What `stepwell blame` prints: an Origin in lines for people. Pure.

Names, URIs and parameters come from clients: all of them pass `printable`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from stepwell.cli.data_folder import moment_text, printable, short_arn, size_text
from stepwell.cli.watch_words import duration
from stepwell.machines.job_lineage import FETCHED_CODE
from stepwell.services.sagemaker.origins import JobOrigin, Maker, Origin, PackageOrigin, Source

LABEL = 17
HASH = 12
"""So much of a hash is shown: enough for `stepwell recall`."""
MOST_OF_CHANNEL = 8
"""Objects of one input or output that are shown."""
LONGEST_VALUE = 60
ASSUMED = "assumed-role/"
OF_SDK = "sagemaker_"
CHANNELS = {FETCHED_CODE: "code"}
"""Channels that are called otherwise than they are noted."""


def lines(found: Origin) -> Iterator[str]:
    """All lines."""
    if found.package is not None:
        yield from _package(found.package)
    if found.objects:
        yield from _objects(found.objects)
    if found.left_off:
        yield f"  ... and {found.left_off:,} more"
    for index, job in enumerate(found.jobs):
        if found.package is not None or found.objects or index:
            yield ""
        yield from _job(job, "made by " if found.package is not None or found.objects else "")


def _package(package: PackageOrigin) -> Iterator[str]:
    yield f"model package {printable(short_arn(package.arn).partition('/')[2])}  {package.status}"
    yield _line("registered", f"{moment_text(package.created)}{_by(package.by)}")
    for each in package.approvals:
        said = f": {printable(each.description)}" if each.description else ""
        yield _line("approval", f"{each.status} {moment_text(each.moment)}{_by(each.by)}{said}")
    for name, value in package.metadata.items():
        yield _line(_words(name), printable(short_arn(value)))
    for label, sources in (("model", package.models), ("names too", package.others)):
        for source in sources:
            yield from _source(source, label, 1)


def _job(job: JobOrigin, how: str) -> Iterator[str]:
    kind, _, name = short_arn(job.arn).partition("/")
    took = f", {duration(job.ended - job.created)}" if job.ended is not None else ""
    yield f"{how}{kind.replace('-', ' ')} {printable(name)}  {job.status}{took}"
    yield _line("when", moment_text(job.created))
    if job.execution:
        run = short_arn(job.execution).removeprefix("pipeline/").replace("/execution/", "/")
        step = f"{job.step} of " if job.step else ""
        yield _line("step", f"{printable(step)}execution {printable(run)}{_by(job.started_by, 'started by')}")
    if job.reason:
        yield _line("reason", printable(job.reason))
    yield from _pairs("parameters", job.parameters)
    yield _line("image", printable(job.image))
    yield _line("environment", printable(job.environment) or "what the image brings")
    if job.code is not None:
        if job.code.uri:
            yield _line("code", f"{printable(job.code.uri)}  {job.code.hash[:HASH]}")
        if job.code.entry:
            yield _line("entry", _shortened(job.code.entry))
    if job.instances:
        yield _line("instances", job.instances)
    yield _line("role", printable(_identity(job.role)))
    yield from _pairs("hyperparameters", _own(job.hyperparameters))
    yield from _pairs("variables", job.variables)
    if not job.is_noted:
        yield _line("read", "not known: the job never had its data, or ran before this was noted")
        return
    yield from _channels("read", job.read)
    yield from _channels("wrote", job.wrote)


def _channels(label: str, sources: Iterable[Source]) -> Iterator[str]:
    by_channel: dict[str, list[Source]] = {}
    for source in sources:
        by_channel.setdefault(source.channel, []).append(source)
    yield f"  {label}" if by_channel else _line(label, "nothing")
    for channel, held in by_channel.items():
        # what is not as it was comes first: it is why one asks
        for source in sorted(held, key=lambda each: each.now == "same")[:MOST_OF_CHANNEL]:
            yield from _source(source, CHANNELS.get(channel, channel), 2)
        if len(held) > MOST_OF_CHANNEL:
            size = size_text(sum(each.size for each in held))
            yield f"    ... {len(held):,} objects in all, {size}: --json names every one"


def _objects(sources: Iterable[Source]) -> Iterator[str]:
    for source in sources:
        yield from _source(source, "", 0)


def _source(source: Source, label: str, depth: int) -> Iterator[str]:
    indent = "  " * depth
    name = f"{printable(label):{LABEL - 2 * depth}} " if label else ""
    known = f"{size_text(source.size)}  {source.hash[:HASH]}" if source.hash else "not known"
    now = "" if source.now == "same" and not depth else f"  {_now(source)}"  # what is asked about lies there
    yield f"{indent}{name}{printable(source.uri)}"
    further = " " * (len(indent) + len(name)) if label else "  "
    yield f"{further}{known}{now}"
    if source.maker is not None:
        yield f"{further}{_maker(source.maker)}"


def _now(source: Source) -> str:
    if source.now == "same":
        return "unchanged"
    if not source.hash:
        return "nothing lies there now"
    kept = "these bytes are kept" if source.is_kept else "these bytes are gone"
    if source.now == "changed" and source.changed is not None:
        return f"CHANGED SINCE: other bytes since {moment_text(source.changed)}; {kept}"
    return f"DELETED SINCE; {kept}"


def _maker(maker: Maker) -> str:
    if maker.arn:
        step = f" (step {printable(maker.step)})" if maker.step else ""
        how = "made by" if maker.is_there else "a copy: the same bytes were made elsewhere by"
        return f"{how} {printable(short_arn(maker.arn))}{step}"
    if maker.moment is not None:
        return f"made by no job: put {moment_text(maker.moment)} by a client; S3 does not record who"
    return "made by no job that is known"


def _own(hyperparameters: Mapping[str, str]) -> dict[str, object]:
    """Without those by which the SDK talks to its toolkit: what they say is said as code and entry."""
    return {name: value for name, value in hyperparameters.items() if not name.startswith(OF_SDK)}


def _pairs(label: str, values: Mapping[str, object]) -> Iterator[str]:
    for index, (name, value) in enumerate(values.items()):
        yield _line("" if index else label, f"{printable(name)} = {_shortened(str(value))}")


def _line(label: str, text: str) -> str:
    return f"  {label:{LABEL - 2}} {text}"


def _by(arn: str, word: str = "by") -> str:
    return f"{', started by ' if word != 'by' else ' by '}{printable(_identity(arn))}" if arn else ""


def _identity(arn: str) -> str:
    """`SageMakerRole/tester` of a session's ARN."""
    return short_arn(arn).removeprefix(ASSUMED)


def _shortened(text: str) -> str:
    clean = printable(text)
    return clean if len(clean) <= LONGEST_VALUE else clean[: LONGEST_VALUE - 3] + "..."


def _words(member: str) -> str:
    """`generated by` of GeneratedBy."""
    return "".join(f" {each.lower()}" if each.isupper() else each for each in member).strip()
