/* link/sources.h - declared sources of tables: links of the protocol "tables" (docs/tables.md). For links.c.
 *
 * A source is a folder into which files are dropped, a URL that is asked, or a query to PostgreSQL; all of them share
 * one thread, which takes one table after the other. Lifetime: one that was prepared is applied, or freed.
 * Threads: everything here may be called from any thread. */
#ifndef JD_LINK_SOURCES_H
#define JD_LINK_SOURCES_H
#include "link/links.h"
#include "link/tables.h"

typedef struct jd_table_source jd_table_source;
/* Checks a declaration. JD_E_BAD_REQUEST_DATA with the member's path. t NULL: what can be said without a city is
 * checked (no folder is looked at). coming may be NULL. */
int jd_sources_prepare(jd_tables *t, jd_str name, const jd_jval *v, const jd_links_coming *coming,
                       jd_table_source **out, jd_err *err);
void jd_source_free(jd_table_source *s); /* of one that was not applied; NULL is fine */
/* From now on it is asked; one that had the name goes. */
void jd_sources_apply(jd_tables *t, jd_table_source *s);
void jd_sources_remove(jd_tables *t, jd_str name); /* none of that name: nothing happens */
/* ,"mapping":...,"state":... behind what stands in *out */
void jd_sources_json(jd_tables *t, jd_str name, jd_buf *out);
/* Does text hold a password that is not to be shown? */
int jd_source_is_secret(jd_str text);
#endif
