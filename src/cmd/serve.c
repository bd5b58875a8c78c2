/* jindu serve: holds the city and answers, until told to stop.
 * Signals are taken by the main thread alone, which waits for one while the server's threads work:
 *   SIGTERM, SIGINT  finish what was begun, then end with 0; a second one ends at once with 1
 *   SIGUSR1          sent by the writer thread when the store died after a failed sync: ends with 4 */
#include "base/clock.h"
#include "base/log.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "cmd/console.h"
#include "cmd/listen.h"
#include "http/server.h"
#include "model/symbol.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEAD_STOP_SECONDS = 10 };

typedef struct serving {
    const char *data, *listen, *contexts, *console, *web, *config, *log_level, *base_url, *alias, *fetch_allow,
        *history_off, *notify_ca;
    int open, no_fetch;
    uint64_t min_free, log_bytes_max, names_max, tenants_max, group_changes_max, queue_bytes_max, query_scan_max;
    uint64_t limit_default, limit_max, batch_max, temporal_page;
    uint64_t io_threads, workers, body_max, bodies_max, header_max, target_max, connections_max, connections_per_ip_max;
    uint64_t idle_ms, slow_ms, jobs_max;
    uint64_t history_heads_bytes, history_heads_age, history_fan, history_cache_bytes, history_read_max;
    uint64_t history_recent_bytes, history_write_max, tables_kept, tables_refused_bytes;
    uint64_t notify_brokers_max;
    uint64_t messages_kept, messages_open_max, people_max;
    uint64_t packs_max, pack_files_max, pack_bytes_max, rules_try_max;
    uint64_t link_threads, link_connections_max, link_batch_frames, link_gather_ms;
    uint64_t link_ring_bytes, link_rings_max, link_aside_max;
    uint64_t live_readers_max, live_ring_bytes, live_buffer_bytes, live_heartbeat_ms;
} serving;

#define AT(member) offsetof(serving, member)
#define TEXT(name, arg, member, en, zh) \
    { name, arg, CMD_TEXT, 1, AT(member), 0, 0, NULL, en, zh }
#define FLAG(name, member, en, zh) \
    { name, NULL, CMD_FLAG, 1, AT(member), 0, 0, NULL, en, zh }
#define SIZE(name, member, least, most, en, zh) \
    { name, "BYTES", CMD_SIZE, 1, AT(member), least, most, NULL, en, zh }
#define NUMBER(name, member, least, most, en, zh) \
    { name, "N", CMD_COUNT, 1, AT(member), least, most, NULL, en, zh }
#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define TIB ((uint64_t)1 << 40)

