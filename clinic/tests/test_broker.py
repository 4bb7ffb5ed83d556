"""The filesystem broker under load: nothing lost, nothing doubled, nobody dies of half a message.

kombu's own filesystem transport fails the storm (celery/kombu#1551); move the pin on kombu only
with this file passing.
"""

import json
import multiprocessing
import os
import time
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection
from kombu.transport import filesystem

from clinic import broker

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(autouse=True)
def forgotten_bindings() -> None:
    """kombu remembers per process which queues it has bound; each test here has its own folder."""
    filesystem.Transport.global_state.clear()


def connect(folder: Path) -> Connection:
    options = {
        "data_folder_in": str(folder / "messages"),
        "data_folder_out": str(folder / "messages"),
        "control_folder": str(folder / "control"),
        "polling_interval": 0.01,
    }
    return Connection("files://", transport_options=options)


def publish(folder: Path, name: str, count: int, padding: int) -> None:
    with connect(folder) as connection, connection.SimpleQueue("celery") as queue:
        for number in range(count):
            queue.put({"name": f"{name}-{number}", "padding": "x" * padding})


def consume(folder: Path, stop: Path, result: Path) -> None:
    names = []
    with connect(folder) as connection, connection.SimpleQueue("celery") as queue:
        while True:
            last = stop.exists()
            try:
                message = queue.get(block=False)
            except Empty:
                if last:
                    break
                time.sleep(0.002)
                continue
            names.append(message.payload["name"])
            message.ack()
    result.write_text(json.dumps(names))


def run(*processes: SPAWN.Process) -> None:
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0


@pytest.mark.race
def test_a_storm_loses_and_doubles_nothing(tmp_path):
    stop = tmp_path / "stop"
    readers = [
        SPAWN.Process(target=consume, args=(tmp_path, stop, tmp_path / f"read-{n}"))
        for n in range(3)
    ]
    for reader in readers:
        reader.start()
    run(
        *(SPAWN.Process(target=publish, args=(tmp_path, f"small-{n}", 150, 1_000)) for n in "abc"),
        SPAWN.Process(target=publish, args=(tmp_path, "large", 30, 500_000)),
    )
    stop.touch()
    for reader in readers:
        reader.join(60)
        assert reader.exitcode == 0, "a reader died"
    read = [name for n in range(3) for name in json.loads((tmp_path / f"read-{n}").read_text())]
    assert len(read) == 3 * 150 + 30
    assert len(set(read)) == len(read)
    assert not list((tmp_path / "messages").iterdir()), "nothing is left behind"


@pytest.mark.race
def test_publishers_may_all_start_on_an_empty_folder(tmp_path):
    run(*(SPAWN.Process(target=publish, args=(tmp_path, n, 10, 10)) for n in "abcdef"))
    with connect(tmp_path) as connection, connection.SimpleQueue("celery") as queue:
        assert queue.qsize() == 60


def test_first_in_first_out(tmp_path):
    publish(tmp_path, "m", 5, 0)
    with connect(tmp_path) as connection, connection.SimpleQueue("celery") as queue:
        got = [queue.get(block=False) for _ in range(5)]
        assert [m.payload["name"] for m in got] == [f"m-{n}" for n in range(5)]
        for message in got:
            message.ack()


def test_half_a_message_is_set_aside_and_the_next_one_read(tmp_path):
    publish(tmp_path, "good", 1, 0)
    (tmp_path / "messages" / "00000000000000000001_x.celery.msg").write_text('{"half":')
    with connect(tmp_path) as connection, connection.SimpleQueue("celery") as queue:
        message = queue.get(block=False)
        assert message.payload["name"] == "good-0"
        message.ack()
    assert [f.name for f in (tmp_path / "messages").glob("*.bad")]


def test_upstream_would_have_died_of_it(tmp_path):
    """The control: without our claim the same half message is an error that ends the worker."""
    publish(tmp_path, "good", 1, 0)
    (tmp_path / "messages" / "00000000000000000001_x.celery.msg").write_text('{"half":')
    with connect(tmp_path) as connection, connection.channel() as channel:
        with pytest.raises(json.JSONDecodeError):
            filesystem.Channel._get(channel, "celery")


def test_deleting_a_queue_takes_its_row_and_leaves_the_others(tmp_path):
    with connect(tmp_path) as connection, connection.channel() as channel:
        for queue in ("one", "two"):
            channel._queue_bind("direct", queue, "", queue)
        channel._queue_bind("direct", "one", "", "one")
        assert sorted(row.queue for row in channel.get_table("direct")) == ["one", "two"]
        channel._delete("one", "direct", "one", "")
        assert [row.queue for row in channel.get_table("direct")] == ["two"]


def test_nobody_else_on_the_machine_reads_the_messages(tmp_path):
    publish(tmp_path, "m", 1, 0)
    assert os.stat(tmp_path / "messages").st_mode & 0o077 == 0


def test_the_transport_is_the_one_settings_name():
    with Connection("files://") as connection:
        assert connection.get_transport_cls() is broker.Transport
