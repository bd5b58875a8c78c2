# Jindu. A thin face on meson (the C program), npm (the page, the tests) and the helpers in scripts/.
#
#   make          build/jindu, the console in it    make run     the sample city on 127.0.0.1:8080
#   make test     everything that can fail          make lint    formatting, types, tree rules
#   make asan     unit and API tests under ASan     make tsan    the same under TSan
#   make fuzz     every fuzzer, 5 minutes each      make bench   the figures that the README quotes
#   make deb      one .deb in build/                make install PREFIX=/usr/local DESTDIR=

PREFIX       ?= /usr/local
DESTDIR      ?=
LISTEN       ?= 127.0.0.1:8080
DATA         ?= run/city
FUZZ_SECONDS ?= 300
JOBS         ?= $(shell nproc 2>/dev/null || echo 2)
SAN_TESTS    ?= unit link warn api

TSX := node --import tsx

.PHONY: all program web deps run test bench asan tsan fuzz fuzz-long lint install deb clean
all: program

# Ninja knows what is out of date; make only opens the build folder when there is none. What web/dist holds goes into the program.
program: web build/build.ninja
	@ninja -C build -j $(JOBS) jindu

build/build.ninja:
	@scripts/need.sh --check program
	@meson setup build

# The console needs node; a program that is built without it says so at /.
web:
	@scripts/web.sh

deps:
	@scripts/need.sh program web

run:
	@LISTEN=$(LISTEN) DATA=$(DATA) scripts/run.sh

test:
	@scripts/need.sh program web tests
	@scripts/need.sh browser || echo "make test: no browser could be installed, so tests/e2e is skipped"
	@scripts/npm.sh
	@$(MAKE) --no-print-directory all
	@ninja -C build -j $(JOBS)
	@$(TSX) tests/run.ts --build build

bench:
	@scripts/need.sh program web
	@scripts/npm.sh
	@$(MAKE) --no-print-directory web
	@scripts/need.sh peers || echo "make bench: what needs PostgreSQL or InfluxDB is skipped"
	@[ -f build-bench/build.ninja ] || meson setup build-bench --buildtype=release -Dtests=false -Dbench=true
	@ninja -C build-bench -j $(JOBS)
	@JINDU_BIN=$(CURDIR)/build-bench/jindu meson test -C build-bench --benchmark --num-processes 1 --verbose

asan:
	@scripts/need.sh program web tests
	@scripts/npm.sh
	@[ -f build-asan/build.ninja ] || meson setup build-asan --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
	@ninja -C build-asan -j $(JOBS)
	@$(TSX) tests/run.ts --build build-asan --sanitizer address $(SAN_TESTS)

tsan:
	@scripts/need.sh program web tests
	@scripts/npm.sh
	@[ -f build-tsan/build.ninja ] || meson setup build-tsan --buildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false
	@ninja -C build-tsan -j $(JOBS)
	@$(TSX) tests/run.ts --build build-tsan --sanitizer thread $(SAN_TESTS)

fuzz:
	@scripts/need.sh program fuzz
	@[ -f build-fuzz/build.ninja ] || CC=clang meson setup build-fuzz --buildtype=debugoptimized -Dfuzz=true -Db_lundef=false -Db_sanitize=address,undefined
	@ninja -C build-fuzz -j $(JOBS)
	@scripts/fuzz.sh build-fuzz $(FUZZ_SECONDS)

fuzz-long:
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=1200

lint:
	@scripts/need.sh program web lint
	@scripts/npm.sh
	@scripts/format.sh --check
	@$(TSX) tests/run.ts --build build lint

install: all
	@PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) scripts/install.sh

deb: all
	@scripts/deb.sh

clean:
	rm -rf build build-asan build-tsan build-fuzz build-bench web/dist