static const cmd_opt opts[] = {
    TEXT("data", "DIR", data, "data folder; made if absent", "数据目录；不存在则创建"),
    TEXT("listen", "HOST:PORT", listen, "address; port 0: any free one", "监听地址；端口 0 表示任选"),
    FLAG("open", open, "no sign-in; loopback addresses only", "无需登录；仅限本机回环地址"),
    {"config", "FILE", CMD_TEXT, 0, AT(config), 0, 0, NULL, "settings from a JSON file; the command line wins",
     "从 JSON 文件读取设置；命令行优先"},
    TEXT("contexts", "DIR", contexts, "@contexts kept offline: DIR/index.json", "离线 @context 目录（含 index.json）"),
    FLAG("no-fetch", no_fetch, "never fetch an @context", "从不下载 @context"),
    TEXT("fetch-allow", "LIST", fetch_allow, "URL prefixes to fetch @contexts from, by comma",
         "允许下载 @context 的 URL 前缀，以逗号分隔"),
    TEXT("console", "FILE", console, "settings of the console: its city, views, figures, words",
         "控制台设置文件：城市、视图、指标与用语"),
    TEXT("web", "DIR", web, "a folder served at / in the place of the console", "用该目录代替内置控制台，作为网页"),
    TEXT("base-url", "URL", base_url, "how others reach this server", "他人访问本服务的地址"),
    TEXT("alias", "NAME", alias, "contextSourceAlias", "contextSourceAlias"),
    {"log-level", "LEVEL", CMD_CHOICE, 1, AT(log_level), 0, 0, "debug|info|warn|error|off", "least level to log",
     "日志级别"},
    SIZE("min-free", min_free, MIB, 1024 * TIB, "writes stop below this much free disk", "磁盘剩余低于此值时拒绝写入"),
    SIZE("log-bytes-max", log_bytes_max, MIB, TIB, "bound of the untrimmed log", "未裁剪日志的上限"),
    NUMBER("names-max", names_max, 1000, 100000000, "types, attributes, terms", "名称（类型、属性、词条）上限"),
    NUMBER("tenants-max", tenants_max, 1, 32767, "tenants", "租户上限"),
    NUMBER("group-changes-max", group_changes_max, 6, 65536, "changes of one commit group", "一个提交组的变更上限"),
    SIZE("queue-bytes-max", queue_bytes_max, 64 * KIB, TIB, "changes that wait; beyond: 503",
         "等待写入的上限，超出则 503"),
    NUMBER("query-scan-max", query_scan_max, 1, UINT32_MAX, "entities one query may test", "一次查询最多检查的实体数"),
    SIZE("history-heads-bytes", history_heads_bytes, 16 * KIB, 64 * GIB,
         "readings kept in memory before they are sealed", "封存前保留在内存中的读数字节数"),
    NUMBER("history-heads-age", history_heads_age, 1, 86400, "seconds after which they are sealed anyway",
           "最长多少秒后封存"),
    NUMBER("history-fan", history_fan, 2, 64, "sealed runs of a level that are merged into one",
           "同级批次达到此数即合并"),
    SIZE("history-cache-bytes", history_cache_bytes, 64 * KIB, TIB, "sealed rows kept in memory",
         "内存中缓存的已封存数据"),
    SIZE("history-recent-bytes", history_recent_bytes, 4 * KIB, TIB, "newest sealed readings kept for windows of rules",
         "为规则窗口保留在内存中的最新已封存读数"),
    NUMBER("history-read-max", history_read_max, 1000, UINT32_MAX, "readings that one temporal query may open",
           "一次时态查询最多读取的读数"),
    SIZE("history-write-max", history_write_max, KIB, 128 * MIB, "readings of one entity that one request may tell",
         "一次请求可写入单个实体的读数字节数"),
    TEXT("history-off", "LIST", history_off, "entity types whose changes leave no history, by comma; *: all",
         "变更不留历史的实体类型，以逗号分隔；* 表示全部"),
    NUMBER("tables-kept", tables_kept, 1, 100000, "tables whose report and refused rows are kept",
           "保留报告与被拒绝行的数据表数量"),
    SIZE("tables-refused-bytes", tables_refused_bytes, KIB, TIB, "refused rows kept of one table",
         "每个数据表保留的被拒绝行字节数"),
    NUMBER("messages-kept", messages_kept, 1, 10000000, "messages to people that are kept; the oldest go",
           "保留的人员消息数，超出时最早的删除"),
    NUMBER("messages-open-max", messages_open_max, 1, 10000000, "messages that wait to be told or read",
           "等待送达或阅读的消息数上限"),
    NUMBER("people-max", people_max, 1, 10000000, "contacts; likewise rosters, and channels",
           "联系人数上限；值班表、渠道同此"),
    NUMBER("packs-max", packs_max, 1, 100000, "packs", "系统包上限"),
    NUMBER("pack-files-max", pack_files_max, 1, 100000, "declarations of one pack", "一个系统包的声明文件上限"),
    NUMBER("rules-try-max", rules_try_max, 1, 10000000, "readings and moments judged when a rule is tried on history",
           "在历史上试用规则时判断的读数与时刻上限"),
    SIZE("pack-bytes-max", pack_bytes_max, KIB, 256 * MIB, "declarations of one pack", "一个系统包的声明字节数上限"),
    NUMBER("limit-default", limit_default, 1, 1000000, "entities of a page when none is asked", "默认每页实体数"),
    NUMBER("limit-max", limit_max, 1, 1000000, "entities of a page at most", "每页实体数上限"),
    NUMBER("batch-max", batch_max, 1, 10000000, "items of one batch", "一批的条目上限"),
    NUMBER("temporal-page", temporal_page, 1, 1000000, "attribute instances of one temporal answer",
           "一次时态查询返回的属性实例上限"),
    SIZE("body-max", body_max, KIB, 2 * GIB, "one request body; beyond: 413", "请求体上限，超出则 413"),
    SIZE("bodies-max", bodies_max, KIB, TIB, "all bodies in flight; beyond: 503", "所有在途请求体上限，超出则 503"),
    SIZE("header-max", header_max, KIB, MIB, "all headers; beyond: 431", "请求头上限，超出则 431"),
    SIZE("target-max", target_max, 256, MIB, "request line; beyond: 414", "请求行上限，超出则 414"),
    NUMBER("connections-max", connections_max, 1, 1000000, "connections", "连接数上限"),
    NUMBER("connections-per-ip-max", connections_per_ip_max, 0, 1000000, "connections of one address; 0: no limit",
           "单个地址的连接数上限；0 表示不限"),
    NUMBER("idle-ms", idle_ms, 100, 86400000, "a silent connection is closed after", "空闲连接的关闭时间（毫秒）"),
    NUMBER("slow-ms", slow_ms, 1, 86400000, "slower requests are logged", "慢于此值的请求记入日志（毫秒）"),
    NUMBER("jobs-max", jobs_max, 1, 1000000, "requests waiting for a worker; beyond: 503",
           "等待工作线程的请求上限，超出则 503"),
    NUMBER("io-threads", io_threads, 0, 256, "0: as many as cores, at most 8", "I/O 线程数；0 为核数，最多 8"),
    NUMBER("link-threads", link_threads, 0, 16, "threads for devices' links; 0: half the cores, 2 to 4",
           "设备链路的线程数；0 为核数的一半，2 至 4 个"),
    NUMBER("link-connections-max", link_connections_max, 1, 1000000, "connections of devices, a thread",
           "每个链路线程的设备连接上限"),
    NUMBER("link-batch-frames", link_batch_frames, 1, 65536, "frames of devices that go to the writer at once",
           "一次提交的设备帧数上限"),
    NUMBER("link-gather-ms", link_gather_ms, 0, 1000,
           "ms from one such batch to the next, unless it is full; 0: at once",
           "两次提交之间至少间隔的毫秒数，满额除外；0 为立即"),
    SIZE("link-ring-bytes", link_ring_bytes, 256, MIB, "last frames kept of a device", "每台设备保留的最近报文字节数"),
    SIZE("link-rings-max", link_rings_max, KIB, TIB, "last frames kept of all devices", "全部设备保留的最近报文字节数"),
    NUMBER("link-quarantine-max", link_aside_max, 1, 1000000, "frames set aside that are kept of a link",
           "每条链路保留的隔离帧数"),
    TEXT("notify-ca", "FILE", notify_ca, "certificates (PEM) to trust for notifications, beside the system's",
         "除系统证书外，通知端点可信任的证书文件（PEM）"),
    NUMBER("notify-brokers-max", notify_brokers_max, 1, 100000, "MQTT brokers that notifications go to at a time",
           "同时连接的 MQTT 代理（通知）上限"),
    NUMBER("live-readers-max", live_readers_max, 1, 1000000, "readers of live views; beyond: 503",
           "实时视图的读者上限，超出则 503"),
    SIZE("live-ring-bytes", live_ring_bytes, 4 * KIB, TIB, "newest changes kept for readers who come back",
         "为重连的读者保留的最近变更字节数"),
    SIZE("live-buffer-bytes", live_buffer_bytes, KIB, GIB, "events that wait for one reader; beyond, it loads anew",
         "单个读者待发送的事件上限，超出则需重新加载"),
    NUMBER("live-heartbeat-ms", live_heartbeat_ms, 100, 3600000, "a sign of life on silent live views",
           "空闲实时视图的心跳间隔（毫秒）"),
    NUMBER("workers", workers, 1, 256, "threads for requests that wait", "工作线程数"),
};

