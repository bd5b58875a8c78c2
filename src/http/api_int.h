/* http/api_int.h - what the api_*.c files share. Nobody else includes this.
 *
 * A handler begins with api_begin(), which makes the checks that all operations have in common in the order of clause
 * 6.3: 411, tenant, 406 and 415, parameters, id, JSON, @context. A handler may run twice: when something has to be
 * waited for, api_begin leaves with JD_MAY_BLOCK and the whole handler runs again on a worker. */
#ifndef JD_HTTP_API_INT_H
#define JD_HTTP_API_INT_H
#include "base/hash.h"
#include "http/api.h"
#include "model/render.h"

#define API_ROOT "/ngsi-ld/v1"

typedef enum api_accept { API_JSON, API_LDJSON, API_GEOJSON } api_accept;

/* What options and format may hold. */
enum {
    API_O_FORMAT = 1, /* normalized, concise, simplified, keyValues; also the parameter `format` */
    API_O_SYSATTRS = 2,
    API_O_NO_OVERWRITE = 4,
    API_O_REPLACE = 8,
    API_O_UPDATE = 16,
    API_O_TEMPORAL = 32, /* normalized, concise, temporalValues, aggregatedValues; also the parameter `format` */
    API_O_COUNT = 64     /* as V1.3.1 and clients of its time say count=true */
};
/* How an evolution is shown (4.5.7, 4.5.9, 4.5.19). */
typedef enum api_evolution { API_E_INSTANCES, API_E_VALUES, API_E_AGGREGATED } api_evolution;

enum {                     /* what an operation needs; the low bits are API_O_* */
       API_READ = 0x100,   /* the answer is in the form that Accept asks for */
       API_GEO = 0x200,    /* which may be GeoJSON */
       API_BODY = 0x400,   /* a JSON body */
       API_OBJECT = 0x800, /* which is an object, with its @context inside when it is JSON-LD */
       API_PATCH = 0x1000, /* merge-patch+json is welcome too */
       API_MAKES_TENANT = 0x2000,
       API_ANY_TENANT = 0x4000, /* a tenant that is not there will do */
       API_ID = 0x8000,         /* parts[0] is an entity id */
       API_LIST = 0x10000       /* with API_OBJECT: or an array */
};

typedef struct api_ask {
    jd_req *r;
    jd_api *app;
    jd_arena *a;
    jd_str tenant; /* name; empty: the default one */
    int tenant_no; /* -1: not there (yet) */
    api_accept accept;
    int body_is_ld;
    int prefer_json;  /* Prefer: body=json */
    int prefer_minor; /* Prefer: ngsi-ld=1.x with an older x; else 0 */
    jd_str link;      /* the Link header's context; p NULL: none */
    jd_jval body;
    jd_context *ctx;  /* counted */
    unsigned options; /* API_O_NO_OVERWRITE ... as given */
    jd_format format;
    api_evolution evolution;
    int sys_attrs;
    jd_err err;
    jd_context **more; /* further contexts that the request holds (batches) */
    size_t more_n;
    jd_view view; /* of reads */
    int viewing;
    jd_job job; /* of writes */
    void *own;  /* the handler's */
    jd_turn turn;
} api_ask;

/* NULL: answered already, or to be run again; *turn says so. */
api_ask *api_begin(jd_req *r, unsigned needs, jd_turn *turn);
/* Gives back what the request holds: the view, the contexts. */
void api_end(api_ask *k);
jd_turn api_fail(api_ask *k);             /* answers with k->err */
jd_turn api_wait(api_ask *k);             /* to be run again on a worker */
jd_turn api_done(api_ask *k, int status); /* the answer stands in r->out */

/* Answers with what was written to r->out: Content-Type, Link, Prefer. */
jd_turn api_answer(api_ask *k, int status);
/* Brings r->out to what the older version that was preferred knew (clause 6.3.18). 1: something changed. */
int api_downgrade(api_ask *k);
/* Writes ,"@context":... into an object, when the form of the answer wants it there. */
void api_context_member(api_ask *k, jd_buf *out);
/* {"type":...,"title":...,"detail":...,"status":...} */
void api_problem(const api_ask *k, jd_buf *out, const jd_err *err);
void api_str(jd_buf *out, const char *name, jd_str value); /* "name":"value" */

