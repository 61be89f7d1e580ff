# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
# Everything runs in a virtual environment of its own, which the first call sets up. `make help` lists the rest.

PYTHON ?= python3
VENV ?= .venv
SEED ?=
CLIPS ?= 300
BENCH ?=
ONLY ?=
MINUTES ?=
CODE ?=
SIZE ?=
STEPS ?=
SUITE := .tabletop/suite
MODEL ?= models/tabletop

override VENV := $(abspath $(VENV))
export VENV
# The other environment or ROS that is active here, if one is, must not leak into the set-up.
SETUP := env -u PYTHONHOME -u PYTHONPATH $(PYTHON) -m tools.setup --venv "$(VENV)"
IN_ENV := tools/ros_env.sh

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs bench bench-node faults planners soak sources engines rehearsal gpu-proof vllm try-recordings tabletop-eval tabletop-suite setup setup-demo clean

help: ## List what there is to do
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1#/p' $(firstword $(MAKEFILE_LIST)) | column -t -s '#'
	@echo '  Variables: VENV=$(VENV) PYTHON=$(PYTHON), for tabletop-eval and -suite MODEL=, SEED= and CLIPS=, for bench BENCH=, for bench-node and soak MINUTES=, for faults ONLY=, for vllm CODE=, for rehearsal SIZE= and STEPS='

demo: setup-demo ## Play the bag that ships into the real node, and ask it a question
	@$(IN_ENV) python -m tools.demo

test: setup ## Run every test, and hold the coverage of the core
	@$(IN_ENV) tools/run_tests.sh

lint: setup ## Check style, format, types and spelling
	@$(IN_ENV) ruff check .
	@$(IN_ENV) ruff format --check .
	@$(IN_ENV) mypy
	@$(IN_ENV) codespell

docs: setup ## Build the documentation as a site into site/; a broken link stops it
	@NO_MKDOCS_2_WARNING=1 $(IN_ENV) mkdocs build --strict --quiet
	@echo 'the documentation is in site/index.html'

faults: setup ## Try faults of models, cameras, clocks, clients and disks on the running node; ONLY=NAME for one
	@$(IN_ENV) python -m tools.faults $(foreach name,$(ONLY),--only '$(name)')

planners: setup ## Try what planners and agents call, on the running node: client, shell, trees, MCP, topics
	@$(IN_ENV) python -m tools.planners

soak: setup ## Soak one node for MINUTES (60): questions of eight clients, cancels, kills of the model, faults of cameras
	@$(IN_ENV) python -m tools.soak $(if $(MINUTES),--minutes $(MINUTES))

sources: setup ## Read synthetic copies of all sources of data, and compare their scores with the truth's
	@$(IN_ENV) python -m tools.sources

engines: setup ## Build the shipped model's engines with TensorRT-RTX for GPUs that are not here
	@$(IN_ENV) python -m tools.engines

vllm: setup ## Serve the shipped model on real vLLM, and compare with our engine; CODE=FOLDER has Ai2's Python files (slow)
	@$(IN_ENV) python -m tools.vllm_server $(if $(CODE),--code '$(CODE)')

rehearsal: setup ## Rehearse a released model's SIZE (4b, 8b, o7b) on random weights: builds, speed, node, engines; STEPS='...' for some
	@$(IN_ENV) python -m tools.rehearsal $(if $(SIZE),--size $(SIZE)) $(if $(STEPS),--only $(STEPS))

gpu-proof: setup ## Prove on one NVIDIA card what was built without one, in ten minutes, and write a page to post
	@$(IN_ENV) python -m tools.gpu_proof

bench: setup ## Measure the engine beside transformers; BENCH='--write' refreshes docs/performance.md
	@$(IN_ENV) python -m bench $(BENCH)

bench-node: setup ## Load the node with four cameras for MINUTES (30), as JPEG and raw, beside a plain node
	@$(IN_ENV) python -m bench.node $(if $(MINUTES),--minutes $(MINUTES))

try-recordings: setup ## Try recordings of other programs with the shipped model: bag, mp4, AV1, MCAP, LeRobot (6 GB the first time)
	@$(IN_ENV) python -m tools.try_recordings

tabletop-eval: setup ## Measure MODEL on CLIPS freshly simulated clips of the tabletop
	@$(IN_ENV) python -m tools.tabletop.evaluate --model $(MODEL) $(if $(SEED),--seed $(SEED)) --clips $(CLIPS)

tabletop-suite: setup ## Measure it in the formats and by the metrics of the benchmarks, on CLIPS clips
	@$(IN_ENV) python -m tools.tabletop.suite $(SUITE) $(if $(SEED),--seed $(SEED)) --clips $(CLIPS)
	@for format in videocounteval videopointeval videotrackeval; do \
	  $(IN_ENV) python -m molmo_ground_ros.cli evaluate --data $(SUITE)/$$format --format $$format \
	    --media $(SUITE)/videos --backend onnx --model $(MODEL) \
	    --out $(SUITE)/results-$$format || exit; \
	done

setup: ## Set up all that tests and development need; nothing happens if that is done
	@$(SETUP) --for dev

setup-demo:
	@$(SETUP) --for demo

clean: ## Remove the environment, builds, caches and reports
	rm -rf "$(VENV)" build install log out site htmlcov .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
