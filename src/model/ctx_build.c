/* From context values to a term table: the context processing of the JSON-LD 1.1 API, as far as it says which name is
 * which IRI. Where NGSI-LD asks for something else, or JSON-LD leaves a choice:
 *
 * - The core context is as if it came last (clause 4.4), so its terms win, and so does its @vocab. A user's @vocab
 *   therefore counts only inside the definitions that stand behind it, as JSON-LD has it.
 * - Core URLs inside a user's context are left out; in definitions the core is what is looked up last.
 * - A definition that gives no IRI, or a relative one, belongs to the user's @vocab, else to the default vocabulary.
 * - Scoped contexts (@context in a term) are refused in what a client sends (clause 5.5.7) and passed over in remote
 *   documents, so that vocabularies made for others can still be named.
 * - @type, @container, @language, @direction, @nest, @index are checked and dropped: NGSI-LD says itself what a value
 *   is. @protected, @propagate and @base are checked and have no effect. A term with @reverse is as if undefined.
 * - "urn" is never a prefix. Terms that hold a colon must mean what they would without being defined (as in JSON-LD
 *   1.1); terms with a slash may mean anything. */
#include "model/context_int.h"

#include <stdlib.h>

enum { CHAIN_MAX = 64, DOCUMENTS_MAX = 256, TERMS_MAX = 200000, DEPTH_MAX = 8 };

typedef struct builder {
    jd_context *core; /* NULL while the core itself is built */
    const ctx_loader *l;
    jd_err *err;
    jd_arena keep;    /* becomes the context's */
    jd_arena scratch; /* trees and pieces */
    jd_strmap at;     /* name -> place in terms */
    ctx_term *terms;
    uint32_t terms_n, terms_cap;
    jd_str vocab; /* the user's; p == NULL: none */
    uint32_t documents, deep;
} builder;

/* An object context while its terms are being defined. */
typedef struct local {
    const jd_jval *v;
    jd_strmap at; /* name -> member */
    uint8_t *state;
    jd_str place; /* "@context[2]" or a URL */
    int remote;
} local;

enum { NEW, NOW, DONE };

typedef struct chain { /* the documents around a value */
    const struct chain *outer;
    jd_str url;
} chain;

typedef struct where { /* of a value that is being processed */
    jd_str base, place;
    const chain *in;
    int remote;
} where;

/* iri.p of a term that is not defined, or not any more. */
static const char GONE[] = "";

static int bad(builder *b, jd_str place, const char *en, const char *zh) {
    jd_fail(b->err, JD_E_BAD_REQUEST_DATA, "%s%.0s", "%.0s%s", en, zh);
    return jd_fail_at(b->err, "%.*s", JD_STR_ARG(place));
}

static int bad_term(builder *b, const local *l, jd_str name, const char *en, const char *zh) {
    int n = ctx__shown(name, 100);
    jd_fail(b->err, JD_E_BAD_REQUEST_DATA, "term \"%.*s\": %s%.0s", "术语“%.*s”：%.0s%s", n, name.p, en, zh);
    return jd_fail_at(b->err, "%.*s.%.*s", JD_STR_ARG(l->place), n, name.p);
}

/* ---- terms so far ---- */
static const ctx_term *term_of(const builder *b, jd_str name) {
    uint32_t i = jd_strmap_get(&b->at, name);
    return i == JD_STRMAP_NONE || b->terms[i].iri.p == GONE ? NULL : &b->terms[i];
}

static const ctx_term *core_term(const builder *b, jd_str name) {
    return b->core ? ctx__find(&b->core->by_name, name, (uint32_t)jd_hash(name.p, name.n)) : NULL;
}

static int term_set(builder *b, const local *l, jd_str name, jd_str iri, int prefix) {
    uint32_t i = jd_strmap_get(&b->at, name);
    if (i == JD_STRMAP_NONE) {
        if (b->terms_n == TERMS_MAX) return bad(b, l->place, "too many terms", "术语过多");
        if (b->terms_n == b->terms_cap) {
            b->terms_cap = b->terms_cap ? b->terms_cap * 2 : 32;
            b->terms = jd_xrealloc(b->terms, sizeof *b->terms * b->terms_cap);
        }
        i = b->terms_n++;
        jd_strmap_put(&b->at, name, i);
        b->terms[i] = (ctx_term){.name = jd_arena_dup(&b->keep, name)};
    }
    b->terms[i].iri = iri.p && iri.p != GONE ? jd_arena_dup(&b->keep, iri) : iri;
    b->terms[i].prefix = prefix && iri.p && iri.n && !ctx__keyword(iri);
    return 0;
}