/* ---- parameters ---- */
jd_str api_param(const api_ask *k, const char *name);
int api_bool(api_ask *k, const char *name, int *out); /* 0 when absent; 400 for neither true nor false */
int api_number(api_ask *k, const char *name, uint64_t absent, uint64_t max, uint64_t *out);
int api_uri_list(api_ask *k, const char *what, jd_str text, jd_str **out, size_t *n);
/* Comma-separated names -> symbols that the store knows; 0 for those it does not. */
int api_sym_list(api_ask *k, jd_str text, jd_sym **out, uint32_t *n);
int api_split(jd_arena *a, jd_str text, jd_str **out, size_t *n); /* at ','; parts are trimmed; -1: an empty one */
int api_known_name(api_ask *k, jd_str name, jd_sym *out);         /* expands; 0 in *out: not known to the store */
jd_names api_names(api_ask *k);
/* Sets the context of one item of an array body: its own for JSON-LD, else that of the request. 0, -1, or 1: must wait.
 */
int api_item_context(api_ask *k, const jd_jval *item, jd_context **out, jd_err *err);

/* ---- writing ---- */
int api_may_administer(api_ask *k); /* -1: 422, it needs --open */
/* -1: 409, the link, mapping or policy belongs to a pack, with which it is changed. */
int api_not_of_pack(api_ask *k, jd_dkind kind, jd_str id);
jd_turn api_no_attr(api_ask *k); /* 404: parts[0] has no attribute parts[1] */
/* The parameters datasetId (@none and absent: p NULL, the default instance) and deleteAll. */
int api_which_dataset(api_ask *k, jd_change_req *rq);
/* The body is the attribute itself, which must have no @context; the body as a whole may. */
void api_take_context_out(jd_jval *v);
/* An attribute of an entity that history alone knows is deleted: the turn in *turn, or 0: the entity is no such one. */
int api_temporal_gone(api_ask *k, jd_change_req rq, jd_turn *turn);
enum { API_MOMENTS_MAX = 1000000 }; /* instances of one entity that one request may tell */
jd_parse api_parser(api_ask *k, jd_context *ctx);
/* Fills in what k->job needs beside writes, n and done. */
void api_job_ready(api_ask *k);
/* Submits k->job (writes, n, done are set). */
jd_turn api_submit(api_ask *k);
/* Writes our own document of that kind whose id is the path's first part; body.p NULL removes it. 201 made, 204. */
jd_turn api_write_own(api_ask *k, jd_dkind kind, jd_str body);
jd_turn api_json(api_ask *k); /* 200: r->out is JSON */
/* BatchOperationResult (5.2.16): ids that are done, and errors. */
typedef struct api_item {
    jd_str id;         /* p NULL: the item has none */
    jd_write *w;       /* NULL: not submitted */
    const jd_err *err; /* NULL: done */
} api_item;
void api_batch_result(api_ask *k, const api_item *items, size_t n);

/* ---- asking (api_select.c) ---- */
/* Fails with JD_E_BAD_REQUEST_DATA: the parameter or member, and what is to be said of it. */
int api_bad(api_ask *k, const char *what, const char *en, const char *zh);
typedef struct api_texts { /* of one question, from the URL or from a Query body; p NULL: not given */
    jd_str type, q, scope_q, georel, geometry, geoproperty, coordinates, attrs, pick, omit, csf, join, order_by,
        collation, order_from, order_geometry, expand_values, json_keys, lang, dataset_id, geometry_property,
        contained_by;
    jd_str id, id_pattern;
    int has_join_level;
    uint64_t join_level;
    const jd_jval *entities; /* of a Query: selectors */
} api_texts;

typedef struct api_selector {
    const jd_typeq *types;
    jd_regex *pattern;
    jd_str *ids;
    size_t ids_n;
} api_selector;

typedef struct api_select {
    jd_question question;
    jd_render render;
    uint32_t links_left; /* linked entities that the answer may still open; 0 at the end: there were too many */
    jd_proj *proj;
    jd_q *q;
    jd_geoq *geo, *order_from;
    jd_order *order;
    api_selector *selectors;
    size_t selectors_n;
    uint64_t offset, limit;
    int count, local;
    const char *page_type; /* what links to further pages say of them; NULL: application/json */
} api_select;

