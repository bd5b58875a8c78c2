#!/bin/sh
# format.sh [--check]: lays C out by .clang-format and the console by prettier, or only says which differ.
set -eu
files=$(find src tests bench -name '*.c' -o -name '*.h' 2>/dev/null | sort)
[ -n "$files" ] || exit 0
if [ "${1:-}" = --check ]; then
    # shellcheck disable=SC2086
    clang-format --dry-run -Werror $files
    if command -v cppcheck >/dev/null 2>&1; then
        cppcheck --quiet --std=c11 --inline-suppr --error-exitcode=1 --enable=warning,portability \
            --suppress=missingIncludeSystem -I src src
    fi
else
    # shellcheck disable=SC2086
    clang-format -i $files
fi

# The console, by prettier, where npm has brought it.
if [ -x node_modules/.bin/prettier ]; then
    if [ "${1:-}" = --check ]; then
        node_modules/.bin/prettier --check --log-level warn 'web/src/**/*.{ts,vue,css}' 'web/*.ts' 'tests/web/*.ts' 'tests/e2e/*.ts'
    else
        node_modules/.bin/prettier --write --log-level warn 'web/src/**/*.{ts,vue,css}' 'web/*.ts' 'tests/web/*.ts' 'tests/e2e/*.ts'
    fi
fi
