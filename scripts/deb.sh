#!/bin/sh
# deb.sh: one Debian package from what is built, without debhelper: a tree, a control file, dpkg-deb.
set -eu
scripts/need.sh deb
version=$(sed -n "s/^ *version: '\([^']*\)'.*/\1/p" meson.build | head -n 1)
arch=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
out=build/jindu_${version}_$arch.deb

PREFIX=/usr DESTDIR=$tree scripts/install.sh
strip --strip-unneeded "$tree/usr/bin/jindu"
# Contexts are the operator's to extend, so they live in /etc and survive an upgrade.
install -d "$tree/etc/jindu" "$tree/etc/default" "$tree/DEBIAN"
mv "$tree/usr/share/jindu/contexts" "$tree/etc/jindu/contexts"
install -m 0644 packaging/jindu.default "$tree/etc/default/jindu"
install -m 0755 packaging/postinst packaging/prerm packaging/postrm "$tree/DEBIAN/"
install -m 0644 LICENSE "$tree/usr/share/doc/jindu/copyright"
rm "$tree/usr/share/doc/jindu/LICENSE"
gzip -9n "$tree/usr/share/doc/jindu/CHANGELOG.md"
(cd "$tree" && find etc -type f | sed 's|^|/|' | LC_ALL=C sort) >"$tree/DEBIAN/conffiles"

# dpkg-shlibdeps wants a source tree's control file before it names the packages that the program's libraries come from.
mkdir -p "$work/debian"
printf 'Source: jindu\n\nPackage: jindu\nArchitecture: any\n' >"$work/debian/control"
libraries=$(cd "$work" && dpkg-shlibdeps -O "$tree/usr/bin/jindu" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[ -n "$libraries" ] || { echo "deb: dpkg-shlibdeps named no library" >&2; exit 1; }

cat >"$tree/DEBIAN/control" <<CONTROL
Package: jindu
Version: $version
Architecture: $arch
Maintainer: Jindu developers <jindu@localhost>
Installed-Size: $(du -sk --exclude=DEBIAN "$tree" | cut -f 1)
Depends: $libraries, adduser
Section: net
Priority: optional
Description: living model of a city, an NGSI-LD context broker
 Jindu holds what there is in a city and what is happening in it, answers
 questions about it over ETSI NGSI-LD, and loses nothing that it acknowledged.
 One program, one data file, no services beside it.
CONTROL

if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || date +%s)
fi
export SOURCE_DATE_EPOCH
find "$tree" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group --build "$tree" "$out" >/dev/null
echo "$out"
