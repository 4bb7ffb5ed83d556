"""`manage.py audit`: does the database keep what the clinic was promised?"""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from bookings import audit
from bookings.promises import CHECKS


class Command(BaseCommand):
    help = "Check the diary against its promises, in SQL, without writing anything."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        with audit.reading_only():
            found = audit.findings()
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in found]))
        else:
            self._tell(found)
        if found:
            sys.exit(1)

    def _tell(self, found: list[audit.Finding]) -> None:
        for finding in found:
            self.stdout.write(f"{finding.check}: {finding.total}. {finding.says}")
            for line in finding.lines:
                self.stdout.write(f"  {line}")
            if finding.total > len(finding.lines):
                self.stdout.write(f"  and {finding.total - len(finding.lines)} more")
        checked = len(CHECKS) + 1
        self.stdout.write(f"{checked} promises checked, {checked - len(found)} kept.")
