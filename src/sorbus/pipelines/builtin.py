"""The pipelines that come with Sorbus: `email_analysis` and `document_extraction`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from sorbus.llm.client import ModelClient
from sorbus.llm.tasks import Classification, Entities, Summary, classify_mail, extract_entities, summarize
from sorbus.pipelines.definition.given import StageContent, StageContext
from sorbus.pipelines.definition.pipeline import Pipeline
from sorbus.pipelines.definition.stages import stage
from sorbus.pipelines.sources import ParsedDocument, parse_document, quoted_reply_removed
from sorbus.resource import action
from sorbus.resource.model import Resource
from sorbus.resource.policies import Policies, actor_present, authorize_if, policy
from sorbus.scope import Scope


class EmailAnalysis(Resource):
    """The stages of `email_analysis`."""

    @action.generic
    @classmethod
    async def extract(cls, scope: Scope, content: StageContent) -> Entities:
        """The people, organisations, dates and action items that a mail names."""
        at = scope.get(StageContext)
        return await extract_entities(
            scope.get(ModelClient), _said(content), headers=_headers(content), stage=at.stage, run=at.run_id
        )

    @action.generic
    @classmethod
    async def classify(cls, scope: Scope, content: StageContent) -> Classification:
        """The mail's class: support, sales or general."""
        at = scope.get(StageContext)
        return await classify_mail(
            scope.get(ModelClient), _said(content), subject=content.title, stage=at.stage, run=at.run_id
        )

    @action.generic
    @classmethod
    async def summarize(cls, scope: Scope, content: StageContent) -> Summary:
        """The mail in a sentence or two."""
        at = scope.get(StageContext)
        return await summarize(
            scope.get(ModelClient), _said(content), headers=_headers(content), stage=at.stage, run=at.run_id
        )

    policies = Policies(policy("generic", authorize_if(actor_present())))


class DocumentExtraction(Resource):
    """The stages of `document_extraction`."""

    @action.generic
    @classmethod
    async def parse(cls, scope: Scope, content: StageContent) -> ParsedDocument:
        """The document's structure: title, sections, tables, labelled values."""
        return parse_document(content.text, str(content.metadata.get("text_media_type", "text/plain")))

    @action.generic
    @classmethod
    async def extract(cls, scope: Scope, content: StageContent, parse: ParsedDocument) -> Entities:
        """The people, organisations, dates and action items that the document names."""
        at = scope.get(StageContext)
        headers = {"Subject": parse.title} if parse.title else {}
        return await extract_entities(
            scope.get(ModelClient), content.text, headers=headers, stage=at.stage, run=at.run_id
        )

    policies = Policies(policy("generic", authorize_if(actor_present())))


def _said(content: StageContent) -> str:
    """What the writer of a mail says, without the history that it quotes."""
    return quoted_reply_removed(content.text) or content.text


def _headers(content: StageContent) -> Mapping[str, str]:
    metadata: Mapping[str, Any] = content.metadata
    sender = metadata.get("from")
    return {"From": sender if isinstance(sender, str) else _address(sender), "Subject": content.title}


def _address(sender: Any) -> str:
    if isinstance(sender, dict):
        named = cast("dict[str, Any]", sender)
        return f"{named.get('name') or ''} <{named.get('address') or ''}>".strip()
    return ""


email_analysis = Pipeline(
    "email_analysis",
    description="Extract what a mail names, classify it, summarise it.",
    stages=[stage(EmailAnalysis.extract), stage(EmailAnalysis.classify), stage(EmailAnalysis.summarize)],
)

document_extraction = Pipeline(
    "document_extraction",
    description="Parse a document and extract what it names.",
    stages=[stage(DocumentExtraction.parse), stage(DocumentExtraction.extract)],
)

BUILTIN = (email_analysis, document_extraction)
