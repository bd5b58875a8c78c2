/* http/media.h - content negotiation by RFC 9110: Accept (12.5.1), Accept-Encoding (12.5.3), Accept-Language (12.5.4),
 * Content-Type (8.3). Pure functions on header values; names are compared without case.
 * Threads: any.   Fails: a malformed member of a list is passed over, as if it had not been sent. */
#ifndef JD_HTTP_MEDIA_H
#define JD_HTTP_MEDIA_H
#include "base/arena.h"

/* Picks among the offered types ("application/json", without parameters) the one that the Accept value likes best; on a
 * tie the earlier offer. accept.p NULL or no well-formed member: 0. Returns the index, or -1 when none is acceptable.
 */
int jd_media_match(jd_str accept, const char *const *offers, int offers_n);
/* "Application/LD+JSON; charset=utf-8" -> "Application/LD+JSON"; p NULL when the value is no media type. */
jd_str jd_media_essence(jd_str content_type);
/* Is the essence of content_type the given type? */
int jd_media_is(jd_str content_type, const char *type);
/* Value of a parameter of a media type ("charset", "profile"), quotes taken off; p NULL when absent. */
jd_str jd_media_param(jd_str content_type, const char *name);
/* Quality, 0 to 1000, that an Accept-Encoding value gives to a coding; 0: not acceptable. No header: only identity. */
int jd_media_coding(jd_str accept_encoding, const char *coding);
/* Does the Accept-Language value prefer a Chinese text to an English one? No: also when neither is named. */
int jd_media_zh(jd_str accept_language);
#endif
