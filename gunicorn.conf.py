"""How gunicorn serves the site; gunicorn reads this file from the folder it is started in.

WEB_WORKERS processes of WEB_THREADS threads each: pages wait for the database, not for the CPU.
Each process has its own pool of DATABASE_POOL connections.
"""

import os

bind = os.environ.get("WEB_BIND", "127.0.0.1:8000")
worker_class = "gthread"
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
timeout = 30
graceful_timeout = 20
keepalive = 5
# Leaks of a library, if there is one, end with the process; not all at the same moment.
max_requests = 10_000
max_requests_jitter = 1_000
# Heartbeats in memory: on a busy disk a worker must not look dead.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
# No access log: our addresses carry the tokens that open patients' pages.
accesslog = None
# Its own lines look like the site's, and hide the same.
_debug = os.environ.get("DEBUG", "").lower() in ("1", "true", "yes", "on")
logconfig_dict = {
    "formatters": {
        "generic": {
            "()": f"clinic.logs.{'Plain' if _debug else 'Json'}Formatter",
            **({"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"} if _debug else {}),
        }
    },
    "loggers": {"gunicorn.error": {"handlers": ["error_console"], "propagate": False}},
}
control_socket_disable = True
