"""Room runtime: taking the result of an earlier run. In: a step about to begin, and what it will ask for. Out: its
row, with the key by which later runs find it; ended as Succeeded when there is an earlier result. Spec 02, section 8.
"""

from __future__ import annotations

from dataclasses import replace

from stepwell.base.documents import Document
from stepwell.machines import pipeline_cache as cache
from stepwell.runtime.step_contexts import Context, Prepared
from stepwell.services.sagemaker.pipelines import pipeline_arn
from stepwell.steps import cache_keys
from stepwell.store import object_digests, steps
from stepwell.store.steps import Step


def keyed(context: Context, step: Step, prepared: Prepared) -> Step:
    """The step with its key attributes; unchanged when its type is never cached, or the step is part of a loop."""
    defined, session = context.defined(step), context.session
    paths = cache_keys.of(defined.type)
    if not paths or step.turn is not None:
        return step
    attributes = cache.attributes(prepared.key_source, paths)
    arn = pipeline_arn(session.scope, session.row.key.parent)
    data = _data(context, step, attributes)
    compared = cache.by_content(attributes, data) if context.door.site.cache == "content" else attributes
    key = cache.digest(arn, step.name, defined.type, compared)
    return replace(step, cache_key=key, attributes={**attributes, **({cache.DATA: data} if data else {})})


def hit(context: Context, step: Step, now: float) -> Step | None:
    """The step as ended by an earlier result; None: it asks for none, or there is none."""
    config = context.defined(step).cache
    if config is None or not config.enabled or step.cache_key is None:
        return None
    oldest = now - config.expires_after if config.expires_after is not None else 0.0
    with context.door.site.database.read() as connection:
        found = steps.newest_success(connection, step.cache_key, oldest)
    if found is None:
        return None
    taken = replace(step, metadata=found.metadata, source=found.execution, cache_key=None)
    return taken.with_end("Succeeded", now, properties=found.properties)


def _data(context: Context, step: Step, attributes: Document) -> dict[str, str]:
    """URI -> digest of what lies there, of a step that may be cached: decides where content is compared, and tells
    those who ask later why it ran."""
    config = context.defined(step).cache
    uris = cache.data_uris(attributes) if config is not None and config.enabled else []
    if not uris:
        return {}
    with context.door.site.database.read() as connection:
        found = {uri: object_digests.of_uri(connection, context.session.scope.account, uri) for uri in uris}
    return {uri: digest for uri, digest in found.items() if digest is not None}
