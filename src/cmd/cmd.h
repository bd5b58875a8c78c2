/* cmd/cmd.h - what the commands of `jindu` share: the table of options, messages in the reader's language, progress.
 *
 * A command is one cmd_spec: its words, its options, its run function. cmd_main() reads the command line into the
 * command's own struct of settings (by offset), then calls run. Threads: the main thread only, unless said.
 * Exit codes are part of the interface; scripts and packaging/jindu.service rely on them. */
#ifndef JD_CMD_CMD_H
#define JD_CMD_CMD_H
#include "base/buf.h"
#include "base/err.h"

#include <stdio.h>

enum {
    CMD_OK = 0,
    CMD_FAILED = 1, /* the work could not be done, or not wholly */
    CMD_USAGE = 2,  /* the command line or the configuration file is wrong; nothing was begun */
    CMD_DATA = 3,   /* the work was done, and errors in the data were found */
    CMD_DIED = 4    /* a sync failed: what was being written may or may not be kept; start again to know */
};

/* ---- words ---- */

/* Does the reader want Chinese? By LC_ALL, LC_MESSAGES, LANG, the first that is set. */
int cmd_zh(void);
/* The text in the reader's language. */
const char *cmd_word(const char *en, const char *zh);
/* One line on stderr, led by "jindu: ". Both formats take the same arguments. */
void cmd_say(const char *en, const char *zh, ...) __attribute__((format(printf, 1, 3), format(printf, 2, 3)));
/* The same for an error, with its place. */
void cmd_say_err(const jd_err *err);
/* The text of an error in the reader's language. */
const char *cmd_err_text(const jd_err *err);
/* One line on stdout: the result of a command. */
void cmd_tell(const char *en, const char *zh, ...) __attribute__((format(printf, 1, 3), format(printf, 2, 3)));

/* ---- options ---- */

typedef enum cmd_kind {
    CMD_FLAG,   /* int, 1 when given */
    CMD_TEXT,   /* const char * */
    CMD_CHOICE, /* const char *, one of choices */
    CMD_COUNT,  /* uint64_t, least..most */
    CMD_SIZE    /* uint64_t bytes, with k, M, G or T (powers of 1,024) */
} cmd_kind;

typedef struct cmd_opt {
    const char *name; /* without the dashes; in a configuration file with _ for - */
    const char *arg;  /* what stands for the value in --help; NULL for a flag */
    cmd_kind kind;
    int in_file; /* may stand in the file given by --config */
    size_t at;   /* offset in the command's settings */
    uint64_t least, most;
    const char *choices; /* "one|two" */
    const char *en, *zh; /* help, one line */
} cmd_opt;

enum { CMD_OPTS_MAX = 96 };

typedef struct cmd_line {
    const struct cmd_spec *spec;
    void *settings;
    unsigned char given[CMD_OPTS_MAX]; /* which options the command line has set */
    const char *const *args;           /* operands */
    int args_n;
} cmd_line;

typedef struct cmd_spec {
    const char *name;
    const char *operands; /* "FILE DIR", for --help; "" when there are none */
    int args_least, args_most;
    const char *en, *zh;           /* what it does, one line */
    const char *more_en, *more_zh; /* further lines of --help, each ended; may be NULL */
    const cmd_opt *opts;
    size_t opts_n;
    size_t settings_size;
    /* Sets what holds when nothing is said; settings are zeroed before. May be NULL. */
    void (*defaults)(void *settings);
    int (*run)(const cmd_line *line); /* returns an exit code */
} cmd_spec;

#define CMD_COUNT_OF(a) (sizeof(a) / sizeof *(a))

/* Reads argv (behind the command's name) and runs the command. Returns an exit code. */
int cmd_main(const cmd_spec *spec, int argc, const char *const *argv);
/* The value of one option from its text. 0 or -1 (*err names the option, and what it may be). */
int cmd_opt_set(const cmd_opt *o, void *settings, jd_str text, jd_err *err);
void cmd_help(const cmd_spec *spec, FILE *to);
/* The name most like `typed`, or NULL when none is near. names: n pointers, each `stride` bytes after the other. */
const char *cmd_nearest(jd_str typed, const char *const *first, size_t n, size_t stride);
/* Did the command line have the option? */
int cmd_given(const cmd_line *line, const char *option);
/* Says that a command needs one option or the other. CMD_USAGE. */
int cmd_usage(const cmd_line *line, const char *en, const char *zh, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));

/* Reads the configuration file: a JSON object whose members are options marked in_file. What the command line gave
 * stays. Texts live in the arena. 0 or -1; *err names file, line, column and member. */
int cmd_config_read(const char *path, const cmd_line *line, jd_arena *a, jd_err *err);

/* ---- files ---- */

/* Settings of the console (schemas/console.schema.json), into the arena. 0, or -1: all that is wrong with the file was
 * said. */
int cmd_console_read(const char *path, jd_arena *a, jd_str *out);

enum { CMD_FILE_MAX = 64 << 20 };
/* The whole of a small file, at most CMD_FILE_MAX bytes. 0 or -1. */
int cmd_file_read(const char *path, jd_buf *out, jd_err *err);

/* A file that gets its name only when it is whole and synced. */
typedef struct cmd_out {
    FILE *f;
    char *path, *part; /* NULL: standard output */
} cmd_out;
int cmd_out_open(cmd_out *o, const char *path, jd_err *err); /* path NULL or "-": standard output */
int cmd_out_commit(cmd_out *o, jd_err *err);
void cmd_out_abandon(cmd_out *o); /* harmless behind commit */

/* ---- progress of long work: one line on stderr, only when that is a terminal ---- */

typedef struct cmd_progress {
    int on;
    const char *rows; /* what is counted ("entities"), or NULL */
    const char *doing;
    uint64_t began_ns, drawn_ns;
} cmd_progress;
void cmd_progress_begin(cmd_progress *p, const char *doing, const char *rows);
/* done of total bytes (total 0: not known; both 0: not counted). Draws a few times a second at most. */
void cmd_progress_at(cmd_progress *p, uint64_t done, uint64_t total, uint64_t rows);
void cmd_progress_store(void *p, uint64_t done, uint64_t total); /* a jd_store_progress */
/* Takes the line away, so that a message can be written. */
void cmd_progress_hide(cmd_progress *p);
double cmd_progress_seconds(const cmd_progress *p);
/* "12.3 MB" */
void cmd_bytes_text(uint64_t n, char out[24]);

/* ---- interruption ---- */

/* From here on SIGINT, SIGTERM and SIGHUP only raise the flag that cmd_interrupted() reads; a second one ends at once.
 */
void cmd_interruptible(void);
int cmd_interrupted(void);

/* ---- the commands ---- */
extern const cmd_spec cmd_serve, cmd_import, cmd_export, cmd_check, cmd_backup, cmd_restore, cmd_decode, cmd_replay,
    cmd_pack, cmd_version;
#endif
