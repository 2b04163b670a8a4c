# An emulator of SQS for docker compose' profile sqs; for development alone.
FROM python:3.12-slim-bookworm
COPY requirements/sqs-emulator.txt /requirements.txt
RUN --mount=type=secret,id=pip,target=/etc/pip.conf python3 -m pip install --quiet --no-cache-dir --root-user-action=ignore --require-hashes -r /requirements.txt \
    && groupadd --gid 10001 waste && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/waste waste
ENV BIND_HOST=0.0.0.0 GATEWAY_PORT=4566 HOME=/var/lib/waste PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 4566
CMD ["ministack"]
