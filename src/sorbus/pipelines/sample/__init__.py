"""The sample data that ships with Sorbus: real mails with labels, and a few documents."""

from sorbus.pipelines.sample.files import documents_expected, labels, sample_documents, sample_mails

__all__ = ["documents_expected", "labels", "sample_documents", "sample_mails"]
