"""`make test`: the same tests on both engines, and a plain word on what ran and what did not.

First on SQLite with the filesystem broker, then on PostgreSQL with Redis: those of
TEST_DATABASE_URL and TEST_REDIS_URL, else what answers on this machine, else what can be started
here for the length of the run. What is missing is skipped and said; with CI=true it is a failure.
Arguments go to pytest.
"""

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from services import find_postgres, find_redis

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The site's own variables: a test run must not inherit those of a site on the same machine.
OURS = ("DATABASE_", "REDIS_", "EMAIL_", "THROTTLE_", "SECRET_KEY", "SITE_URL", "ALLOWED_HOSTS")
OURS += ("DEBUG", "HTTPS", "TRUSTED_PROXIES", "HOLD_MINUTES", "FRIENDLY_ERRORS", "LOG_LEVEL")
OURS += ("METRICS_TOKEN",)
OURS += ("DJANGO_SETTINGS_MODULE", "TIME_ZONE", "STATIC_ROOT", "CSRF_TRUSTED_ORIGINS")
# pytest's code for "no test was chosen": fine for `make test ARGS="-k words"`.
NOTHING_CHOSEN = 5


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def find_browser() -> str:
    """Return the path of a Chromium, installed now if need be and possible, or an empty string."""
    for attempt in (1, 2):
        for name in (os.environ.get("CHROMIUM", ""), *BROWSERS):
            if name and (path := shutil.which(name)):
                return path
        may_install = os.geteuid() == 0 and shutil.which("apt-get")
        if attempt == 1 and may_install:
            print("No Chromium found; installing it ...", flush=True)
            subprocess.run(["make", "browser"], cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
    return ""


def run(title: str, arguments: list[str], environment: dict[str, str]) -> int:
    """Run pytest once; return its exit code."""
    print(f"\n===== {title} =====", flush=True)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    chosen = ["-n", "2", "--dist", "loadfile"] if "-n" not in arguments else []
    command = [sys.executable, "-m", "pytest", *chosen, *arguments]
    return subprocess.run(command, cwd=ROOT, env=clean | environment, check=False).returncode


def main(arguments: list[str]) -> int:
    """Run everything that can be run; return 0 if all of it passed and nothing owed is missing."""
    lines: list[str] = []
    failed = False

    def note(line: str, *, bad: bool = False) -> None:
        nonlocal failed
        failed = failed or bad
        lines.append(line)

    def record(title: str, code: int) -> None:
        ok = code == 0 or (code == NOTHING_CHOSEN and bool(arguments))
        note(f"{title}: {'passed' if ok else 'FAILED'}", bad=not ok)

    browser = find_browser()
    base = {"CHROMIUM": browser} if browser else {}
    var = Path(os.environ.get("VAR_DIR") or ROOT / "var" / "test")
    with ExitStack() as stack:
        files = base | {"VAR_DIR": str(var / "files")}
        record("SQLite + filesystem broker", run("SQLite + files", arguments, files))

        postgres, why_no_postgres = find_postgres(stack)
        redis, why_no_redis = find_redis(stack)
        if postgres and redis:
            # What knows neither database nor broker has passed or failed already.
            again = arguments if "-m" in arguments else [*arguments, "-m", "not once"]
            servers = base | {"VAR_DIR": str(var / "servers")}
            servers |= {"DATABASE_URL": postgres, "REDIS_URL": redis}
            record("PostgreSQL + Redis", run("PostgreSQL + Redis", again, servers))
        else:
            why = "; ".join(filter(None, (why_no_postgres, why_no_redis)))
            note(f"PostgreSQL + Redis: NOT RUN ({why})", bad=in_ci())
    if browser:
        note(f"Browser tests: with {browser}")
    else:
        note("Browser tests: NOT RUN (no Chromium; `make browser` installs one)", bad=in_ci())

    print("\n===== What ran =====")
    print("\n".join(lines), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
