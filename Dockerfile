# One image for every process of the Procfile; compose.yaml says which one a container runs.
FROM python:3.13-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /srv/addressbus

COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock

COPY app app
COPY workers workers
COPY frontend frontend

RUN useradd --system --uid 10001 --no-create-home addressbus && install -d -o addressbus -m 0700 /data
USER addressbus

CMD ["python", "-m", "app.web"]