static void defaults(void *settings) {
    serving *s = settings;
    *s = (serving){.listen = "127.0.0.1:8080",
                   .log_level = "info",
                   .alias = "jindu",
                   .min_free = 64 * MIB,
                   .log_bytes_max = 256 * MIB,
                   .names_max = 1000000,
                   .tenants_max = 10000,
                   .group_changes_max = 1024,
                   .queue_bytes_max = 256 * MIB,
                   .query_scan_max = 50000000,
                   .history_heads_bytes = 64 * MIB,
                   .history_heads_age = 600,
                   .history_fan = 8,
                   .history_cache_bytes = 256 * MIB,
                   .history_recent_bytes = 256 * MIB,
                   .history_read_max = 20000000,
                   .history_write_max = 64 * MIB,
                   .tables_kept = 100,
                   .tables_refused_bytes = 64 * MIB,
                   .live_readers_max = 4096,
                   .live_ring_bytes = 64 * MIB,
                   .live_buffer_bytes = MIB,
                   .live_heartbeat_ms = 15000,
                   .messages_kept = 500000,
                   .messages_open_max = 200000,
                   .people_max = 100000,
                   .rules_try_max = 200000,
                   .packs_max = 1000,
                   .pack_files_max = 1000,
                   .pack_bytes_max = 4 * MIB,
                   .link_connections_max = 20000,
                   .link_batch_frames = 1024,
                   .link_gather_ms = 5,
                   .link_ring_bytes = 4 * KIB,
                   .link_rings_max = 64 * MIB,
                   .link_aside_max = 1000,
                   .notify_brokers_max = 256,
                   .limit_default = 20,
                   .limit_max = 1000,
                   .batch_max = 10000,
                   .temporal_page = 10000,
                   .workers = 4,
                   .body_max = 16 * MIB,
                   .bodies_max = 512 * MIB,
                   .header_max = 8 * KIB,
                   .target_max = 8 * KIB,
                   .connections_max = 10000,
                   .idle_ms = 30000,
                   .slow_ms = 1000,
                   .jobs_max = 1024};
}

