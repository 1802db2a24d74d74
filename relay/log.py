"""The log: a closed list of events and fields. It never has an id, key, filter, content, address or exception text.

A line is `event field=value ...` on standard error, without a time. A collector of the lines can add one.
"""

import logging
import sys
import threading
import traceback
from enum import StrEnum
from types import TracebackType
from typing import Any, TextIO

import stamina
import structlog


class LogEvent(StrEnum):
    """The closed list of log events."""

    STOPPING = "stopping"
    STOPPED = "stopped"
    MIGRATED = "migrated"
    POSTGRES_SETTING = "postgres_setting"
    WAITING_FOR_DATABASE = "waiting_for_database"
    DATABASE_LOST = "database_lost"
    INTERNAL_ERROR = "internal_error"
    FEW_OPEN_FILES = "few_open_files"
    TIERS_RELOADED = "tiers_reloaded"
    RELOAD_REFUSED = "reload_refused"
    HELD_NOTES_LOST = "held_notes_lost"
    HELD_NOTES_ELSEWHERE = "held_notes_elsewhere"
    ORDERS_LOST = "orders_lost"
    LIGHTNING_UNAVAILABLE = "lightning_unavailable"
    LIGHTNING_RECOVERED = "lightning_recovered"
    LIGHTNING_WARNING = "lightning_warning"
    INVOICES_ELSEWHERE = "invoices_elsewhere"
    INVOICE_UNKNOWN = "invoice_unknown"
    PAYMENT_UNMATCHED = "payment_unmatched"
    PREVIOUS_DONE = "lightning_previous_done"
    SELLING_STOPPED = "selling_stopped"
    SELLING_RESUMED = "selling_resumed"


FIELDS = frozenset({"name", "advice", "error", "where"})


class Log:
    """The writer of log lines."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._logger = structlog.wrap_logger(
            structlog.PrintLogger(stream or sys.stderr),
            processors=[structlog.processors.KeyValueRenderer(key_order=["event"], drop_missing=True)],
        )

    def write(self, event: LogEvent, **fields: str | int | float) -> None:
        """Write one line. Raises ValueError for a field that is not on the closed list."""
        if not fields.keys() <= FIELDS:
            raise ValueError("a log field is not on the closed list in relay/log.py")
        self._logger.msg(str(event), **fields)

    def write_error(self, event: LogEvent, error: BaseException, **fields: str | int | float) -> None:
        """Write the class of an exception, and its file and line. Never write its text, which can repeat a note."""
        leaf = _find_leaf(error)
        self.write(event, error=type(leaf).__name__, where=_find_place(leaf.__traceback__), **fields)

    def log_unhandled_errors(self) -> None:
        """Log unhandled exceptions as class and place. Python's own traceback would print the exception's text."""

        def hook(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
            self.write_error(LogEvent.INTERNAL_ERROR, error)

        sys.excepthook = hook
        threading.excepthook = lambda args: hook(args.exc_type, args.exc_value or SystemExit(), args.exc_traceback)
        sys.unraisablehook = lambda args: hook(args.exc_type, args.exc_value or SystemExit(), args.exc_traceback)

    def write_loop_error(self, _: object, context: dict[str, Any]) -> None:
        """Log an exception of a task or callback that nothing handled; this is an event loop's exception handler."""
        error = context.get("exception")
        if isinstance(error, BaseException):
            self.write_error(LogEvent.INTERNAL_ERROR, error)
        else:
            self.write(LogEvent.INTERNAL_ERROR)


def _find_leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _find_place(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    if not frames:
        return "unknown"
    # A reader can act on the innermost line of our own code. Below it are only libraries.
    own = [frame for frame in frames if "/relay/" in frame.filename.replace("\\", "/")]
    frame = (own or frames)[-1]
    return f"{frame.filename.replace(chr(92), '/').rpartition('/')[2]}:{frame.lineno}"


def silence_libraries() -> None:
    """Keep libraries from logging: websockets logs addresses and frames, asyncio and stamina the texts of exceptions."""
    stamina.instrumentation.set_on_retry_hooks([])
    # Also for loggers that a library may add later, and for Python's handler of last resort.
    logging.disable(logging.CRITICAL)
    logging.lastResort = None