static void term_unset(builder *b, jd_str name) {
    uint32_t i = jd_strmap_get(&b->at, name);
    if (i != JD_STRMAP_NONE) b->terms[i].iri = (jd_str){GONE, 0}, b->terms[i].prefix = 0;
}

static void forget_all(builder *b) {
    for (uint32_t i = 0; i < b->terms_n; i++) b->terms[i].iri = (jd_str){GONE, 0}, b->terms[i].prefix = 0;
    b->vocab = (jd_str){NULL, 0};
}

/* ---- IRI expansion while defining ---- */
static int define(builder *b, local *l, uint32_t i);

static jd_str join(builder *b, jd_str head, jd_str tail) {
    char *p = jd_arena_alloc(&b->scratch, head.n + tail.n + 1);
    memcpy(p, head.p, head.n);
    memcpy(p + head.n, tail.p, tail.n);
    return (jd_str){p, head.n + tail.n};
}

static jd_str in_vocab(builder *b, jd_str name) {
    return join(b, b->vocab.p ? b->vocab : JD_STR(JD_DEFAULT_VOCAB), name);
}

/* What a name stands for may be said further down in the same object. */
static int define_first(builder *b, local *l, jd_str name) {
    uint32_t i = l ? jd_strmap_get(&l->at, name) : JD_STRMAP_NONE;
    return i == JD_STRMAP_NONE || l->state[i] == DONE ? 0 : define(b, l, i);
}

/* *out.p stays NULL when value holds no colon, or one that separates nothing. */
static int with_colon(builder *b, local *l, jd_str value, jd_str *out) {
    *out = (jd_str){NULL, 0};
    const char *colon = value.n > 1 ? memchr(value.p + 1, ':', value.n - 1) : NULL;
    if (!colon) return 0;
    jd_str prefix = {value.p, (size_t)(colon - value.p)}, suffix = {colon + 1, value.n - prefix.n - 1};
    if (!ctx__absolute(prefix, suffix)) {
        if (define_first(b, l, prefix)) return -1;
        const ctx_term *t = term_of(b, prefix);
        if (!t) t = core_term(b, prefix);
        if (t && t->prefix) {
            *out = join(b, t->iri, suffix);
            return 0;
        }
        if (!ctx__scheme(prefix)) return 0;
    }
    *out = value;
    return 0;
}

/* out->p == NULL: null. */
static int iri_of(builder *b, local *l, jd_str value, jd_str *out) {
    *out = value;
    if (ctx__keyword(value)) return 0;
    if (define_first(b, l, value)) return -1;
    const ctx_term *t = term_of(b, value);
    if (!t && !b->vocab.p) t = core_term(b, value);
    if (t) {
        *out = t->iri;
        return 0;
    }
    if (with_colon(b, l, value, out)) return -1;
    if (!out->p) *out = in_vocab(b, value);
    return 0;
}

/* What a term that is not given an IRI means by its form alone. */
static int natural(builder *b, local *l, jd_str name, jd_str *out) {
    if (with_colon(b, l, name, out)) return -1;
    if (!out->p) *out = in_vocab(b, name);
    return 0;
}

/* ---- definitions ---- */
static int one_of(const jd_jval *v, const char *const *words) {
    for (; v->type == JD_JSTR && *words; words++)
        if (jd_jis(v, *words)) return 1;
    return 0;
}

static int is_bool(const jd_jval *v) {
    return v->type == JD_JTRUE || v->type == JD_JFALSE;
}

static int container_ok(const jd_jval *v) {
    static const char *const kinds[] = {"@graph", "@id", "@index", "@language", "@list", "@set", "@type", NULL};
    if (v->type == JD_JNULL || one_of(v, kinds)) return 1;
    if (v->type != JD_JARR) return 0;
    for (uint32_t i = 0; i < v->n; i++)
        if (!one_of(&v->items[i], kinds)) return 0;
    return 1;
}

