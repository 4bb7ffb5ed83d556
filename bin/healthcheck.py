"""The container's health check of the web server: exit 0 when /readyz answers 200.

The request names a host of ALLOWED_HOSTS, for the site answers to no other.
"""

import os
import sys
import urllib.error
import urllib.request


def main() -> int:
    """Ask once; print what is wrong."""
    host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".") or "localhost"
    port = os.environ.get("WEB_BIND", "127.0.0.1:8000").rpartition(":")[2]
    address = f"http://127.0.0.1:{port}/readyz"
    request = urllib.request.Request(address, headers={"Host": host.replace("*", "localhost")})
    try:
        with urllib.request.urlopen(request, timeout=4):  # noqa: S310
            return 0
    except urllib.error.HTTPError as error:
        print(error.code, error.read(500).decode(errors="replace"))
    except OSError as error:
        print(error)
    return 1


if __name__ == "__main__":
    sys.exit(main())
