"""Durable jobs on Oban: inserted with their cause, completed with their work, rescued by liveness."""

from sorbus.jobs.backoff import Backoff
from sorbus.jobs.component import Jobs
from sorbus.jobs.connection import SqlConnection
from sorbus.jobs.context import Handler, JobContext
from sorbus.jobs.cron import Cron, insert_due
from sorbus.jobs.insert import insert_job, insert_jobs
from sorbus.jobs.inspection import (
    CancelAnswer,
    JobRow,
    NodeRow,
    QueueCount,
    cancel_job,
    count_jobs,
    get_job,
    list_jobs,
    list_nodes,
    prune_jobs,
    retry_job,
)
from sorbus.jobs.install import install
from sorbus.jobs.leases import Lease, ack_many, held, lease_columns
from sorbus.jobs.new_job import JobRef, JobState, NewJob, UniqueScope
from sorbus.jobs.outcomes import Cancel, Done, Outcome, Retry, Snooze
from sorbus.jobs.runner import JobRunner
from sorbus.jobs.triggers import Trigger, Triggers, trigger
from sorbus.jobs.waker import Waker

__all__ = [
    "Jobs",
    "Trigger",
    "Triggers",
    "trigger",
    "install",
    "NewJob",
    "UniqueScope",
    "JobRef",
    "JobState",
    "insert_job",
    "insert_jobs",
    "Waker",
    "JobRunner",
    "Handler",
    "JobContext",
    "Done",
    "Snooze",
    "Cancel",
    "Retry",
    "Outcome",
    "Backoff",
    "Cron",
    "insert_due",
    "Lease",
    "lease_columns",
    "ack_many",
    "held",
    "count_jobs",
    "list_jobs",
    "get_job",
    "cancel_job",
    "retry_job",
    "prune_jobs",
    "list_nodes",
    "CancelAnswer",
    "JobRow",
    "NodeRow",
    "QueueCount",
    "SqlConnection",
]
