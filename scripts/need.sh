#!/bin/sh
# need.sh [--check] GROUP...: installs the Debian packages of the groups, and only those that are missing, so that a
# machine that has them needs no network. With --check it installs nothing and names what is missing.
# Groups: program (compiler and libraries), web (node and npm), fuzz (clang), lint (clang-format), deb (dpkg-dev),
# tests (far ends: Mosquitto, libmodbus, Exim; a clock that can be set), browser (Chromium and a font with Chinese, for tests/e2e), peers (PostgreSQL and InfluxDB, which `make bench` runs as private instances beside Jindu).
set -eu

check=no
[ "${1:-}" = --check ] && { check=yes; shift; }

missing=
has_package() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }
want_package() { has_package "$1" || missing="$missing $1"; }
# A tool may come from elsewhere than its Debian package; what counts is that it runs.
want_tool() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }

for group in "$@"; do
    case $group in
    program)
        want_tool cc gcc
        want_package libc6-dev
        want_tool meson meson
        want_tool ninja ninja-build
        want_tool pkg-config pkg-config
        want_tool curl curl
        for lib in libsqlite3-dev libmicrohttpd-dev libgeos-dev libcurl4-openssl-dev libpcre2-dev libicu-dev libzstd-dev zlib1g-dev libzip-dev libexpat1-dev libpq-dev libuv1-dev \
            libssl-dev libcmocka-dev; do
            want_package $lib
        done
        ;;
    web)
        # Debian 12 has node 18, which is enough; a newer one is used as it is.
        want_tool node nodejs
        want_tool npm npm
        ;;
    fuzz)
        want_tool clang clang
        want_package libclang-rt-14-dev
        ;;
    lint) want_tool clang-format clang-format ;;
    deb) want_tool dpkg-shlibdeps dpkg-dev ;;
    tests)
        # a broker and a Modbus library that others made: the far ends of links in tests/link
        want_tool mosquitto mosquitto
        want_tool mosquitto_pub mosquitto-clients
        want_package libmodbus-dev
        # a mail server for messages to people, a certificate for it, and a clock that can be set (tests/api/people)
        want_tool exim4 exim4-daemon-light
        want_tool openssl openssl
        want_package libfaketime
        ;;
    browser)
        # the page is looked at in it; a newer one from elsewhere is as good
        command -v google-chrome >/dev/null 2>&1 || want_tool chromium chromium
        fc-list :lang=zh 2>/dev/null | grep -q . || want_package fonts-wqy-microhei
        ;;
    peers)
        want_package postgresql-15
        want_tool influxd influxdb
        ;;
    *)
        echo "need.sh: no group '$group'" >&2
        exit 2
        ;;
    esac
done

if command -v node >/dev/null 2>&1; then
    major=$(node -p 'process.versions.node.split(".")[0]')
    if [ "$major" -lt 18 ]; then
        echo "jindu: node $major is too old; 18 or newer is needed / node 版本过旧，需要 18 或更新" >&2
        exit 1
    fi
fi

[ -z "$missing" ] && exit 0

if [ $check = yes ]; then
    echo "jindu: missing packages / 缺少软件包:$missing" >&2
    echo "jindu: 'make deps' installs them on Debian 12 / 运行 'make deps' 安装" >&2
    exit 1
fi

if [ "$(id -u)" = 0 ]; then
    root=
elif command -v sudo >/dev/null 2>&1; then
    root=sudo
else
    echo "jindu: install these as root first / 请先以 root 安装: apt-get install$missing" >&2
    exit 1
fi

echo "jindu: installing / 正在安装:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
$root apt-get update -q && $root apt-get install -y -q --no-install-recommends $missing
