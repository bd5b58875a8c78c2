#include "history_peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

const char influx_settings[] = "InfluxDB: wal-fsync-delay 0 (each request synced), shards of 52 weeks, its own monitor "
                               "and query log off, the rest as Debian ships it";

/* ---- folders and processes ---- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

void scratch_remove(const char *folder) {
    nftw(folder, remove_one, 64, FTW_DEPTH | FTW_PHYS);
}

void scratch_make(const char *folder) {
    scratch_remove(folder);
    if (mkdir(folder, 0755)) bench_die("cannot make %s: %s", folder, strerror(errno));
}

static uint64_t bytes_seen;
static int add_one(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)path, (void)ftw;
    if (kind == FTW_F) bytes_seen += (uint64_t)st->st_size;
    return 0;
}

uint64_t folder_bytes(const char *folder) {
    bytes_seen = 0;
    nftw(folder, add_one, 64, FTW_PHYS);
    return bytes_seen;
}

static int read_one(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    static char room[1 << 20];
    (void)st, (void)ftw;
    if (kind != FTW_F) return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0; /* it went meanwhile */
    while (read(fd, room, sizeof room) > 0) {}
    close(fd);
    return 0;
}

void folder_warm(const char *folder) {
    nftw(folder, read_one, 64, FTW_PHYS);
}

const struct passwd *peer_user(void) {
    if (geteuid() != 0) return NULL;
    const struct passwd *p = getpwnam("postgres");
    return p ? p : getpwnam("nobody");
}

void peer_folder(const char *folder) {
    const struct passwd *p = peer_user();
    if (mkdir(folder, 0700) && errno != EEXIST) bench_die("cannot make %s: %s", folder, strerror(errno));
    if (p && chown(folder, p->pw_uid, p->pw_gid)) bench_die("cannot give %s away", folder);
}

pid_t peer_run(const char *const argv[], const char *log, int other) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid) return pid;
    const struct passwd *p = other ? peer_user() : NULL;
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (out >= 0) dup2(out, STDOUT_FILENO), dup2(out, STDERR_FILENO);
    if (p && (setgroups(0, NULL) || setgid(p->pw_gid) || setuid(p->pw_uid))) _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGINT); /* ends with this program, however that ends; PostgreSQL: fast shutdown */
    if (chdir("/")) _exit(126);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

void peer_end(pid_t pid, int sig) {
    kill(pid, sig);
    waitpid(pid, NULL, 0);
}

int peer_answers(pid_t pid, unsigned port) {
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < 60000; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = connect(fd, (struct sockaddr *)&a, sizeof a);
        close(fd);
        if (!rc) return 1;
        if (waitpid(pid, NULL, WNOHANG) == pid) return 0;
        usleep(2000);
    }
    return 0;
}

pid_t jindu_start(const char *program, const char *data, const char *log) {
    char listen[32];
    snprintf(listen, sizeof listen, "127.0.0.1:%d", JINDU_PORT);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (out >= 0) dup2(out, STDOUT_FILENO), dup2(out, STDERR_FILENO);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execl(program, program, "serve", "--open", "--data", data, "--listen", listen, "--log-level", "warn", NULL);
        _exit(127);
    }
    if (!peer_answers(pid, JINDU_PORT)) bench_die("%s ended: see %s", program, log);
    return pid;
}

/* ---- InfluxDB ---- */

const char *influx_missing(void) {
    return access("/usr/bin/influxd", X_OK) ? "InfluxDB is not installed" : NULL;
}

void influx_start(influx_server *s, const char *folder, int settle) {
    *s = (influx_server){0};
    snprintf(s->folder, sizeof s->folder, "%s/influxdb", folder);
    if (mkdir(s->folder, 0700) && errno != EEXIST) bench_die("cannot make %s", s->folder);
    char conf[600], log[600];
    snprintf(conf, sizeof conf, "%s/influxdb.conf", folder);
    snprintf(log, sizeof log, "%s.log", s->folder);
    FILE *f = fopen(conf, "w");
    if (!f) bench_die("cannot write %s", conf);
    fprintf(f,
            "reporting-disabled = true\nreporting-enabled = false\nbind-address = \"127.0.0.1:%d\"\n"
            "[meta]\n  dir = \"%s/meta\"\n[data]\n  dir = \"%s/data\"\n  wal-dir = \"%s/wal\"\n"
            "  wal-fsync-delay = \"0s\"\n  query-log-enabled = false\n",
            INFLUX_RPC_PORT, s->folder, s->folder, s->folder);
    if (settle)
        fprintf(f, "  cache-snapshot-write-cold-duration = \"1s\"\n  compact-full-write-cold-duration = \"1s\"\n");
    fprintf(f,
            "[monitor]\n  store-enabled = false\n[subscriber]\n  enabled = false\n[continuous_queries]\n"
            "  enabled = false\n[http]\n  bind-address = \"127.0.0.1:%d\"\n  log-enabled = false\n[logging]\n"
            "  level = \"warn\"\n",
            INFLUX_PORT);
    fclose(f);
    const char *const argv[] = {"/usr/bin/influxd", "run", "-config", conf, NULL};
    s->pid = peer_run(argv, log, 0);
    if (!peer_answers(s->pid, INFLUX_PORT)) bench_die("InfluxDB ended: see %s", log);
    http_open(&s->http, INFLUX_PORT);
    http_must(&s->http, "GET", "/ping", NULL, (jd_str){NULL, 0});
}

void influx_stop(influx_server *s) {
    http_close(&s->http);
    peer_end(s->pid, SIGTERM);
}

void influx_do(influx_server *s, const char *q) {
    jd_buf t = {0};
    jd_buf_z(&t, "/query?q=");
    http_escape(&t, q);
    jd_buf_c(&t, 0);
    http_must(&s->http, "POST", t.p, NULL, (jd_str){NULL, 0});
    if (memmem(s->http.body.p, s->http.body.n, "\"error\"", 7))
        bench_die("InfluxDB: %s: %.*s", q, JD_STR_ARG(s->http.body));
    jd_buf_fini(&t);
}

/* Files of a shard folder: how many .tsm, and what else moves. */
static unsigned tsm_files, other_files;
static uint64_t all_bytes; /* those of a compaction at work too */
static int look_at(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)ftw;
    if (kind != FTW_F) return 0;
    size_t n = strlen(path);
    int tsm = n > 4 && !strcmp(path + n - 4, ".tsm");
    tsm_files += (unsigned)tsm;
    other_files += (unsigned)!tsm;
    all_bytes += (uint64_t)st->st_size;
    return 0;
}
static unsigned folders;
static int count_folder(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)path, (void)st;
    folders += kind == FTW_D && ftw->level == 1;
    return 0;
}

uint64_t influx_settle(const char *folder, const char *db) {
    influx_server s;
    char data[700], wal[700];
    influx_start(&s, folder, 1);
    snprintf(data, sizeof data, "%s/data/%s/autogen", s.folder, db);
    snprintf(wal, sizeof wal, "%s/wal/%s", s.folder, db);
    folders = 0;
    nftw(data, count_folder, 64, FTW_PHYS);
    uint64_t last = 0;
    for (int still = 0; still < 40; usleep(500000)) {
        tsm_files = other_files = 0;
        all_bytes = 0;
        nftw(data, look_at, 64, FTW_PHYS);
        if (all_bytes != last || !tsm_files)
            still = 0;
        else
            still += tsm_files == folders && !other_files && folder_bytes(wal) == 0 ? 10 : 1;
        last = all_bytes;
    }
    influx_stop(&s);
    return folder_bytes(data);
}