void api_texts_of_params(const api_ask *k, api_texts *t);
/* From a Query body (5.2.23), but for temporalQ. 0 or -1. */
int api_texts_of_body(api_ask *k, api_texts *t);
/* Members of a body as the text that the parameter of that name would be; absent: untouched. */
int api_text_member(api_ask *k, const jd_jval *in, const char *name, jd_str *out);
int api_list_member(api_ask *k, const jd_jval *in, const char *name, jd_str *out);
/* Compiles what says which entities are meant. with_paging: limit, offset, count, local from the URL. 0 or -1. */
int api_select_make(api_ask *k, const api_texts *t, api_select *s);
/* After rendering: 0, or -1 when the linked entities were too many. */
int api_links_ok(api_ask *k, const api_select *s);
/* Compiles what says how they are shown. */
int api_render_make(api_ask *k, const api_texts *t, api_select *s);
int api_paging(api_ask *k, api_select *s);
/* Is enough said that not the whole store would be asked (5.7.2.4)? */
int api_narrow_enough(api_ask *k, const api_texts *t, const api_select *s);
/* The list of the parameter datasetId: URIs and @none. p NULL: none. */
int api_datasets(api_ask *k, jd_str text, const jd_str **out, size_t *n);
int api_no_entity_map(api_ask *k); /* -1 when one is asked for: there are none yet */
/* NGSILD-Results-Count, and links to the pages before and behind. */
void api_page_links(api_ask *k, const api_select *s, int more, uint64_t total);
void api_select_fini(api_select *s);
int api_view_begin(api_ask *k); /* -1: the tenant is not there */
/* For join=flat: entities that are linked follow those that were found, each once. */
typedef struct api_flat api_flat;
api_flat *api_flat_begin(api_ask *k, const api_select *s);
void api_flat_add(api_flat *f, const jd_doc *d); /* an entity that is written itself */
size_t api_flat_write(api_flat *f, jd_buf *out); /* the linked ones, each behind a comma; returns how many */
void api_flat_end(api_flat *f);

/* ---- alerts (api_alerts.c) ---- */
enum { API_ALERT_FILTERS = 6 };
typedef struct api_alert_filter {
    const jd_symtab *symbols;
    jd_sym attr[API_ALERT_FILTERS];
    jd_str value[API_ALERT_FILTERS]; /* p NULL: any; several with commas */
    jd_sym silenced;
    int silent;
} api_alert_filter;
jd_sym api_alert_sym(const api_ask *k, const char *name);
/* From the parameters; 0 or -1. */
int api_alert_filter_make(api_ask *k, api_alert_filter *f);
int api_alert_passes(void *filter, const jd_doc *d);
int api_one_of(jd_str list, jd_str s); /* of words with commas between them */

/* ---- handlers ---- */
jd_turn api_entity_create(jd_req *r);
jd_turn api_entity_get(jd_req *r);
jd_turn api_entity_replace(jd_req *r);
jd_turn api_entity_merge(jd_req *r);
jd_turn api_entity_delete(jd_req *r);
jd_turn api_entity_nameless(jd_req *r);
jd_turn api_attrs_append(jd_req *r);
jd_turn api_attrs_update(jd_req *r);
jd_turn api_attr_patch(jd_req *r);
jd_turn api_attr_replace(jd_req *r);
jd_turn api_attr_delete(jd_req *r);
jd_turn api_batch_create(jd_req *r);
jd_turn api_batch_upsert(jd_req *r);
jd_turn api_batch_update(jd_req *r);
jd_turn api_batch_merge(jd_req *r);
jd_turn api_batch_delete(jd_req *r);
jd_turn api_batch_temporal(jd_req *r);
jd_turn api_temporal_upsert(jd_req *r);
jd_turn api_temporal_append(jd_req *r);
jd_turn api_temporal_delete(jd_req *r);
jd_turn api_temporal_attr_delete(jd_req *r);
jd_turn api_temporal_attr_patch(jd_req *r);
jd_turn api_temporal_instance_patch(jd_req *r);
jd_turn api_temporal_instance_delete(jd_req *r);
jd_turn api_temporal_get(jd_req *r);
jd_turn api_temporal_query(jd_req *r);
jd_turn api_temporal_query_post(jd_req *r);
jd_turn api_entities_query(jd_req *r);
jd_turn api_entities_query_post(jd_req *r);
jd_turn api_entities_purge(jd_req *r);
jd_turn api_types_list(jd_req *r);
jd_turn api_type_get(jd_req *r);
jd_turn api_attributes_list(jd_req *r);
jd_turn api_attribute_get(jd_req *r);
jd_turn api_contexts_add(jd_req *r);
jd_turn api_contexts_list(jd_req *r);
jd_turn api_context_get(jd_req *r);
jd_turn api_context_delete(jd_req *r);
int api_contexts_load(jd_api *api, jd_err *err);
/* The @context value as one that is kept in the asker's tenant (5.13.1, implicitly created): *url is where. When it was
 * not there yet it is hosted now, *made is its id (else p NULL) and *w is the write that keeps it; who does not write
 * drops it. 0 or -1: k->err. */