/* ---- what must hold before anything is begun ---- */

static void set_log_level(const char *name) {
    static const char *const names[] = {"debug", "info", "warn", "error", "off"};
    for (size_t i = 0; i < CMD_COUNT_OF(names); i++)
        if (!strcmp(names[i], name)) jd_log_level((jd_loglevel)i);
}

static int check_open(const cmd_line *line, const serving *s, const cmd_address *at) {
    if (!s->open)
        return cmd_usage(
            line,
            "sign-in does not exist yet, so it must be started with --open, which lets everybody in who can "
            "reach the port and is allowed on loopback addresses only",
            "登录功能尚未提供，须以 --open 启动：凡能访问该端口者均可操作，故仅允许用于本机回环地址");
    int loop = cmd_address_is_loopback(at);
    if (loop < 0) return cmd_usage(line, "--listen: host %s is not known", "--listen：无法识别主机 %s", at->host);
    if (!loop)
        return cmd_usage(line,
                         "--open is refused on %s: anybody there could change the city; use a loopback address such as "
                         "127.0.0.1, ::1 or localhost",
                         "%s 上不能使用 --open：任何人都能改动数据；请改用 127.0.0.1、::1 或 localhost 等本机回环地址",
                         at->host);
    return 0;
}

static int check_folder(const cmd_line *line, const char *option, const char *dir) {
    struct stat st;
    if (!dir) return 0;
    if (stat(dir, &st)) return cmd_usage(line, "--%s: %s: %s", "--%s：%s：%s", option, dir, strerror(errno));
    return S_ISDIR(st.st_mode) ? 0 : cmd_usage(line, "--%s: %s is no folder", "--%s：%s 不是目录", option, dir);
}

static int check_file(const cmd_line *line, const char *option, const char *file) {
    if (!file || !access(file, R_OK)) return 0;
    return cmd_usage(line, "--%s: %s: %s", "--%s：%s：%s", option, file, strerror(errno));
}

/* An alias travels in the Via header (RFC 9110 5.6.2). */
static int check_names(const cmd_line *line, const serving *s) {
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (const char *p = s->alias; *p; p++) {
        int plain = (*p >= '0' && *p <= '9') || ((*p | 32) >= 'a' && (*p | 32) <= 'z');
        if (!plain && !strchr(marks, *p))
            return cmd_usage(line, "--alias: \"%s\" is no token", "--alias：“%s”含有不允许的字符", s->alias);
    }
    if (s->base_url && !cmd_client_is_url(s->base_url))
        return cmd_usage(line, "--base-url: %s must begin with http:// or https://",
                         "--base-url：%s 应以 http:// 或 https:// 开头", s->base_url);
    return 0;
}

/* ---- running ---- */

typedef struct fate {
    atomic_int dead;
} fate;

static void on_dead(void *user, const char *why) {
    fate *f = user;
    jd_log(JD_LOG_ERROR, "serve.dead", "reason=\"%s\"", why);
    atomic_store(&f->dead, 1);
    kill(getpid(), SIGUSR1);
}

static void end_now(int sig) {
    _exit(sig == SIGALRM ? CMD_DIED : CMD_FAILED);
}

/* Waits for the reason to end: a signal, or the store's death. Others' SIGUSR1 is passed over. */
static int wait_for_end(const sigset_t *signals, fate *f) {
    for (;;) {
        int sig = 0;
        if (sigwait(signals, &sig)) continue;
        if (atomic_load(&f->dead)) return CMD_DIED;
        if (sig != SIGUSR1) return CMD_OK;
    }
}

