#!/bin/sh
# Fills .venv with exactly what requirements/*.txt pin, and with this project itself.
#   bootstrap.sh dev | runtime      fill .venv (runtime: only what `make up` needs)
#   bootstrap.sh bench              the same as dev, and the queues that ours is measured against
#   bootstrap.sh lock [--upgrade]   renew requirements/*.txt
#   bootstrap.sh usable             exit 0 if .venv was made here and has a working Python
set -eu
cd "$(dirname "$0")/.."
venv=.venv

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

usable() {
  test -x "$venv/bin/python" || return 1
  test ! -f "$venv/.made-in" || test "$(cat "$venv/.made-in")" = "$PWD"
}

find_python() {
  for candidate in ${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3}; do
    if "$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  fail "prompt-queue needs Python 3.11 or newer, and ${PYTHON:-no python3 on the PATH} is not" \
    "one; install it, or name it: make PYTHON=/path/to/python3"
}

make_venv() {
  python=$(find_python)
  printf 'making %s with %s\n' "$venv" "$("$python" --version)" >&2
  rm -rf "$venv"
  "$python" -m venv --without-pip "$venv" || fail "$python cannot make a virtual environment"
  printf '%s\n' "$PWD" > "$venv/.made-in"
}

# Sets $uv. The uv on the PATH will do; else one of our own is kept in .venv, from its own pins.
find_uv() {
  extra=
  uv=uv
  if ! uv --version >/dev/null 2>&1; then
    uv=$venv/bin/uv
    extra=requirements/uv.txt
    "$uv" --version >/dev/null 2>&1 || install_uv
  fi
}

install_uv() {
  "$venv/bin/python" -m ensurepip >/dev/null 2>&1 || fail "this Python has no ensurepip;" \
    "install it (Debian, Ubuntu: apt-get install python3-venv), or install uv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --require-hashes -r requirements/uv.txt
}

fill() {
  usable || make_venv
  rm -f "$venv/.dev" "$venv/.runtime" "$venv/.bench"
  find_uv
  # Wheels only: a fresh machine has no compiler, and building an archive would run its code.
  # shellcheck disable=SC2086
  "$uv" pip sync --quiet --python "$venv/bin/python" --require-hashes --only-binary :all: \
    "$@" $extra
  "$uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation \
    --editable .
}

compile() {
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --custom-compile-command 'make lock' --output-file "$@"
}

lock() {
  find_uv
  compile requirements/dev.txt --group dev --group build pyproject.toml "$@"
  # All sets share one .venv, so they must agree on every version.
  compile requirements/bench.txt --constraint requirements/dev.txt \
    --group bench --group dev --group build pyproject.toml "$@"
  compile requirements/runtime.txt --constraint requirements/dev.txt pyproject.toml "$@"
  compile requirements/build.txt --constraint requirements/dev.txt --group build "$@"
  compile requirements/uv.txt --group bootstrap "$@"
}

case ${1:-} in
  dev)
    fill requirements/dev.txt
    touch "$venv/.dev"
    ;;
  bench)
    fill requirements/bench.txt
    # All of dev is in it.
    touch "$venv/.dev" "$venv/.bench"
    ;;
  runtime)
    fill requirements/runtime.txt requirements/build.txt
    touch "$venv/.runtime"
    ;;
  lock)
    shift
    lock "$@"
    ;;
  usable) usable ;;
  *) fail "usage: tools/bootstrap.sh dev|runtime|bench|lock|usable" ;;
esac
