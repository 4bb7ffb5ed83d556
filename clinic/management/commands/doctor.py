"""`manage.py doctor`: what is wrong with this installation, and how to mend it."""

import json
import logging
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand

from clinic import doctor
from clinic.doctor.findings import OK, PROBLEM, WARNING


class Command(BaseCommand):
    help = "Examine the installation: what is wrong, and how to mend it. Exits with 1 on a problem."
    # They are one of its examinations: a wrong setting is a line, not the end.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        # What the log would say stands in the findings, with the way to mend it.
        logging.disable(logging.WARNING)
        try:
            findings = list(doctor.examine())
        finally:
            logging.disable(logging.NOTSET)
        sound = all(finding.level != PROBLEM for _name, finding in findings)
        if options["json"]:
            rows = [
                {"check": name, "level": f.level, "what": f.what, "mend": f.mend}
                for name, f in findings
            ]
            self.stdout.write(json.dumps({"ok": sound, "findings": rows}, indent=2))
        else:
            paint = {OK: self.style.SUCCESS, WARNING: self.style.WARNING, PROBLEM: self.style.ERROR}
            for name, finding in findings:
                self.stdout.write(
                    f"{paint[finding.level](f'{finding.level:8}')} {name}: {finding.what}"
                )
                if finding.mend:
                    self.stdout.write(f"         → {finding.mend}")
        if not sound:
            sys.exit(1)
