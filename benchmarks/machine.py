"""`python -m benchmarks.machine`: random days of a small clinic, for long, on both engines.

The state machine of bookings/tests/test_machine.py with so many runs of sixty steps (--examples
500), each time other ones, and with every control: each clinic that is broken on purpose must be
found out. What fails is made smaller and printed with a seed.
"""

import argparse
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bin"))

from services import find_postgres, find_redis


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.machine")
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], help="this one alone")
    options = parser.parse_args()
    clean = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    clean["MACHINE_EXAMPLES"] = str(options.examples)
    failed = False
    with ExitStack() as stack:
        for engine in [options.engine] if options.engine else ["sqlite", "postgresql"]:
            environment = {**clean, "VAR_DIR": str(ROOT / "var" / "machine" / engine)}
            if engine == "postgresql":
                address, problem = find_postgres(stack)
                broker, no_broker = find_redis(stack)
                if problem or no_broker:
                    sys.exit(f"PostgreSQL: not run ({problem or no_broker})")
                environment |= {"DATABASE_URL": address, "REDIS_URL": broker}
            print(f"===== {engine}", flush=True)
            command = [sys.executable, "-m", "pytest", "-q", "--durations=0"]
            command.append("bookings/tests/test_machine.py")
            done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
            failed |= bool(done.returncode)
    sys.exit(failed)


if __name__ == "__main__":
    main()
