#!/bin/sh
# fuzz.sh BUILD SECONDS: runs every fuzzer of tests/fuzz for SECONDS each, one after the other.
# The fuzzers of tests/fuzz/NAME are the executables BUILD/tests/fuzz/NAME/fuzz_* (but *_replay). Their seeds are
# tests/fuzz/NAME/corpus, which is only read: new inputs gather in BUILD/corpus, what was found in BUILD/findings.
set -eu
build=$1
seconds=$2
mkdir -p "$build/findings"
passed=0
failed=0
for exe in "$build"/tests/fuzz/*/fuzz_*; do
    case $exe in *_replay | *.p) continue ;; esac
    [ -f "$exe" ] && [ -x "$exe" ] || continue
    target=$(basename "$exe")
    name=$(basename "$(dirname "$exe")")
    mkdir -p "$build/corpus/$target"
    set -- "$build/corpus/$target"
    [ -d "tests/fuzz/$name/corpus" ] && set -- "$@" "tests/fuzz/$name/corpus"
    [ -f "tests/fuzz/$name/$name.dict" ] && set -- "$@" "-dict=tests/fuzz/$name/$name.dict"
    echo "== $target, $seconds s"
    if UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 "$exe" -max_total_time="$seconds" -timeout=10 \
        -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$build/findings/$target-" "$@" \
        2>"$build/findings/$target.log"; then
        grep -E 'number_of_executed_units|peak_rss' "$build/findings/$target.log" || true
        passed=$((passed + 1))
    else
        tail -n 60 "$build/findings/$target.log"
        failed=$((failed + 1))
    fi
done
[ $((passed + failed)) -gt 0 ] || { echo "no fuzzer was built" >&2; failed=1; }
echo "$passed passed, $failed failed"
[ $failed = 0 ]
