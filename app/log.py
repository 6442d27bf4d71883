"""Logging: one JSON line an event, a constant message with fields beside it, never contact data."""

import json
import logging
import sys
from datetime import UTC, datetime

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object; everything given as `extra` becomes a member."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": record.processName,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class _RepeatsRarely(logging.Filter):
    """Lets one (logger, message template) pass at most five times a second; clients flood when a server is away."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str], tuple[int, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        key = (record.name, str(record.msg))
        second = int(record.created)
        last, count = self._seen.get(key, (second, 0))
        count = count + 1 if last == second else 1
        if len(self._seen) > 1000:
            self._seen.clear()
        self._seen[key] = (second, count)
        return count <= 5


def set_up(process: str, level: str = "info") -> None:
    """Sends all logging to standard error as JSON lines that name this process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(_RepeatsRarely())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("aiokafka", "faust", "mode", "httpcore", "httpx", "websockets", "uvicorn.access"):
        logging.getLogger(chatty).setLevel("WARNING")

    def name(record: logging.LogRecord) -> bool:
        record.processName = process
        return True

    handler.addFilter(name)