static int type_ok(const jd_jval *v) {
    static const char *const kinds[] = {"@id", "@json", "@none", "@vocab", NULL};
    if (v->type == JD_JNULL) return 1;
    if (v->type != JD_JSTR) return 0;
    return v->n == 0 || v->s[0] != '@' || one_of(v, kinds);
}

static int member_ok(jd_str name, const jd_jval *v) {
    static const char *const directions[] = {"ltr", "rtl", NULL};
    if (jd_str_is(name, "@id")) return v->type == JD_JSTR || v->type == JD_JNULL;
    if (jd_str_is(name, "@type")) return type_ok(v);
    if (jd_str_is(name, "@container")) return container_ok(v);
    if (jd_str_is(name, "@language")) return v->type == JD_JSTR || v->type == JD_JNULL;
    if (jd_str_is(name, "@direction")) return v->type == JD_JNULL || one_of(v, directions);
    if (jd_str_is(name, "@reverse") || jd_str_is(name, "@index")) return v->type == JD_JSTR;
    if (jd_str_is(name, "@nest")) return v->type == JD_JSTR && (!ctx__keyword(jd_jstr(v)) || jd_jis(v, "@nest"));
    if (jd_str_is(name, "@prefix") || jd_str_is(name, "@protected")) return is_bool(v);
    return jd_str_is(name, "@context");
}

static int members_ok(builder *b, const local *l, jd_str name, const jd_jval *def) {
    for (uint32_t i = 0; i < def->n; i++) {
        const jd_jmember *m = &def->members[i];
        if (!member_ok(m->name, &m->val)) {
            bad_term(b, l, name, "a member is unknown or its value is not allowed", "有成员未知或取值不允许");
            if (b->err) b->err->place[0] = 0;
            return jd_fail_at(b->err, "%.*s.%.*s.%.*s", JD_STR_ARG(l->place), ctx__shown(name, 100), name.p,
                              ctx__shown(m->name, 40), m->name.p);
        }
        if (jd_str_is(m->name, "@context") && !l->remote)
            return bad_term(b, l, name, "a scoped @context is not allowed in NGSI-LD (clause 5.5.7)",
                            "NGSI-LD 不允许术语内嵌 @context（5.5.7）");
    }
    if (jd_jget(def, "@reverse") && (jd_jget(def, "@id") || jd_jget(def, "@nest")))
        return bad_term(b, l, name, "@reverse excludes @id and @nest", "@reverse 不能与 @id、@nest 同用");
    return 0;
}

static int ends_in_gen_delim(jd_str iri) {
    return iri.n && memchr(":/?#[]@", iri.p[iri.n - 1], 7) != NULL;
}

/* A name with a colon inside must mean what it says, or the IRI it looks like could no longer be written. */
static int define_iri(builder *b, local *l, jd_str name, jd_str iri, int prefix) {
    if (name.n > 2 && memchr(name.p + 1, ':', name.n - 2)) {
        jd_str meant;
        if (natural(b, l, name, &meant)) return -1;
        if (b->l->load && !jd_str_eq(meant, iri))
            return bad_term(b, l, name, "a name with a colon cannot stand for another IRI",
                            "含冒号的名称不能指向其他 IRI");
    }
    return term_set(b, l, name, iri, prefix);
}

static int define_null(builder *b, local *l, jd_str name) {
    jd_str meant;
    if (natural(b, l, name, &meant)) return -1;
    return jd_str_eq(meant, name) ? 0 : term_set(b, l, name, (jd_str){NULL, 0}, 0); /* an IRI stays itself */
}

