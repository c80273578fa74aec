# One image for every process: `serve`, `work`, `migrate` and the other commands.
FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv --without-pip /opt/prompt-queue && python -m venv --without-pip /opt/build
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN python -m pip --python /opt/prompt-queue/bin/python install \
      --require-hashes --only-binary :all: -r requirements/runtime.txt \
 && python -m pip --python /opt/build/bin/python install \
      --require-hashes --only-binary :all: -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY supabase/migrations supabase/migrations
RUN /opt/build/bin/python -m hatchling build -t wheel -d /opt/wheel \
 && python -m pip --python /opt/prompt-queue/bin/python install \
      --no-deps --no-index /opt/wheel/*.whl

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="prompt-queue" \
      org.opencontainers.image.licenses="Apache-2.0"
# Nothing in a running container installs anything.
RUN python -m pip uninstall --yes --quiet --root-user-action ignore pip \
 && rm -r "$(python -c 'import ensurepip; print(ensurepip.__path__[0])')" \
 && groupadd --system --gid 10001 prompt-queue \
 && useradd --system --uid 10001 --gid 10001 --no-create-home \
      --home-dir /var/lib/prompt-queue --shell /usr/sbin/nologin prompt-queue \
 && install --directory --mode 0700 --owner 10001 --group 10001 /var/lib/prompt-queue
COPY --from=build /opt/prompt-queue /opt/prompt-queue
COPY --chmod=0755 deploy/container/probe.py /opt/prompt-queue/bin/probe
ENV PATH=/opt/prompt-queue/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PROMPT_QUEUE_DATA_DIR=/var/lib/prompt-queue \
    PROMPT_QUEUE_LOG_FORMAT=json
USER 10001:10001
VOLUME /var/lib/prompt-queue
STOPSIGNAL SIGTERM
ENTRYPOINT ["prompt-queue"]
CMD ["serve"]
