"""Kombu's Redis transport, with a worker that outlives its Redis.

When Redis goes away while a task is at work, kombu gives the task's message back over a connection
it has just forgotten: an AttributeError, of which the worker dies ("Unrecoverable error"). Here it
is left where it is. Redis hands it out again after the visibility timeout, and what is due is
found in the database long before. Importing clinic.broker registers this as `redis://`.
"""

from typing import Any

from kombu.transport import redis


class QoS(redis.QoS):
    """What was handed out and not acknowledged yet."""

    def restore_unacked_once(self, stderr: Any = None) -> None:
        if self.channel.connection.client is None:
            self._on_collect.cancel()
            return
        super().restore_unacked_once(stderr)


class Channel(redis.Channel):
    QoS = QoS


class Transport(redis.Transport):
    Channel = Channel