static int define_value(builder *b, local *l, jd_str name, const jd_jval *def) {
    static const jd_jval nothing = {.type = JD_JOBJ};
    jd_str iri, id = {NULL, 0};
    int simple = def->type == JD_JSTR, plain = !memchr(name.p, ':', name.n) && !memchr(name.p, '/', name.n);
    const jd_jval *o = def->type == JD_JOBJ ? def : &nothing, *as_prefix = jd_jget(o, "@prefix"),
                  *given = jd_jget(o, "@id");
    if (!simple && def->type != JD_JOBJ && def->type != JD_JNULL)
        return bad_term(b, l, name, "a definition is a string, an object or null", "术语定义须为字符串、对象或 null");
    if (members_ok(b, l, name, o)) return -1;
    if (as_prefix && as_prefix->type == JD_JTRUE && !plain)
        return bad_term(b, l, name, "a prefix holds no colon or slash", "前缀不能含冒号或斜杠");
    if (jd_jget(o, "@reverse")) return 0;
    if (def->type == JD_JNULL || (given && given->type == JD_JNULL)) return define_null(b, l, name);
    if (simple || given) id = jd_jstr(simple ? def : given);
    if (!id.p || jd_str_eq(id, name)) {
        if (natural(b, l, name, &iri)) return -1;
    } else {
        if (ctx__keyword_like(id) && !ctx__keyword(id)) return 0; /* reserved: as if not defined */
        if (iri_of(b, l, id, &iri)) return -1;
        if (!iri.p) return define_null(b, l, name);
        if (jd_str_is(iri, "@context")) return bad_term(b, l, name, "@context has no aliases", "@context 不能有别名");
    }
    int prefix = as_prefix ? as_prefix->type == JD_JTRUE
                           : simple && plain && (ends_in_gen_delim(iri) || jd_str_starts(iri, JD_STR("_:")));
    if (as_prefix && prefix && ctx__keyword(iri))
        return bad_term(b, l, name, "a keyword is no prefix", "关键字不能作前缀");
    return define_iri(b, l, name, iri, prefix);
}

static int define(builder *b, local *l, uint32_t i) {
    jd_str name = l->v->members[i].name;
    const jd_jval *def = &l->v->members[i].val;
    if (l->state[i] == DONE) return 0;
    if (l->state[i] == NOW) return bad_term(b, l, name, "it is defined by itself", "定义循环引用自身");
    if (b->deep == CHAIN_MAX) return bad_term(b, l, name, "too many terms lean on one another", "术语间引用层次过深");
    l->state[i] = NOW;
    b->deep++;
    int rc = 0;
    if (!name.n)
        rc = bad_term(b, l, name, "a term has no name", "术语名为空");
    else if (jd_str_is(name, "@type") && def->type == JD_JOBJ)
        rc = members_ok(b, l, name, def); /* only its container may be said, which is not used here */
    else if (ctx__keyword(name))
        rc = bad_term(b, l, name, "a keyword cannot be defined", "不能重新定义关键字");
    else if (!ctx__keyword_like(name)) {
        term_unset(b, name);
        rc = define_value(b, l, name, def);
    }
    b->deep--;
    l->state[i] = DONE;
    return rc;
}

/* ---- contexts ---- */
static int process(builder *b, const jd_jval *v, const where *w);

static int cyclic(const chain *c, jd_str url) {
    for (; c; c = c->outer)
        if (jd_str_eq(c->url, url)) return 1;
    return 0;
}

static uint32_t depth(const chain *c) {
    uint32_t n = 0;
    for (; c; c = c->outer) n++;
    return n;
}

/* Runs `then` on the "@context" of the document that ref names. Same results as ctx__build. */
static int follow(builder *b, jd_str ref, const where *w,
                  int (*then)(builder *, const jd_jval *, const where *, void *), void *arg) {
    if (ctx__is_core_url(ref)) return 0;
    jd_str url = ctx__resolve(&b->scratch, w->base, ref);
    if (!url.p) return bad(b, w->place, "a relative URL has nothing to be relative to", "相对 URL 没有基准");
    if (!b->l->load || ctx__is_core_url(url)) return 0;
    if (cyclic(w->in, url))
        return bad(b, url, "the contexts refer to one another in a circle", "@context 之间循环引用");
    if (depth(w->in) >= b->l->depth_max)
        return bad(b, url, "contexts refer to contexts too deep", "@context 引用层次过深");
    if (++b->documents > DOCUMENTS_MAX) return bad(b, url, "too many contexts are referred to", "引用的 @context 过多");

    ctx_loaded doc;
    int rc = b->l->load(b->l->arg, url, &doc, b->err);
    if (rc) return rc < 0 ? jd_fail_at(b->err, "%.*s", JD_STR_ARG(url)) : rc;
    jd_jval root;
    const jd_jval *v;
    chain here = {w->in, url};
    where in = {doc.base, url, &here, 1};
    if (jd_json_parse(&b->scratch, doc.text, NULL, &root, b->err)) {
        rc = -1;
    } else if (!(v = jd_jget(&root, "@context"))) {
        rc = bad(b, url, "the document has no @context", "文档没有 @context");
    } else {
        rc = then(b, v, &in, arg);
    }
    b->l->unload(b->l->arg, doc.hold);
    return rc;
}

