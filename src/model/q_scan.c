/* Reading expressions: what all the question languages have in common. */
#include "model/q_int.h"

int q_scan_init(q_scan *s, const char *what, jd_str text, jd_err *err) {
    *s = (q_scan){.what = what, .text = text.p, .p = text.p, .end = text.p + text.n, .err = err};
    size_t bad = jd_utf8_bad(text.p, text.n);
    if (bad < text.n) {
        s->end = text.p + bad; /* what follows cannot be shown */
        return Q_REFUSE(s, s->end, JD_E_BAD_REQUEST_DATA, "this is not UTF-8", "不是正确的 UTF-8");
    }
    if (q_at_end(s)) return Q_EXPECTED(s, s->p, "an expression", "表达式");
    s->p = text.p;
    return 0;
}

int q_mark(q_scan *s, const char *at) {
    s->column = 1;
    for (const char *p = s->text; p < at; p++) s->column += ((unsigned char)*p & 0xC0) != 0x80;
    jd_show((jd_str){at, (size_t)(s->end - at)}, s->found);
    return at != s->end;
}

int q_place(const q_scan *s) {
    return jd_fail_at(s->err, "%s, column %u", s->what, s->column);
}

void q_blanks(q_scan *s) {
    while (s->p < s->end && *s->p == ' ') s->p++;
}

int q_at_end(q_scan *s) {
    q_blanks(s);
    return s->p == s->end;
}

int q_take(q_scan *s, char c) {
    q_blanks(s);
    if (s->p == s->end || *s->p != c) return 0;
    s->p++;
    return 1;
}

static int letter(char c) {
    return (unsigned char)c >= 0x80 || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' || c == '@';
}

static int name_char(char c) {
    return letter(c) || (c >= '0' && c <= '9') || (c && strchr("-:/#%+$&?", c) != NULL);
}

jd_str q_name(q_scan *s, q_style style) {
    const char *from = s->p, *p = from;
    if (p < s->end && style != Q_SCOPE_NAME && !letter(*p)) return (jd_str){NULL, 0};
    while (p < s->end && (name_char(*p) || *p == '.')) p++;
    if (style == Q_PATH_NAME) {
        const char *dot = memchr(from, '.', (size_t)(p - from));
        const char *scheme = memmem(from, (size_t)(p - from), "://", 3);
        if (scheme && dot && dot > scheme) {
            for (const char *c = scheme; c < p; c++)
                if (*c == '/' || *c == '#') scheme = c;
            dot = memchr(scheme, '.', (size_t)(p - scheme));
        }
        if (dot) p = dot;
    }
    if (p == from) return (jd_str){NULL, 0};
    s->p = p;
    return (jd_str){from, (size_t)(p - from)};
}

/* ---- and, or, parentheses ---- */

typedef struct bool_parser {
    q_scan *s;
    const q_grammar *g;
    uint32_t depth, leaves;
} bool_parser;

static int parse_or(bool_parser *b, q_node **out);

static int parse_factor(bool_parser *b, q_node **out) {
    q_scan *s = b->s;
    q_blanks(s);
    const char *at = s->p;
    if (q_take(s, '(')) {
        if (b->depth == b->g->depth_max)
            return Q_REFUSE(s, at, JD_E_TOO_COMPLEX_QUERY, "parentheses nest deeper than %u", "括号嵌套超过 %u 层",
                            b->g->depth_max);
        b->depth++;
        if (parse_or(b, out)) return -1;
        b->depth--;
        return q_take(s, ')') ? 0 : Q_EXPECTED(s, s->p, "';', '|' or ')'", "“;”、“|”或“)”");
    }
    if (b->leaves == b->g->leaves_max)
        return Q_REFUSE(s, at, JD_E_TOO_COMPLEX_QUERY, "there are more than %u conditions", "条件超过 %u 个",
                        b->g->leaves_max);
    *out = JD_NEW(b->g->arena, q_node);
    (*out)->leaf = b->leaves;
    return b->g->leaf(b->g->user, s, b->leaves++);
}

/* Reads parts until no operator follows; one part alone stands for itself. */
static int parse_parts(bool_parser *b, q_nodeop op, q_node **out) {
    q_node *first = NULL, **to = &first;
    uint32_t n = 0;
    do {
        if (op == Q_OR ? parse_parts(b, Q_AND, to) : parse_factor(b, to)) return -1;
        to = &(*to)->next;
        n++;
    } while (op == Q_AND ? q_take(b->s, ';') : q_take(b->s, '|') || (b->g->comma_is_or && q_take(b->s, ',')));
    if (n > 1) {
        q_node *all = JD_NEW(b->g->arena, q_node);
        *all = (q_node){.op = op, .kids = first};
        first = all;
    }
    *out = first;
    return 0;
}

static int parse_or(bool_parser *b, q_node **out) {
    return parse_parts(b, Q_OR, out);
}

static uint32_t first_leaf(const q_node *n) {
    while (n->op != Q_LEAF) n = n->kids;
    return n->leaf;
}

static void aim(const q_node *n, uint32_t yes, uint32_t no, q_jump *jumps) {
    if (n->op == Q_LEAF) {
        jumps[n->leaf] = (q_jump){yes, no};
        return;
    }
    for (const q_node *k = n->kids; k; k = k->next) {
        uint32_t on = k->next ? first_leaf(k->next) : n->op == Q_AND ? yes : no;
        if (n->op == Q_AND)
            aim(k, on, no, jumps);
        else
            aim(k, yes, on, jumps);
    }
}

int q_bool_parse(q_scan *s, const q_grammar *g, q_bool *out) {
    bool_parser b = {.s = s, .g = g};
    if (parse_or(&b, &out->root)) return -1;
    if (!q_at_end(s)) {
        return g->comma_is_or ? Q_EXPECTED(s, s->p, "';', '|', ',' or the end", "“;”、“|”、“,”或结尾")
                              : Q_EXPECTED(s, s->p, "';', '|' or the end", "“;”、“|”或结尾");
    }
    out->n = b.leaves;
    out->jumps = JD_NEWN(g->arena, q_jump, b.leaves);
    aim(out->root, Q_YES, Q_NO, out->jumps);
    return 0;
}
