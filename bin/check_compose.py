"""Check docker-compose.yml without a container engine: what it promises is really in it.

Every long-running service has a health check and a restart policy and waits for what it needs;
every variable it takes from outside is explained in .env.example; no secret stands in the file;
nothing runs as root or with privileges.
"""

import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
SERVICES = {"postgres", "redis", "migrate", "web", "worker", "beat"}
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>[A-Z_]+)(?P<rest>[^}]*)\}")
SECRET = re.compile(r"SECRET|PASSWORD|TOKEN|EMAIL_URL")
# user:password@ in an address, unless the password is a variable.
SECRET_IN_ADDRESS = re.compile(r"://[^:/@\s]*:(?!\$\{)[^@\s]+@")


def problems() -> list[str]:
    """Return one sentence for each broken promise."""
    text = (ROOT / "docker-compose.yml").read_text()
    compose: dict[str, Any] = yaml.safe_load(text)
    services: dict[str, Any] = compose["services"]
    found = [f"the service {name} is missing" for name in SERVICES - services.keys()]
    dockerfile = (ROOT / "Dockerfile").read_text()

    for name, service in services.items():
        found += check_service(name, service, services, dockerfile)
    explained = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    for match in VARIABLE.finditer(text):
        if match["name"] not in explained:
            found.append(f"{match['name']} is not explained in .env.example")
        if SECRET.search(match["name"]) and re.match(r":?-.", match["rest"]):
            found.append(f"{match['name']} is a secret and has a default")
    if SECRET_IN_ADDRESS.search(text):
        found.append("a password stands in an address")
    declared = set(compose.get("volumes", {}))
    used = {v.split(":")[0] for s in services.values() for v in s.get("volumes", [])}
    if used != declared:
        found.append(f"volumes used and declared differ: {sorted(used ^ declared)}")
    if "USER clinic" not in dockerfile:
        found.append("the image runs as root")
    return found


def check_service(
    name: str, service: dict[str, Any], services: dict[str, Any], dockerfile: str
) -> list[str]:
    """Return what is wrong with one service."""
    found = []
    once = service.get("restart") == "no"
    if "restart" not in service:
        found.append(f"{name} has no restart policy")
    checked = "test" in service.get("healthcheck", {})
    if not checked and not once and not ("build" in service and "HEALTHCHECK --" in dockerfile):
        found.append(f"{name} has no health check")
    if "user" in service or service.get("privileged"):
        found.append(f"{name} takes more rights than its image gives it")
    if "build" in service and service.get("cap_drop") != ["ALL"]:
        found.append(f"{name} keeps capabilities that it does not need")
    for key, value in service.get("environment", {}).items():
        if SECRET.search(key) and value and "${" not in str(value):
            found.append(f"{name}: {key} stands in the file")
    for other, how in service.get("depends_on", {}).items():
        wanted = (
            "service_completed_successfully"
            if services.get(other, {}).get("restart") == "no"
            else "service_healthy"
        )
        if other not in services:
            found.append(f"{name} waits for {other}, which is not there")
        elif how.get("condition") != wanted:
            found.append(f"{name} waits for {other} without the condition {wanted}")
    if name in ("web", "worker", "beat") and "migrate" not in service.get("depends_on", {}):
        found.append(f"{name} does not wait for the migrations")
    if name == "redis" and "noeviction" not in str(service.get("command")):
        found.append("redis may throw messages away: --maxmemory-policy noeviction")
    return found


if __name__ == "__main__":
    broken = problems()
    for sentence in broken:
        print(f"docker-compose.yml: {sentence}")
    if not broken:
        print("docker-compose.yml keeps its promises")
    sys.exit(bool(broken))