static int process_reference(builder *b, const jd_jval *v, const where *w, void *arg) {
    (void)arg;
    return process(b, v, w);
}

/* The members that only the imported context has, behind those of the object itself. */
typedef struct import {
    const jd_jval *own;
    jd_jval all;
    const where *w;
} import;

static int object(builder *b, const jd_jval *v, const where *w);

static int process_import(builder *b, const jd_jval *v, const where *w, void *arg) {
    import *im = arg;
    if (v->type != JD_JOBJ || jd_jget(v, "@import"))
        return bad(b, w->place, "what is imported must be one object without @import",
                   "@import 的内容须为不含 @import 的单个对象");
    jd_jmember *m = JD_NEWN(&b->scratch, jd_jmember, im->own->n + v->n);
    jd_strmap names;
    uint32_t n = 0;
    jd_strmap_init(&names);
    for (uint32_t i = 0; i < im->own->n; i++) {
        if (jd_str_is(im->own->members[i].name, "@import")) continue;
        jd_strmap_put(&names, im->own->members[i].name, 0);
        m[n++] = im->own->members[i];
    }
    for (uint32_t i = 0; i < v->n; i++)
        if (jd_strmap_get(&names, v->members[i].name) == JD_STRMAP_NONE) m[n++] = v->members[i];
    jd_strmap_fini(&names);
    jd_jval all = {.type = JD_JOBJ, .n = n, .members = m};
    return object(b, &all, im->w);
}

static int set_vocab(builder *b, const jd_jval *v, const where *w) {
    if (v->type == JD_JNULL || (v->type == JD_JSTR && v->n == 0)) {
        b->vocab = (jd_str){NULL, 0};
        return 0;
    }
    if (v->type != JD_JSTR) return bad(b, w->place, "@vocab must be a string or null", "@vocab 须为字符串或 null");
    jd_str given = jd_jstr(v), iri;
    const ctx_term *t = term_of(b, given);
    if (t)
        iri = t->iri;
    else if (with_colon(b, NULL, given, &iri))
        return -1;
    if (!iri.p && b->vocab.p) iri = join(b, b->vocab, given);
    if (!iri.p) iri = ctx__resolve(&b->scratch, w->base, given);
    if (!iri.p || ctx__keyword(iri)) return bad(b, w->place, "@vocab is no IRI", "@vocab 不是 IRI");
    b->vocab = jd_arena_dup(&b->keep, iri);
    return 0;
}

/* The members that are not terms. *known: it was one. */
static int setting(builder *b, const jd_jmember *m, const where *w, int *known) {
    static const char *const directions[] = {"ltr", "rtl", NULL};
    const jd_jval *v = &m->val;
    int text = v->type == JD_JSTR || v->type == JD_JNULL;
    *known = 1;
    if (jd_str_is(m->name, "@vocab")) return set_vocab(b, v, w);
    if (jd_str_is(m->name, "@version")) {
        if (v->type == JD_JNUM && jd_jnum(v) == 1.1) return 0;
        return bad(b, w->place, "@version must be 1.1", "@version 须为 1.1");
    }
    if (jd_str_is(m->name, "@base") || jd_str_is(m->name, "@language")) {
        if (text) return 0;
        return bad(b, w->place, "@base and @language are strings or null", "@base、@language 须为字符串或 null");
    }
    if (jd_str_is(m->name, "@direction")) {
        if (v->type == JD_JNULL || one_of(v, directions)) return 0;
        return bad(b, w->place, "@direction is \"ltr\", \"rtl\" or null", "@direction 须为 ltr、rtl 或 null");
    }
    if (jd_str_is(m->name, "@protected") || jd_str_is(m->name, "@propagate")) {
        if (is_bool(v)) return 0;
        return bad(b, w->place, "@protected and @propagate are true or false",
                   "@protected、@propagate 须为 true 或 false");
    }
    *known = 0;
    return 0;
}

static int define_all(builder *b, local *l, const where *w) {
    for (uint32_t i = 0; i < l->v->n; i++) {
        int known;
        if (setting(b, &l->v->members[i], w, &known)) return -1;
        if (known)
            l->state[i] = DONE;
        else
            jd_strmap_put(&l->at, l->v->members[i].name, i);
    }
    for (uint32_t i = 0; i < l->v->n; i++)
        if (define(b, l, i)) return -1;
    return 0;
}

