"""A mail server of one thread, for tests: it speaks SMTP, keeps what it took, refuses on demand."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

OK = "250 fine"
# No answer to "BYE", which nobody says: after a message the server ends the connection.
HANG_UP_AFTER = ""


@dataclass
class Letter:
    """One message as it came over the wire: to whom it was addressed, and its bytes."""

    recipients: list[str]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)  # type: ignore[return-value]


@dataclass
class Server:
    port: int = 0
    letters: list[Letter] = field(default_factory=list)
    # What the server says to the next ones, by command; when there is nothing left it says OK.
    answers: dict[str, list[str]] = field(default_factory=dict)
    # How many connections there were.
    greetings: int = 0

    def answer(self, command: str) -> str:
        waiting = self.answers.get(command)
        return waiting.pop(0) if waiting else OK


@contextmanager
def running() -> Iterator[Server]:
    """The server on a free port of this machine, until the block is left."""
    server = Server()

    class Handler(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def handle(self) -> None:
            server.greetings += 1
            self.say("220 mail.example.org")
            recipients: list[str] = []
            for line in self.rfile:
                command = line.split(b" ")[0].strip().decode().upper()
                if command == "QUIT":
                    self.say("221 bye")
                    return
                answer = server.answer(command)
                if command == "DATA" and answer == OK:
                    self.say("354 go on")
                    lines = list(iter(self.rfile.readline, b".\r\n"))
                    raw = b"".join(x[1:] if x.startswith(b".") else x for x in lines)
                    server.letters.append(Letter(recipients, raw))
                    recipients = []
                elif command == "RCPT" and answer == OK:
                    recipients.append(line.decode().partition("<")[2].partition(">")[0])
                self.say(answer)
                if command == "DATA" and server.answer("BYE") == HANG_UP_AFTER:
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as tcp:
        tcp.daemon_threads = True
        server.port = tcp.server_address[1]
        threading.Thread(target=tcp.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        tcp.shutdown()
