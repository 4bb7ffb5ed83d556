"""`manage.py demo_data`: the invented clinic, to look at, to try things on, to measure with."""

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from clinic.demo import load, logins

LARGEST_SCALE = 50


class Command(BaseCommand):
    help = "Load the invented demo clinic. Safe to run twice: the second run changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--scale",
            type=int,
            default=1,
            metavar="N",
            help="N times as many practitioners, rooms, patients and appointments (1 to 50)",
        )
        parser.add_argument(
            "--logins", action="store_true", help="print the demo's logins and do nothing else"
        )
        parser.add_argument(
            "--force",
            action="store_true",
            help="load it with DEBUG off too; its passwords are known to everybody",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.is_quiet = options["verbosity"] == 0
        if options["logins"]:
            self._logins()
            return
        if not 1 <= options["scale"] <= LARGEST_SCALE:
            raise CommandError(f"--scale goes from 1 to {LARGEST_SCALE}.")
        if not settings.DEBUG and not options["force"]:
            raise CommandError(
                "DEBUG is off, so this may be a real site, and the demo's passwords are public. "
                "Use --force if you mean it."
            )
        began = time.monotonic()
        try:
            written = load.load(scale=options["scale"], say=self._say)
        except load.NotEmpty as refused:
            raise CommandError(str(refused.sentence)) from None
        if written:
            self._say(f"The demo clinic is ready ({time.monotonic() - began:.1f} s).")
        else:
            self._say("The demo clinic is here already; nothing was changed.")
        self._logins()

    def _say(self, line: str) -> None:
        if not self.is_quiet:
            self.stdout.write(line)
            self.stdout.flush()

    def _logins(self) -> None:
        self._say(f"Logins (password for all: {logins.PASSWORD})")
        for username, what in logins.usernames():
            self._say(f"  {username:<10} {what}")
