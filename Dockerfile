# The site in one image; docker-compose.yml starts it as web, worker, beat and migrate.
FROM python:3.11-slim-bookworm AS packages
COPY requirements.txt /tmp/requirements.txt
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes \
       -r /tmp/requirements.txt

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    VAR_DIR=/var/lib/clinic \
    STATIC_ROOT=/app/static-collected \
    WEB_BIND=0.0.0.0:8000
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin clinic \
    && install -d -o clinic -g clinic -m 0700 /var/lib/clinic
COPY --from=packages /venv /venv
WORKDIR /app
COPY . .
# The key is needed to import the settings and is used for nothing; it stays out of the image.
RUN SECRET_KEY=only-while-collecting-static-files python manage.py collectstatic --noinput \
    && python -m compileall -q clinic practitioners bookings
USER clinic
VOLUME /var/lib/clinic
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 \
    CMD ["python", "bin/healthcheck.py"]
CMD ["gunicorn", "clinic.wsgi"]
