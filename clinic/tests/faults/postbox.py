"""A mail server in a process of its own, which outlives every worker that is killed.

    python -m clinic.tests.faults.postbox FOLDER

Writes its port into FOLDER/port, and a line of JSON into FOLDER/letters for each mail, before it
tells the sender that it took it.
"""

import json
import signal
import sys
from pathlib import Path
from typing import TextIO

from clinic.tests import smtp


class Ledger(list[smtp.Letter]):
    def __init__(self, file: TextIO) -> None:
        super().__init__()
        self.file = file

    def append(self, letter: smtp.Letter) -> None:
        message = letter.message
        said = {name.lower(): str(message[name]) for name in ("Message-ID", "To", "Subject")}
        self.file.write(json.dumps(said) + "\n")
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