static int object(builder *b, const jd_jval *v, const where *w) {
    const jd_jval *from = jd_jget(v, "@import");
    if (from) {
        if (from->type != JD_JSTR) return bad(b, w->place, "@import must be a URL", "@import 须为 URL");
        if (b->l->load && !ctx__is_core_url(jd_jstr(from))) {
import im = {.own = v, .w = w };
            return follow(b, jd_jstr(from), w, process_import, &im);
        }
        jd_jval none = {.type = JD_JOBJ};
import im = {.own = v, .w = w };
        return process_import(b, &none, w, &im);
    }
    local l = {.v = v, .place = w->place, .remote = w->remote};
    jd_strmap_init(&l.at);
    l.state = jd_arena_zalloc(&b->scratch, v->n + 1);
    int rc = define_all(b, &l, w);
    jd_strmap_fini(&l.at);
    return rc;
}

static int array(builder *b, const jd_jval *v, const where *w) {
    for (uint32_t i = 0; i < v->n; i++) {
        where in = *w;
        in.place = jd_arena_printf(&b->scratch, "%.*s[%u]", JD_STR_ARG(w->place), i);
        if (v->items[i].type == JD_JARR) return bad(b, in.place, "an array inside an array", "数组不能嵌套数组");
        int rc = process(b, &v->items[i], &in);
        if (rc) return rc;
    }
    return 0;
}

static int process(builder *b, const jd_jval *v, const where *w) {
    jd_arena_mark m = jd_arena_tell(&b->scratch);
    int rc = 0;
    switch (v->type) {
    case JD_JNULL: forget_all(b); break;
    case JD_JSTR: rc = follow(b, jd_jstr(v), w, process_reference, NULL); break;
    case JD_JOBJ: rc = object(b, v, w); break;
    case JD_JARR: rc = array(b, v, w); break;
    default:
        return bad(b, w->place, "@context must be a URL, an object, an array of those, or null",
                   "@context 须为 URL、对象、二者的数组或 null");
    }
    jd_arena_rewind(&b->scratch, m);
    return rc;
}

/* ---- from outside ---- */
static void builder_init(builder *b, jd_context *core, const ctx_loader *l, jd_err *err) {
    *b = (builder){.core = core, .l = l, .err = err};
    jd_arena_init(&b->keep);
    jd_arena_init(&b->scratch);
    jd_strmap_init(&b->at);
}

static void builder_fini(builder *b) {
    free(b->terms);
    jd_strmap_fini(&b->at);
    jd_arena_fini(&b->scratch);
    jd_arena_fini(&b->keep);
}

static ctx_term *terms_left(builder *b, uint32_t *n) {
    ctx_term *to = JD_NEWN(&b->keep, ctx_term, b->terms_n + 1);
    *n = 0;
    for (uint32_t i = 0; i < b->terms_n; i++)
        if (b->terms[i].iri.p != GONE) to[(*n)++] = b->terms[i];
    return to;
}

/* The one URL of a context, the core's not counted. */
static jd_str single_url(const jd_jval *v) {
    jd_str url = {NULL, 0};
    if (v->type == JD_JSTR) return jd_jstr(v);
    for (uint32_t i = 0; v->type == JD_JARR && i < v->n; i++) {
        const jd_jval *item = &v->items[i];
        if (item->type == JD_JSTR && ctx__is_core_url(jd_jstr(item))) continue;
        if (url.p || item->type != JD_JSTR) return (jd_str){NULL, 0};
        url = jd_jstr(item);
    }
    return url;
}

int ctx__build(const jd_symtab *symbols, jd_context *core, const ctx_loader *l, jd_str text, jd_context **out,
               jd_err *err) {
    builder b;
    builder_init(&b, core, l, err);
    jd_jval source;
    uint32_t n;
    where w = {{NULL, 0}, JD_STR("@context"), NULL, 0};
    int rc = jd_json_parse(&b.keep, jd_arena_dup(&b.keep, text), NULL, &source, err);
    if (!rc) rc = process(&b, &source, &w);
    if (!rc) {
        ctx_term *terms = terms_left(&b, &n);
        *out = ctx__make(symbols, core, &b.keep, terms, n, source, single_url(&source));
    }
    builder_fini(&b);
    return rc;
}

