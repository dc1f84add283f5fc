# The daily vocabulary. Every target makes .venv first, if it is not there.
.DEFAULT_GOAL := help
.PHONY: help generators oldest-php lint lint-deploy format test test-long test-wordpress test-console console-pictures translations test-oldest test-faults test-hostile test-soak test-overload fuzz docs bench bench-relevance bench-cost bench-guard bench-peers bench-sources bench-speed bench-wordpress demo serve lock audit sbom clean

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
SERVE ?= 1
MINUTES ?= 30
JOBS ?= 2
RATE ?= 100
CASES ?= 10000
TORCH := torch>=2.6,<3
AUDITORS := .venv-audit/bin
NAMED = @test -n '$(EVAL)' || { echo 'name the folder of the data: make $@ EVAL=DIR'; exit 2; }
TOGETHER = -n $(JOBS) --dist loadscope --durations=25
KEPT = $(if $(CACHE),--cache '$(CACHE)')
HELD = $(if $(ARCHIVE),--folder '$(ARCHIVE)')

help: ## Show what there is.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

# torch stands outside the lock: which build fits depends on the machine (see README).
$(READY): requirements.lock pyproject.toml
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check '$(TORCH)'
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $(READY)

demo: $(READY) ## Import the sample archive, print a list, serve it at PORT=8080 (SERVE=0: stop there).
	$(RUN) -m recommender demo $(if $(filter 0,$(SERVE)),--no-serve) $(if $(PORT),--port '$(PORT)')

serve: $(READY) ## Serve the archive that READ_ALSO_* names.
	$(RUN) -m recommender serve

test: $(READY) ## Run the suite of every day, in JOBS=2 processes.
	$(RUN) -m pytest -q -m 'not long' $(TOGETHER)

test-long: $(READY) ## Run what takes longer: many examples, PostgreSQL, a real WordPress, faults.
	$(RUN) -m pytest -q -m 'long or hypothesis' --hypothesis-profile=long $(TOGETHER)

test-wordpress: $(READY) ## The plugin and the pull against a real WordPress; NGINX=1: behind nginx, with Redis.
	$(if $(NGINX),BEHIND_NGINX=1) $(RUN) -m pytest -q tests/wordpress

test-console: $(READY) ## What editors do in the console, in Chromium; ARCHIVE=stories.jsonl: over that archive, not the sample.
	$(if $(ARCHIVE),READ_ALSO_TEST_ARCHIVE='$(abspath $(ARCHIVE))') $(RUN) -m pytest -q --durations=5 tests/browser/test_console_flows.py tests/browser/test_console_first_list.py

console-pictures: $(READY) ## A picture of every page of the console in every look, into build/console, to be looked at.
	$(RUN) -m tests.browser.screens

translations: $(READY) ## Bring the texts of the WordPress plugin up to its code; needs gettext.
	$(RUN) -m tests.wordpress.translations

oldest-php: ## Install the PHP 7.4 on which test-long tries the WordPress plugin.
	cd tests/wordpress/php74 && npm ci --no-progress --loglevel=error

