#!/bin/sh
# web.sh: builds the page into web/dist, unless it is newer than everything that it is made of.
set -eu
if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    echo "jindu: no node here, so the console is not built ('make deps' installs it) / 未安装 node，跳过控制台" >&2
    exit 0
fi
scripts/npm.sh
if [ -f web/dist/index.html ] && [ -z "$(find web city/contexts docs/plan.md docs/plan.systems.json packs/*/pack.json package-lock.json \
    -path web/dist -prune -o -type f -newer web/dist/index.html -print 2>/dev/null)" ]; then
    exit 0
fi
node --import tsx web/build.ts
