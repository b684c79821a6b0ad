"""Contexts: what groups other entities, such as an endpoint or a model package group. Spec 04, section 3."""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import lineage_nouns
from stepwell.services.sagemaker.lineage_rows import CONTEXT


@operation
def create_context(call: Call, request: Document) -> Document:
    return lineage_nouns.create(call, CONTEXT, request, request["ContextName"])


@operation
def describe_context(call: Call, request: Document) -> Document:
    return lineage_nouns.describe(call, CONTEXT, request)


@operation
def list_contexts(call: Call, request: Document) -> Document:
    return lineage_nouns.listed(call, CONTEXT, request)


@operation
def update_context(call: Call, request: Document) -> Document:
    return lineage_nouns.update(call, CONTEXT, request)


@operation
def delete_context(call: Call, request: Document) -> Document:
    return lineage_nouns.delete(call, CONTEXT, request["ContextName"])
