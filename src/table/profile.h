/* table/profile.h - what a table that nobody described holds, and a mapping that would take it.
 *
 * Form, encoding and separator are judged by the first 16 MiB (unpacked); then each column: what its cells are, what in
 * it looks like "nothing", which cells are odd. A guess that could be wrong without anybody noticing (the zone of the
 * clock, day before month) stands among the notes. Pure: bytes in, JSON out. Threads: any. */
#ifndef JD_TABLE_PROFILE_H
#define JD_TABLE_PROFILE_H
#include "base/buf.h"
#include "base/err.h"

/* Writes one object behind *out; its member "mapping" compiles (map.h). name: of the file; n 0: none.
 * JD_E_BAD_REQUEST_DATA: nothing can be made of the bytes. */
int jd_table_profile(jd_str bytes, jd_str name, jd_buf *out, jd_err *err);
#endif