jd_context *ctx__build_core(const jd_symtab *symbols, jd_str text, jd_err *err) {
    static const ctx_loader nowhere = {0};
    builder b;
    builder_init(&b, NULL, &nowhere, err);
    jd_jval root;
    jd_context *c = NULL;
    where w = {{NULL, 0}, JD_STR("core"), NULL, 1};
    if (!jd_json_parse(&b.scratch, text, NULL, &root, err) && !process(&b, jd_jget(&root, "@context"), &w)) {
        uint32_t n;
        ctx_term *terms = terms_left(&b, &n);
        jd_str url = JD_STR(JD_CORE_CONTEXT_URL);
        c = ctx__make(symbols, NULL, &b.keep, terms, n, jd_jmake_str(url), url);
    }
    builder_fini(&b);
    return c;
}

int ctx__check_document(jd_context *core, jd_str text, int remote, jd_err *err) {
    static const ctx_loader nowhere = {0};
    builder b;
    builder_init(&b, core, &nowhere, err);
    jd_jval root;
    const jd_jval *v;
    where w = {JD_STR("http://localhost/"), JD_STR("@context"), NULL, remote};
    int rc = jd_json_parse(&b.scratch, text, NULL, &root, err);
    if (!rc && !(v = jd_jget(&root, "@context")))
        rc =
            jd_fail(err, JD_E_INVALID_REQUEST, "the document is no object with @context", "文档不是含 @context 的对象");
    else if (!rc)
        rc = process(&b, v, &w);
    builder_fini(&b);
    return rc;
}

/* ---- RFC 3986 clause 5.2 ---- */
static jd_str scheme_of(jd_str s) {
    const char *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
    jd_str scheme = {s.p, colon ? (size_t)(colon - s.p) : 0};
    return ctx__scheme(scheme) ? scheme : (jd_str){s.p, 0};
}

static size_t until(jd_str s, size_t from, const char *stop) {
    while (from < s.n && !(s.p[from] && strchr(stop, s.p[from]))) from++;
    return from;
}

/* Appends the path without its "." and ".." parts; to[from] is its first byte. */
static size_t add_path(char *to, size_t at, jd_str path) {
    size_t from = at;
    for (size_t i = 0; i < path.n;) {
        size_t end = until(path, i + (path.p[i] == '/'), "/");
        jd_str part = {path.p + i + (path.p[i] == '/'), end - i - (path.p[i] == '/')};
        int last = end == path.n;
        if (jd_str_is(part, ".") || jd_str_is(part, "..")) {
            if (part.n == 2)
                while (at > from && to[--at] != '/') {}
            if (last) to[at++] = '/';
        } else {
            memcpy(to + at, path.p + i, end - i);
            at += end - i;
        }
        i = end;
    }
    return at;
}

jd_str ctx__resolve(jd_arena *a, jd_str base, jd_str ref) {
    if (scheme_of(ref).n) return ref;
    jd_str scheme = scheme_of(base);
    if (!base.p || !scheme.n) return (jd_str){NULL, 0};
    size_t root = scheme.n + 1;
    if (base.n >= root + 2 && base.p[root] == '/' && base.p[root + 1] == '/') root = until(base, root + 2, "/?#");
    size_t path = until(base, root, "?#"), query = until(base, path, "#"), dir = path;
    while (dir > root && base.p[dir - 1] != '/') dir--;
    size_t own = until(ref, 0, "?#"); /* the path of ref */
    int net = ref.n >= 2 && ref.p[0] == '/' && ref.p[1] == '/';
    char *to = jd_arena_alloc(a, base.n + ref.n + 2);
    size_t at = net ? scheme.n + 1 : own ? root : ref.n && ref.p[0] == '?' ? path : query;
    memcpy(to, base.p, at);
    if (own && !net) {
        char *both = jd_arena_alloc(a, base.n + own + 1);
        size_t n = 0;
        if (ref.p[0] != '/') {
            memcpy(both, base.p + root, n = dir - root);
            if (!n) both[n++] = '/';
        }
        memcpy(both + n, ref.p, own);
        at = add_path(to, at, (jd_str){both, n + own});
        ref = (jd_str){ref.p + own, ref.n - own};
    }
    if (ref.n) memcpy(to + at, ref.p, ref.n);
    return (jd_str){to, at + ref.n};
}