GENERATORS := .venv-generators
generators: ## Install what test-long takes from PyPI and npm besides: generators of clients, and axe, each in a folder of its own.
	test -x $(GENERATORS)/bin/python || $(PYTHON) -m venv $(GENERATORS)
	$(GENERATORS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tests/generators/requirements.txt
	cd tests/generators && npm ci --no-progress --loglevel=error
	cd tests/browser && npm ci --no-progress --loglevel=error

test-oldest: ## Run the suite with the oldest dependencies that pyproject.toml admits.
	$(PYTHON) -m venv .venv-oldest
	$(PYTHON) .ci/oldest > .venv-oldest/constraints.txt
	.venv-oldest/bin/python -m pip install --quiet '$(TORCH)'
	.venv-oldest/bin/python -m pip install --quiet -c .venv-oldest/constraints.txt --editable '.[test]'
	.venv-oldest/bin/python -m pytest -q -m "not long"

test-faults: $(READY) ## Kills, power loss, damage, freshness and reads, at length; MINUTES=30 of kills.
	$(RUN) -m tests.faults.harness --minutes $(MINUTES)

test-hostile: $(READY) ## Hostile requests beside readers; REQUESTS=100000, RATE=100 a second, NGINX=1: through nginx.
	$(RUN) -m tests.faults.harness.hostile --requests $(or $(REQUESTS),100000) --rate $(RATE) $(if $(NGINX),--through-nginx)

test-soak: $(READY) ## Many reads through a hundred swaps: memory and open files stay; REQUESTS=1000000.
	$(RUN) -m tests.faults.harness.soak --requests $(or $(REQUESTS),1000000)

test-overload: $(READY) ## Ten times as many clients as fill the service; SECONDS=30.
	$(RUN) -m tests.faults.harness.overload --seconds $(or $(SECONDS),30)

fuzz: $(READY) ## The API against its own OpenAPI document, and hostile bodies; CASES=10000.
	$(RUN) -m tests.support.api_fuzz --cases $(CASES)

lint: $(READY) ## Style, types, and the direction of imports.
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

LINTERS := .venv-deploy
lint-deploy: ## Lint deploy/ and .ci/run: scripts, Dockerfile, manifests, nginx; in an environment of its own.
	test -x $(LINTERS)/bin/python || $(PYTHON) -m venv $(LINTERS)
	$(LINTERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .ci/deploy-linters.txt
	$(LINTERS)/bin/shellcheck .ci/run deploy/install deploy/nginx/purge deploy/systemd/read-also
	$(LINTERS)/bin/hadolint deploy/docker/Dockerfile
	$(LINTERS)/bin/kubernetes-validate --strict --quiet deploy/kubernetes/*.yaml
	{ echo 'http {'; cat deploy/nginx/read-also.conf; echo '}'; } | $(LINTERS)/bin/gixy -

format: $(READY) ## Format the code.
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

docs: $(READY) ## Write what comes from the code: parts of the docs, types of the JavaScript client, the plugin's stylesheet, pictures.
	$(RUN) docs/generate.py
	@if command -v npm >/dev/null; then \
	  mkdir -p build && $(RUN) docs/generate.py --schemas build/schemas.json && \
	  cd clients/javascript && npm ci --silent && npm run --silent types; fi
	@if command -v dot >/dev/null; then for p in docs/pictures/*.dot; do dot -Tsvg "$$p" -o "$${p%.dot}.svg"; done; fi

bench: $(READY) ## Category precision and reach on the BBC texts.
	$(RUN) -m benchmarks.bbc_news

bench-relevance: $(READY) ## Every dev set in EVAL=DIR, into the docs; CACHE=DIR keeps vectors.
	$(NAMED)
	$(RUN) -m benchmarks.relevance '$(EVAL)' $(KEPT) --write docs/relevance.md

bench-cost: $(READY) ## Milliseconds of a ranking, bytes on disk; EVAL and CACHE as above.
	$(NAMED)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(RUN) -m benchmarks.ranking_cost '$(EVAL)/wikinews-events' $(KEPT)

bench-guard: $(READY) ## Ratios that no change may let fall, in two minutes.
	OMP_NUM_THREADS=1 $(RUN) -m benchmarks.guard

bench-speed: $(READY) ## Speed in one run, into docs/performance.md: forty minutes; ARCHIVE=DIR keeps its 100,000 articles, ONLY=PART, SIZES, CURVES: see benchmarks/speed.py.
	$(RUN) -m pip install --quiet --disable-pip-version-check '.[bench]'
	OMP_NUM_THREADS=1 $(RUN) -m benchmarks.speed $(if $(ARCHIVE),--archive '$(ARCHIVE)') $(foreach part,$(ONLY),--only $(part)) $(if $(CURVES),--curves '$(CURVES)') $(foreach size,$(SIZES),--size $(size)) --write docs/performance.md

bench-peers: $(READY) ## Lists beside what people use instead; EVAL and CACHE as above, ARCHIVE=DIR: and over 100,000 articles.
	$(NAMED)
	$(RUN) -m pip install --quiet --disable-pip-version-check '.[peers]'
	OMP_NUM_THREADS=1 $(RUN) -m benchmarks.peers '$(EVAL)/wikinews-events' $(KEPT) $(if $(ARCHIVE),--archive '$(ARCHIVE)')

bench-sources: $(READY) ## Import every file of EVAL=DIR, and score how main texts are read.
	$(NAMED)
	$(RUN) -m benchmarks.import_formats '$(EVAL)'
	$(RUN) -m benchmarks.main_text '$(EVAL)'

bench-wordpress: $(READY) ## How soon lists follow a real WordPress, and what its pages and saves cost.
	$(RUN) -m tests.wordpress.timings

lock: $(READY) ## Write requirements.lock anew from pyproject.toml.
	$(RUN) -m pip install --quiet pip-tools
	$(RUN) -m piptools compile --quiet --upgrade --strip-extras --generate-hashes --allow-unsafe \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header \
	  --extra test --extra lint --extra bench --output-file requirements.all pyproject.toml
	{ echo '# What CI installs, made by `make lock`. Torch and the packages of its GPU builds stand outside.'; \
	  awk '/^#/ { next } /^[a-z]/ { kept = $$0 !~ /^(torch|triton|nvidia-|cuda-|read-also)/ } kept' requirements.all; \
	} > requirements.lock
	rm requirements.all

$(AUDITORS):
	$(PYTHON) -m venv .venv-audit
	$@/python -m pip install --quiet --disable-pip-version-check 'bandit>=1.9' 'cyclonedx-bom>=7' 'pip-audit>=2.9'

audit: $(AUDITORS) ## Known advisories against the lock (asks PyPI), and bandit over the code.
	$(AUDITORS)/bandit --quiet --configfile pyproject.toml --recursive index recommender service.py
	$(PYTHON) .ci/advisories $(AUDITORS)/pip-audit --requirement requirements.lock \
	  --require-hashes --disable-pip --progress-spinner off

sbom: $(AUDITORS) ## What a newsroom installs, as CycloneDX: dist/read-also.cdx.json.
	mkdir -p dist
	$(PYTHON) .ci/shipped | $(AUDITORS)/cyclonedx-py requirements - --pyproject pyproject.toml \
	  --output-reproducible --validate --output-file dist/read-also.cdx.json
	@echo dist/read-also.cdx.json

clean: ## Remove what was built here, the demonstration's data included.
	rm -rf $(VENV) .venv-audit $(LINTERS) $(GENERATORS) var/demo build dist *.egg-info tests/generators/node_modules tests/browser/node_modules clients/javascript/node_modules
