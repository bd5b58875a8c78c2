#!/bin/sh
# embed.sh OUT DIST: C source that holds the files of the folder DIST, which need not be there; ninja runs it with each build. Of a
# file that has a .gz form only the compressed forms are held: the program unpacks that one for who takes no coding. The bytes
# come in by .incbin; their sums stand beside it, so that OUT changes with them, and stays untouched when nothing did.
set -eu
out=$1
dist=$2
new=$out.new
names=
if [ -f "$dist/index.html" ]; then
    names=$(cd "$dist" && find . -type f ! -name '.*' | sed 's|^\./||' | LC_ALL=C sort)
fi
odd=$(printf '%s\n' "$names" | LC_ALL=C grep -v '^[A-Za-z0-9._/@+-]*$' || true)
[ -z "$odd" ] || { echo "embed: names of files must be plain: $odd" >&2; exit 1; }

rows=
n=0
printf '#include "cmd/console.h"\n' >"$new"
for name in $names; do
    path=$name
    coding=NULL
    case $name in
    *.br) path=${name%.br} coding='"br"' ;;
    *.gz) path=${name%.gz} coding='"gzip"' ;;
    *) [ ! -f "$dist/$name.gz" ] || continue ;;
    esac
    sum=$(cksum <"$dist/$name")
    cat >>"$new" <<C
__asm__(".pushsection .rodata\n.balign 16\n.hidden cmd_web_$n\n.globl cmd_web_$n\n"
        "cmd_web_$n:\n.incbin \"$dist/$name\" /* $sum */\n.popsection\n");
extern const char cmd_web_$n[] __attribute__((visibility("hidden")));
C
    rows="$rows    {\"/$path\", $coding, cmd_web_$n, ${sum#* }},
"
    n=$((n + 1))
done
printf 'const jd_web_file cmd_web_files[] = {\n%s    {NULL, NULL, NULL, 0}};\nconst size_t cmd_web_files_n = %d;\n' "$rows" $n >>"$new"
if cmp -s "$new" "$out"; then rm "$new"; else mv "$new" "$out"; fi
