/* store/patch.h - a body said by how it differs from the one before it. A change of one attribute leaves most of a
 * document as it was, so the log holds a tenth of the bytes, and the disk is asked for as much less.
 *
 * A patch, numbers LEB128: length of the base, length of the body, CRC-32C of the body (4 bytes, little-endian), bytes
 * that the two have in common at their ends; then, until the body but for that end is complete: how many bytes are
 * copied from the same place of the base, how many follow here, those bytes.
 * Pure functions on bytes.   Threads: any. */
#ifndef JD_STORE_PATCH_H
#define JD_STORE_PATCH_H
#include "base/buf.h"

/* Appends the patch that makes `body` of `base`. 0: it would not be much shorter than the body, nothing was appended.
 */
size_t store__patch_make(jd_buf *out, jd_str base, jd_str body);
/* Appends what the patch makes of `base`. 0, or -1: malformed, or of another base; then nothing was appended. */
int store__patch_apply(jd_str base, jd_str patch, jd_buf *out);
/* Is it well formed, as far as can be seen without its base? */
int store__patch_sound(jd_str patch);
#endif
