#!/bin/bash
# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
# What `make test` runs, inside tools/ros_env.sh: every test, on all cores, then the coverage gate; arguments go to
# pytest, and then there is no gate. Ends with pytest's closing line.
set -uo pipefail
cd "$(dirname "$0")/.."

export HF_HUB_OFFLINE=1 # No test may need a network.
report=$(mktemp)
trap 'rm -f "$report"' EXIT

# A process for each core, eight at most: each may hold torch and a model. `-n 0` runs all in one.
python -m pytest --numprocesses auto --maxprocesses 8 --no-loadscope-reorder \
  --cov --cov-report= --durations=10 "$@" 2>&1 | tee "$report"
status=${PIPESTATUS[0]}
if [ "$status" -eq 0 ] && [ $# -eq 0 ]; then
  python -m tools.coverage_gate || status=1
  tail -n 1 "$report"
fi
exit "$status"