int api_context_implicit(api_ask *k, const jd_jval *value, jd_str *url, jd_str *made, jd_write *w);
jd_turn api_source_identity(jd_req *r);
jd_turn api_unbuilt(jd_req *r);
jd_turn api_backup(jd_req *r);
jd_turn api_policy_put(jd_req *r);
jd_turn api_policy_delete(jd_req *r);
jd_turn api_policies_list(jd_req *r);
jd_turn api_history_settle(jd_req *r);
jd_turn api_sub_create(jd_req *r);
jd_turn api_sub_get(jd_req *r);
jd_turn api_sub_patch(jd_req *r);
jd_turn api_sub_delete(jd_req *r);
jd_turn api_subs_list(jd_req *r);
jd_turn api_sub_explain(jd_req *r);
jd_turn api_sub_attempts(jd_req *r);
jd_turn api_sub_resend(jd_req *r);
jd_turn api_sub_replay(jd_req *r);
jd_turn api_sub_dry_run(jd_req *r);
jd_turn api_live(jd_req *r);
jd_turn api_links_list(jd_req *r);
jd_turn api_link_get(jd_req *r);
jd_turn api_link_put(jd_req *r);
jd_turn api_link_delete(jd_req *r);
jd_turn api_link_quarantine(jd_req *r);
jd_turn api_devices_list(jd_req *r);
jd_turn api_device_get(jd_req *r);
jd_turn api_device_claim(jd_req *r);
jd_turn api_device_refuse(jd_req *r);
jd_turn api_device_command(jd_req *r);
jd_turn api_mapping_put(jd_req *r);
jd_turn api_mapping_delete(jd_req *r);
jd_turn api_mapping_get(jd_req *r);
jd_turn api_mappings_list(jd_req *r);
jd_turn api_table_post(jd_req *r);
jd_turn api_table_profile(jd_req *r);
jd_turn api_tables_list(jd_req *r);
jd_turn api_table_get(jd_req *r);
jd_turn api_table_refused(jd_req *r);
jd_turn api_contacts_list(jd_req *r);
jd_turn api_contact_get(jd_req *r);
jd_turn api_contact_put(jd_req *r);
jd_turn api_contact_delete(jd_req *r);
jd_turn api_rosters_list(jd_req *r);
jd_turn api_roster_get(jd_req *r);
jd_turn api_roster_put(jd_req *r);
jd_turn api_roster_delete(jd_req *r);
jd_turn api_roster_duty(jd_req *r);
jd_turn api_channels_list(jd_req *r);
jd_turn api_channel_get(jd_req *r);
jd_turn api_channel_put(jd_req *r);
jd_turn api_channel_delete(jd_req *r);
jd_turn api_channel_test(jd_req *r);
jd_turn api_messages_list(jd_req *r);
jd_turn api_messages_post(jd_req *r);
jd_turn api_message_get(jd_req *r);
jd_turn api_message_read(jd_req *r);
jd_turn api_message_link(jd_req *r);
jd_turn api_packs_list(jd_req *r);
jd_turn api_packs_post(jd_req *r);
jd_turn api_pack_get(jd_req *r);
jd_turn api_pack_delete(jd_req *r);
jd_turn api_pack_context(jd_req *r);
jd_turn api_schemas_list(jd_req *r);
jd_turn api_schema_get(jd_req *r);
int api_console_open(jd_api *api, jd_err *err);
void api_console_close(jd_api *api);
jd_turn api_console_get(jd_req *r);
jd_turn api_console_context(jd_req *r);
jd_turn api_rules_list(jd_req *r);
jd_turn api_rule_get(jd_req *r);
jd_turn api_rule_explain(jd_req *r);
jd_turn api_rule_try(jd_req *r);
jd_turn api_alerts_list(jd_req *r);
jd_turn api_alert_get(jd_req *r);
jd_turn api_alert_acknowledge(jd_req *r);
jd_turn api_alert_comment(jd_req *r);
jd_turn api_alert_clear(jd_req *r);
jd_turn api_alerts_histogram(jd_req *r);
jd_turn api_alert_silence(jd_req *r);
jd_turn api_alert_unsilence(jd_req *r);
jd_turn api_alerts_context(jd_req *r);
jd_turn api_alert_cap_get(jd_req *r);
jd_turn api_alert_cap_post(jd_req *r);
#endif
