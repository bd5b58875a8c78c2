/* link/sources_int.h - what the files of declared sources share. Nobody else includes this. */
#ifndef JD_LINK_SOURCES_INT_H
#define JD_LINK_SOURCES_INT_H
#include "link/sources.h"
#include "link/tables_int.h"

typedef enum source_kind { SOURCE_FOLDER, SOURCE_PULL, SOURCE_POSTGRESQL } source_kind;

typedef struct source_file { /* a file that was seen in a folder */
    char *name;
    int64_t size, changed_ns;
    uint64_t since_ns; /* it has been so since then */
    uint64_t again_ns; /* it could not be taken: not before then */
    int there;
} source_file;

struct jd_table_source {
    jd_table_source *next;
    jd_arena arena;
    source_kind kind;
    jd_str name, mapping, tenant;
    const char *where; /* folder, URL or conninfo */
    const char *query;
    char *origin;
    uint64_t every_ns;
    int refs, gone; /* under the lock, as are all below but the thread's own */
    uint64_t due_ns;
    /* what is to be seen */
    const char *state; /* "open", "reading", "failing" */
    char reason[400], reason_zh[400];
    uint64_t tables, refused_tables, rows, readings, rows_refused, unchanged, failures;
    jd_time last; /* a table was taken or refused */
    /* the thread's own */
    source_file *files;
    size_t files_n;
    char etag[256], modified[64];
    uint64_t hash;
    int has_hash;
};

struct tables_sources {
    pthread_mutex_t lock;
    pthread_cond_t news;
    pthread_t thread;
    int running;
    jd_table_source *first;
};

enum { SOURCE_BYTES_MAX = 1 << 30 }; /* of one table that is pulled */

/* What one turn of a source came to. */
typedef enum source_turn { TURN_DONE, TURN_UNCHANGED, TURN_FAILED } source_turn;
/* Gives the table to the mapping. 0; 1: it was refused, *err says why; -1: it could not be taken now. The id of its
 * report goes to id ("" when there is none), and whether rows were set aside to *aside. */
int source_take(jd_tables *t, jd_table_source *s, const char *file, int fd, char id[TABLE_ID_MAX], int *aside,
                jd_err *err);
/* sources_pull.c: fetches what is new into a file without a name. -1: *err. */
source_turn source_pull(jd_tables *t, jd_table_source *s, int fd, jd_err *err);
source_turn source_query(jd_tables *t, jd_table_source *s, int fd, jd_err *err);
/* sources_folder.c */
source_turn source_folder(jd_tables *t, jd_table_source *s, jd_err *err);
int source_folder_check(const jd_tables *t, const char *path, jd_err *err);
#endif
