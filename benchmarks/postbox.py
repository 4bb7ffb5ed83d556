"""`python -m benchmarks.postbox FOLDER`: a mail server in a process of its own, which counts.

Writes its port to FOLDER/port; when it is ended, FOLDER/letters.json has each letter's
Message-ID, recipient and the moment at which it was taken (seconds since 1970).
"""

import json
import re
import signal
import sys
import threading
import time
from pathlib import Path

from clinic.tests import smtp

MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.MULTILINE | re.IGNORECASE)


class Taken(list[smtp.Letter]):
    """Keeps of each letter what is counted, not its words: ten thousand would fill the memory."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, float]] = []

    def append(self, letter: smtp.Letter) -> None:
        found = MESSAGE_ID.search(letter.raw)
        name = found[1].decode() if found else ""
        self.seen.append((name, ",".join(letter.recipients), time.time()))


def main() -> None:
    folder, enough = Path(sys.argv[1]), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: enough.set())
    with smtp.running() as server:
        server.letters = taken = Taken()
        (folder / "port").write_text(str(server.port))
        enough.wait()
        (folder / "letters.json").write_text(json.dumps(taken.seen))


if __name__ == "__main__":
    main()
