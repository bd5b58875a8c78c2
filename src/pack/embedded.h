/* pack/embedded.h - the published schemas as embed.c writes them into the program. */
#ifndef JD_PACK_EMBEDDED_H
#define JD_PACK_EMBEDDED_H
#include <stddef.h>

typedef struct pack_embedded {
    const char *name, *text;
    size_t n;
} pack_embedded;
extern const pack_embedded pack__embedded[]; /* in the order of pack_kind, then the console's */
#endif