static void ready(const serving *s, const cmd_address *at, const jd_server *server, uint64_t began) {
    char url[300];
    cmd_address_url(at, jd_server_port(server), url, sizeof url);
    cmd_tell("Jindu " JD_VERSION " answers at %s (data in %s, ready after %.2f s)",
             "津渡 " JD_VERSION " 已就绪：%s （数据目录 %s，用时 %.2f 秒）", url, s->data,
             (double)(jd_mono_ns() - began) / 1e9);
    cmd_notify("READY=1");
}

static const char **prefixes(jd_arena *a, const char *list) {
    if (!list) return NULL;
    size_t n = 1;
    for (const char *p = list; *p; p++) n += *p == ',';
    const char **out = JD_NEWN(a, const char *, n + 1);
    size_t k = 0;
    while (*list) {
        size_t len = strcspn(list, ",");
        if (len) out[k++] = jd_arena_dup(a, (jd_str){list, len}).p;
        list += len + (list[len] == ',');
    }
    return out;
}

/* Types as IRIs: a name alone is one of the default vocabulary, as in a request without @context. */
static const jd_str *types(jd_arena *a, const char *list, size_t *n) {
    const char **names = prefixes(a, list);
    *n = 0;
    if (!names) return NULL;
    while (names[*n]) ++*n;
    jd_str *out = JD_NEWN(a, jd_str, *n + 1);
    for (size_t i = 0; i < *n; i++) {
        int whole = !strcmp(names[i], "*") || strchr(names[i], ':');
        out[i] = jd_arena_printf(a, "%s%s", whole ? "" : JD_DEFAULT_VOCAB, names[i]);
    }
    return out;
}

static int serve_city(const serving *s, const cmd_address *at, jd_str console, jd_arena *a) {
    fate f = {0};
    uint64_t began = jd_mono_ns();
    char url[300];
    cmd_address_url(at, at->port, url, sizeof url);
    jd_server_opts so = {
        .data_dir = s->data,
        .host = at->host,
        .port = at->port,
        .base_url = s->base_url ? s->base_url : url,
        .alias = s->alias,
        .contexts_dir = s->contexts,
        .no_fetch = s->no_fetch,
        .web_dir = s->web,
        .console = console,
        .version = JD_VERSION,
        .fetch_allow = prefixes(a, s->fetch_allow),
        .limit_default = (uint32_t)s->limit_default,
        .limit_max = (uint32_t)s->limit_max,
        .batch_max = (uint32_t)s->batch_max,
        .temporal_page = (uint32_t)s->temporal_page,
        .names_max = (uint32_t)s->names_max,
        .tenants_max = (uint32_t)s->tenants_max,
        .group_changes_max = (uint32_t)s->group_changes_max,
        .query_scan_max = (uint32_t)s->query_scan_max,
        .log_bytes_max = s->log_bytes_max,
        .min_free = s->min_free,
        .queue_bytes_max = s->queue_bytes_max,
        .history_heads_bytes = s->history_heads_bytes,
        .history_heads_age_ms = s->history_heads_age * 1000,
        .history_cache_bytes = s->history_cache_bytes,
        .history_recent_bytes = s->history_recent_bytes,
        .history_fan = (uint32_t)s->history_fan,
        .history_read_max = (uint32_t)s->history_read_max,
        .history_write_max = s->history_write_max,
        .tables_kept = (uint32_t)s->tables_kept,
        .tables_refused_bytes = s->tables_refused_bytes,
        .people = {.kept_max = (uint32_t)s->messages_kept,
                   .open_max = (uint32_t)s->messages_open_max,
                   .contacts_max = (uint32_t)s->people_max},
        .rules_try_max = (uint32_t)s->rules_try_max,
        .packs = {.packs_max = (uint32_t)s->packs_max,
                  .files_max = (uint32_t)s->pack_files_max,
                  .bytes_max = s->pack_bytes_max},
        .links = {.threads = (unsigned)s->link_threads,
                  .connections_max = (uint32_t)s->link_connections_max,
                  .batch_frames = (uint32_t)s->link_batch_frames,
                  .gather_ms = (uint32_t)s->link_gather_ms,
                  .ring_bytes = s->link_ring_bytes,
                  .rings_bytes_max = s->link_rings_max,
                  .quarantine_max = (uint32_t)s->link_aside_max},
        .notify_ca = s->notify_ca,
        .notify_brokers_max = (uint32_t)s->notify_brokers_max,
        .live = {.readers_max = (uint32_t)s->live_readers_max,
                 .ring_bytes = s->live_ring_bytes,
                 .buffer_bytes = s->live_buffer_bytes,
                 .heartbeat_ms = (uint32_t)s->live_heartbeat_ms},
        .open = s->open,
        .on_dead = on_dead,
        .on_dead_user = &f,
        .door = {.web_files = cmd_web_files,
                 .web_files_n = cmd_web_files_n,
                 .io_threads = (unsigned)s->io_threads,
                 .workers = (unsigned)s->workers,
                 .body_max = s->body_max,
                 .bodies_max = s->bodies_max,
                 .header_max = s->header_max,
                 .target_max = s->target_max,
                 .connections_max = (unsigned)s->connections_max,
                 .connections_per_ip_max = (unsigned)s->connections_per_ip_max,
                 .idle_ms = (unsigned)s->idle_ms,
                 .slow_ms = (unsigned)s->slow_ms,
                 .jobs_max = (unsigned)s->jobs_max},
    };
    so.history_off = types(a, s->history_off, &so.history_off_n);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before there are other threads: they inherit it */
    signal(SIGPIPE, SIG_IGN);
    jd_err err = {0};
    jd_server *server;
    if (jd_server_start(&so, &server, &err)) {
        cmd_say_err(&err);
        return CMD_FAILED;
    }
    ready(s, at, server, began);
    int code = wait_for_end(&signals, &f);
    cmd_notify("STOPPING=1");
    jd_log(JD_LOG_INFO, "serve.stop", "code=%d", code);
    signal(SIGTERM, end_now);
    signal(SIGINT, end_now);
    signal(SIGALRM, end_now);
    if (code == CMD_DIED) alarm(DEAD_STOP_SECONDS); /* nothing more can be lost; do not linger */
    sigdelset(&signals, SIGUSR1);                   /* the store may still die */
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    jd_server_stop(server);
    return atomic_load(&f.dead) ? CMD_DIED : code;
}

