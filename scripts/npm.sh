#!/bin/sh
# npm.sh: brings node_modules in line with package-lock.json. The stamp keeps a second run off the network.
set -eu
stamp=node_modules/.jindu-lock
if [ -f $stamp ] && cmp -s package-lock.json $stamp; then
    exit 0
fi
npm ci --no-audit --no-fund --ignore-scripts
cp package-lock.json $stamp
