"""Schemathesis over /api/v1/openapi.json, with every check on, against a running site.

    make demo                                    # in another terminal
    python -m benchmarks.fuzz http://localhost:8000 --examples 500

Prints what was answered how often, and ends with 1 when anything was found. It books for real:
run it against a demo, whose throttles are high. A small, seeded run of the same is a test.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HOOKS = "benchmarks.fuzz_hooks"
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Found:
    """`clean`: nothing was found; `report`: what Schemathesis printed; `answered`: how many
    answers of each kind there were, such as "POST /api/v1/appointments 201".
    """

    clean: bool
    report: str
    answered: dict[str, int]


def fuzz(
    url: str,
    *,
    examples: int,
    seed: int,
    phases: str = "examples,coverage,fuzzing,stateful",
    only: str = "",
) -> Found:
    """Run every check of Schemathesis over the site at `url`, `examples` cases a call; over the
    calls whose path ends in `only`."""
    with tempfile.TemporaryDirectory() as folder:
        tally = Path(folder, "tally.json")
        options = {
            "checks": "all",
            "max-examples": str(examples),
            "seed": str(seed),
            "phases": phases,
            "warnings": "off",
            "include-path-regex": f"{only}$",
        }
        done = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                "run",
                f"{url.rstrip('/')}/api/v1/openapi.json",
                *(f"--{name}={value}" for name, value in options.items()),
                "--continue-on-failure",
                "--generation-deterministic",
                "--no-color",
            ],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "SCHEMATHESIS_HOOKS": HOOKS,
                "FUZZ_URL": url,
                "FUZZ_TALLY": str(tally),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        answered = json.loads(tally.read_text()) if tally.exists() else {}
        return Found(done.returncode == 0, done.stdout + done.stderr, answered)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url", nargs="?", default="http://localhost:8000")
    parser.add_argument("--examples", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    found = fuzz(asked.url, examples=asked.examples, seed=asked.seed)
    print(found.report)
    for kind, count in found.answered.items():
        print(f"{count:7,}  {kind}")
    return 0 if found.clean else 1


if __name__ == "__main__":
    sys.exit(main())
