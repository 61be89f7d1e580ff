#!/bin/sh
# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
# Runs a command in the environment that `make` sets up, with its ROS 2 and apart from every other ROS:
#     tools/ros_env.sh python -m pytest test/ros
# Without a command it starts a shell. VENV names another environment than .venv.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
venv=${VENV:-.venv}
case $venv in /*) ;; *) venv=$root/$venv ;; esac
if [ ! -x "$venv/bin/python" ]; then
  echo "$0: there is no environment in $venv: run 'make setup' first" >&2
  exit 2
fi

# A ROS that the calling shell has sourced: its libraries and Python packages must not mix with ours.
if [ -n "${AMENT_PREFIX_PATH:-}" ]; then
  unset LD_LIBRARY_PATH
fi
unset CMAKE_PREFIX_PATH COLCON_PREFIX_PATH CYCLONEDDS_URI FASTDDS_DEFAULT_PROFILES_FILE \
  FASTRTPS_DEFAULT_PROFILES_FILE PYTHONHOME PYTHONPATH ROS_DISCOVERY_SERVER ROS_LOCALHOST_ONLY \
  ROS_SECURITY_ENABLE ROS_STATIC_PEERS
# The set-up leaves it to the first import to compile a module. If that is not kept, every process
# compiles torch again, which takes it three seconds.
unset PYTHONDONTWRITEBYTECODE

libraries=$venv/lib
for folder in "$venv"/lib/python3.*/site-packages/ros_*.libs; do
  libraries=$libraries:$folder
done

export VIRTUAL_ENV="$venv"
export PATH="$venv/bin:$PATH"
export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export AMENT_PREFIX_PATH="$venv"
export ROS_DISTRO=jazzy ROS_VERSION=2 ROS_PYTHON_VERSION=3
export RMW_IMPLEMENTATION=rmw_fastrtps_cpp
export ROS_LOG_DIR="$venv/setup/ros_log" # A home folder may be missing or read-only.
export _ROS_WHEELS_BOOTSTRAP_COMPLETE=1  # The library path is set: the wheels need not start Python twice.

# Nothing leaves this machine, and runs side by side seldom hear each other: one in 101 times two
# have the same domain. The tests keep a domain of their own (test/world.py).
export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
ROS_DOMAIN_ID=$(($(od -An -N2 -tu2 /dev/urandom) % 101 + 1))
export ROS_DOMAIN_ID

if [ $# -eq 0 ]; then
  set -- "${SHELL:-/bin/sh}"
fi
exec "$@"
