"""A mail server in a process of its own, which outlives every worker that is killed.

    python -m clinic.tests.faults.postbox FOLDER

Writes its port into FOLDER/port, and a line of JSON into FOLDER/letters for each mail, before it
tells the sender that it took it: who it is for, its names, and when that was (seconds since 1970).
"""

import json
import signal
import sys
import time
from email import policy
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import TextIO

from clinic.tests import smtp


class Ledger(list[smtp.Letter]):
    """Keeps no letters: ten thousand would fill the memory."""

    def __init__(self, file: TextIO) -> None:
        super().__init__()
        self.file = file

    def append(self, letter: smtp.Letter) -> None:
        head = BytesHeaderParser(policy=policy.default).parsebytes(letter.raw)
        said = {name.lower(): str(head[name]) for name in ("Message-ID", "To", "Subject")}
        self.file.write(json.dumps({**said, "at": time.time()}) + "\n")
        self.file.flush()


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with smtp.running() as server, (folder / "letters").open("a") as file:
        server.letters = Ledger(file)
        (folder / "port.new").write_text(str(server.port))
        (folder / "port.new").rename(folder / "port")
        signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
