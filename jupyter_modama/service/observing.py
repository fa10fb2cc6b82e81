"""What those who run the service see of it: a log of one JSON object per line, and numbers for Prometheus.

Neither holds a token, the text of a request, or a path in the tree.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

FACTS = "modama_facts"  # of a log record: what it says beside its text


class JsonLines(logging.Formatter):
    """Each record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """As logging asks for it."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            **getattr(record, FACTS, {}),
        }
        if text := record.getMessage():
            line["says"] = text
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True)


def log_as_json() -> None:
    """Have everything that is logged written so, to the standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("tornado.access").setLevel(logging.CRITICAL)  # requests have lines of their own


class Numbers:
    """What is counted."""

    def __init__(self, streams: Callable[[], int], workers: Callable[[], tuple[int, int]]) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "modama_requests", "Requests by operation and status", ["operation", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "modama_request_seconds",
            "How long an answer took",
            ["operation"],
            buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100),
            registry=self.registry,
        )
        self.problems = Counter("modama_problems", "Errors by their code", ["code"], registry=self.registry)
        self.keeper = Gauge("modama_keeper_here", "Whether the keeper answers", registry=self.registry)
        self.hub = Gauge("modama_hub_here", "Whether the hub answers", registry=self.registry)
        told = Gauge("modama_event_streams", "Open streams of events", registry=self.registry)
        told.set_function(streams)
        busy = Gauge("modama_workers_busy", "Workers that read for somebody", registry=self.registry)
        busy.set_function(lambda: workers()[0])
        kept = Gauge("modama_workers_kept", "Workers that wait for the next question", registry=self.registry)
        kept.set_function(lambda: workers()[1])

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)
