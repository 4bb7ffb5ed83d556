"""Kombu's filesystem transport, with messages that appear whole or not at all.

Upstream creates the file and then writes it, so a poll in between reads an empty file, and the
worker dies of a JSONDecodeError ("Unrecoverable error", celery/kombu#1551). Here a message is
written beside its name and renamed into place, and a worker claims it by renaming it again.
Importing this module registers the transport as `files://`, and ours for `redis://`.
"""

import logging
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.encoding import bytes_to_str, str_to_bytes
from kombu.utils.json import dumps, loads

log = logging.getLogger(__name__)

Row = filesystem.exchange_queue_t


def replace_whole(path: Path, content: Any) -> None:
    """Write `content` as JSON to `path` in one step: readers see the old file or the new one."""
    tmp = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    tmp.write_bytes(str_to_bytes(dumps(content)))
    os.replace(tmp, path)


class Channel(filesystem.Channel):
    """A channel that several workers and publishers can share; overrides kombu's private hooks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for folder in (self.data_folder_in, self.data_folder_out, self.control_folder):
            # Messages may name people: nobody else on the machine reads them.
            Path(folder).mkdir(parents=True, exist_ok=True, mode=0o700)

    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:
        # Wall clock, zero-padded: first in, first out also across a reboot.
        name = f"{time.time_ns():020d}_{uuid.uuid4().hex}.{queue}.msg"
        replace_whole(Path(self.data_folder_out) / name, payload)

    def _get(self, queue: str) -> Any:
        folder = Path(self.data_folder_in)
        for name in sorted(os.listdir(folder)):
            if name.partition(".")[2] != f"{queue}.msg":
                continue
            # Inside the same folder, so that the rename is atomic: one worker wins.
            claimed = folder / f".{name}.{os.getpid()}.{uuid.uuid4().hex}"
            try:
                os.rename(folder / name, claimed)
            except FileNotFoundError:
                continue
            try:
                payload = loads(bytes_to_str(claimed.read_bytes()))
            except ValueError:
                log.exception("unreadable message set aside: %s", name)
                os.replace(claimed, folder / f"{name}.bad")
                continue
            claimed.unlink()
            return payload
        raise Empty

    @contextmanager
    def _table_lock(self) -> Iterator[None]:
        with (self.control_folder / ".lock").open("a") as file:
            filesystem.lock(file, filesystem.LOCK_EX)
            yield

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        row = Row(routing_key or "", pattern or "", queue or "")
        with self._table_lock():
            rows = self.get_table(exchange)
            if row not in rows:
                replace_whole(self._exchange_file(exchange), [row, *rows])

    def _delete(
        self, queue: str, exchange: str, routing_key: str, pattern: str, *args: Any, **kw: Any
    ) -> None:
        self._purge(queue)
        row = Row(routing_key or "", pattern or "", queue or "")
        with self._table_lock():
            rows = self.get_table(exchange)
            if row in rows:
                replace_whole(self._exchange_file(exchange), [r for r in rows if r != row])


class Transport(filesystem.Transport):
    """The transport behind `files://`."""

    Channel = Channel


TRANSPORT_ALIASES["files"] = "clinic.broker:Transport"
TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = "clinic.redis_broker:Transport"
