# Everything a newcomer, a developer and CI type. `make help` lists it.
# Needs Python 3.11 or newer; the rest is fetched into .venv, pinned by hash.

PYTHON ?= python3
PORT ?= 8000
HOST ?= 127.0.0.1
SITE_URL ?= http://localhost:$(PORT)
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq --require-hashes

# What a deployed site has; used by the deploy check only. The key is made up each time.
DEPLOYED = env -u DATABASE_URL -u REDIS_URL DEBUG=0 HTTPS=1 TRUSTED_PROXIES=1 VAR_DIR=var/lint \
	SITE_URL=https://clinic.example.net ALLOWED_HOSTS=clinic.example.net \
	EMAIL_URL=smtp+tls://user:password@mail.example.net:587 DEFAULT_FROM_EMAIL=desk@example.net \
	SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(60))')
LOCAL = env -u DATABASE_URL -u REDIS_URL DEBUG=1 VAR_DIR=var/lint

.DEFAULT_GOAL := help
.PHONY: help demo test lint format benchmark browser pictures lock clean

help: ## list what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  Settings: make demo PORT=8001 HOST=0.0.0.0; make test ARGS='-k words'"

demo: $(VENV)/runtime.stamp ## the whole clinic on this machine: web, worker, beat; Ctrl-C stops it
	@DEBUG=1 FRIENDLY_ERRORS=1 SITE_URL=$(SITE_URL) HTTPS=0 \
	THROTTLE_API=100000 THROTTLE_BOOK=100000 THROTTLE_CONTACT=100000 \
	THROTTLE_CODE=100000 THROTTLE_LOGIN=100000 \
	exec $(BIN)/python manage.py demo --host $(HOST) --port $(PORT)

test: $(VENV)/dev.stamp ## all tests, on SQLite and on PostgreSQL + Redis where they can be had
	@exec $(BIN)/python bin/run_tests.py $(ARGS)

lint: $(VENV)/dev.stamp ## format, lint, types, imports, migrations, deploy settings, compose file
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(LOCAL) $(BIN)/mypy
	$(LOCAL) $(BIN)/python manage.py makemigrations --check --dry-run
	@echo "manage.py check --deploy, with the settings of a deployed site"
	@$(DEPLOYED) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/python bin/check_compose.py

format: $(VENV)/dev.stamp ## put the code into the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmark: $(VENV)/runtime.stamp ## free time beside django-appointment, on both engines: docs/benchmarks.md
	@$(BIN)/python -m benchmarks.availability $(ARGS)

browser: ## install Chromium for the browser tests (Debian and its kin, as root)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium

pictures: $(VENV)/dev.stamp ## take the README's pictures of the demo that runs on PORT
	$(BIN)/python bin/take_pictures.py http://localhost:$(PORT)

lock: ## write requirements*.txt anew, with hashes, from requirements*.in (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/"; exit 1; }
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		requirements.in -o requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		requirements-dev.in -o requirements-dev.txt

clean: ## remove the demo's data, caches and .venv
	rm -rf var $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# A stamp is newer than what it was made from, or it is made again: the second start is quick.
$(VENV)/bin/python:
	@PYTHON=$(PYTHON) sh bin/make_venv.sh $(VENV)

$(VENV)/runtime.stamp: requirements.txt | $(VENV)/bin/python
	@echo "Installing what the site runs on ..."
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/runtime.stamp
	@echo "Installing what the tests and checks need ..."
	@$(PIP) -r requirements-dev.txt
	@touch $@
