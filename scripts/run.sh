#!/bin/sh
# run.sh: the sample city. Installs what is missing, builds, starts the program, loads Zhenjiang, declares the links, lets the
# recordings run and the devices speak, and says what to try. Ctrl-C stops everything; the data stay in run/city, or in DATA.
set -eu
listen=${LISTEN:-127.0.0.1:8080}
url=http://$listen
data=${DATA:-run/city}
log=$data.log
[ "$data" != run/city ] || log=run/jindu.log

# Before anything of the one that runs is touched, its log least of all.
mkdir -p "$data"
if ! flock -n "$data/lock" true; then
    echo "jindu: a city runs on $data already; stop it, or use LISTEN=127.0.0.1:PORT DATA=FOLDER / 已有城市在使用 $data" >&2
    exit 1
fi

scripts/need.sh program web
scripts/npm.sh
make --no-print-directory all

if curl -fsS --noproxy '*' -m 2 -o /dev/null "$url/health" 2>/dev/null; then
    echo "jindu: something already answers at $url; stop it, or use LISTEN=127.0.0.1:PORT DATA=FOLDER / 端口已被占用" >&2
    exit 1
fi

server=
player=
carrier=
stop() {
    trap - INT TERM HUP EXIT
    echo
    echo "jindu: stopping / 正在停止"
    [ -n "$player" ] && kill "$player" 2>/dev/null
    [ -n "$carrier" ] && kill "$carrier" 2>/dev/null
    [ -n "$server" ] && kill "$server" 2>/dev/null
    wait 2>/dev/null || true
    exit "${1:-0}"
}
trap 'stop 0' INT TERM HUP
trap 'stop 1' EXIT

[ ! -f "$log" ] || mv -f "$log" "$log.1"
build/jindu serve --data "$data" --listen "$listen" --open --contexts city/contexts \
    --console city/console.json 2>"$log" &
server=$!

tries=0
until curl -fsS --noproxy '*' -m 2 -o /dev/null "$url/health" 2>/dev/null; do
    tries=$((tries + 1))
    if ! kill -0 "$server" 2>/dev/null || [ $tries -gt 300 ]; then
        echo "jindu: the program did not start; the end of $log: / 程序未能启动，日志末尾：" >&2
        tail -n 20 "$log" >&2
        exit 1
    fi
    sleep 0.2
done

node --import tsx city/load.ts --url "$url"
node --import tsx city/past.ts --url "$url"
node --import tsx city/declare.ts --url "$url"
# The systems of the plan that there are packs for; one that is installed already stays as it is.
packs=0
wanted=0
for pack in packs/*/pack.json; do
    wanted=$((wanted + 1))
    if build/jindu pack install --server "$url" "${pack%/pack.json}"; then packs=$((packs + 1)); fi
done
[ $packs = $wanted ] || echo "jindu: $packs of $wanted packs are installed; the others say why above / 已安装 $packs 个系统包，共 $wanted 个" >&2
node --import tsx city/replay.ts --url "$url" &
player=$!
node --import tsx city/carry.ts --url "$url" &
carrier=$!

link='<http://127.0.0.1:8080/city.jsonld>; rel="http://www.w3.org/ns/json-ld#context"'
cat <<TEXT

  津渡 Jindu runs: the city of Zhenjiang is at / 镇江示例城市已就绪

      $url

  To try / 试一试:

  # the six districts by name / 六个区县的名称
  curl -s '$url/ngsi-ld/v1/entities?type=District&pick=id,name&format=simplified&lang=zh' \\
    -H 'Link: $link'

  # ships that make more than 8 knots, with their number / 航速超过 8 节的船舶及总数
  curl -si '$url/ngsi-ld/v1/entities?type=Vessel&q=speedOverGround%3E8&count=true&limit=3' \\
    -H 'Link: $link'

  # places within 20 km of the Zhenjiang waterfront / 镇江江边 20 公里内的地名
  curl -s -G '$url/ngsi-ld/v1/entities' -H 'Link: $link' \\
    --data-urlencode 'type=Place' --data-urlencode 'georel=near;maxDistance==20000' \\
    --data-urlencode 'geometry=Point' --data-urlencode 'coordinates=[119.45,32.21]' --data-urlencode 'format=concise'

  # five links on which devices speak: frames, answers, what was set aside / 五条设备链路：帧数、应答与隔离
  curl -s '$url/api/links'

  # who speaks there and how each device is / 接入的设备及其健康状况
  curl -s '$url/api/devices?limit=5'

  # one of them, with its last frames as bytes beside their meaning / 其中一台，附最近几帧的原文与含义
  curl -s '$url/api/devices/air/110108A10000000000000001'

  Readings were recorded elsewhere and run again (回放); of the links, four carry them in frames of our making (实数装帧), the
  cars' is simulated (模拟). Log: $log. Ctrl-C stops / 按 Ctrl-C 停止
TEXT

# The city runs as long as the program does. If that ends by itself, so does this, and says why; 130 and 143 are how a program
# ends that was told to stop together with this script.
if wait "$server"; then ended=0; else ended=$?; fi
server=
case $ended in 0 | 130 | 143) stop 0 ;; esac
echo "jindu: the program ended with code $ended; the end of $log: / 程序已退出，日志末尾：" >&2
tail -n 20 "$log" >&2
stop 1