static int serve(const cmd_line *line) {
    serving *s = line->settings;
    cmd_address at;
    jd_arena a;
    jd_err err = {0};
    jd_str console = {NULL, 0};
    jd_arena_init(&a);
    int code = CMD_OK;
    if (s->config && cmd_config_read(s->config, line, &a, &err)) {
        cmd_say_err(&err);
        code = CMD_USAGE;
    } else if (!s->data) {
        code = cmd_usage(line, "--data DIR must be given", "需要给出 --data DIR");
    } else if (cmd_address_parse(s->listen, &at, &err)) {
        code = cmd_usage(line, "--listen: %s", "--listen：%s", cmd_err_text(&err));
    } else {
        code = check_open(line, s, &at);
        if (!code) code = check_names(line, s);
        if (!code) code = check_folder(line, "contexts", s->contexts);
        if (!code) code = check_folder(line, "web", s->web);
        if (!code) code = check_file(line, "notify-ca", s->notify_ca);
    }
    if (!code && s->console && cmd_console_read(s->console, &a, &console)) code = CMD_USAGE;
    if (!code) {
        set_log_level(s->log_level);
        code = serve_city(s, &at, console, &a);
    }
    jd_arena_fini(&a);
    return code;
}

const cmd_spec cmd_serve = {
    .name = "serve",
    .operands = "",
    .en = "holds the city and answers over HTTP (NGSI-LD)",
    .zh = "运行城市模型并通过 HTTP（NGSI-LD）提供服务",
    .more_en =
        "A configuration file is a JSON object: option names with _ for -, as in {\"data\": \"/var/lib/jindu\",\n"
        "\"open\": true, \"body_max\": \"32M\"}. SIGTERM finishes what was begun; a second one ends at once.\n"
        "Exit code 4: the disk failed to sync; what was answered \"unknown\" is decided by the next start.\n",
    .more_zh = "配置文件为 JSON 对象，成员名即选项名（- 改为 _），如 {\"data\": \"/var/lib/jindu\", \"open\": true,\n"
               "\"body_max\": \"32M\"}。SIGTERM 会先完成手头工作再退出；再次发送则立即退出。\n"
               "退出码 4：写盘同步失败；当时答复“结果未知”的改动，下次启动后即可确定。\n",
    .opts = opts,
    .opts_n = CMD_COUNT_OF(opts),
    .settings_size = sizeof(serving),
    .defaults = defaults,
    .run = serve,
};
