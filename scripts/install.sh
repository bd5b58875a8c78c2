#!/bin/sh
# install.sh: puts the program and its documents below $DESTDIR$PREFIX. The service needs the paths of a package,
# so it goes along only with PREFIX=/usr.
set -eu
to=${DESTDIR:-}${PREFIX:-/usr/local}

install -D -m 0755 build/jindu "$to/bin/jindu"
install -d "$to/share/jindu/contexts" "$to/share/jindu/channels" "$to/share/doc/jindu"
install -m 0644 city/contexts/* "$to/share/jindu/contexts/"
install -m 0644 packaging/channels/*.json "$to/share/jindu/channels/"
install -m 0644 README.md README.zh-CN.md CHANGELOG.md LICENSE "$to/share/doc/jindu/"
if [ "${PREFIX:-}" = /usr ]; then
    install -D -m 0644 packaging/jindu.service "$to/lib/systemd/system/jindu.service"
fi
