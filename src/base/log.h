/* base/log.h - one-line structured logs on stderr: time level event key=value ...
 * Threads: any; a line is written by one write call. */
#ifndef JD_BASE_LOG_H
#define JD_BASE_LOG_H

typedef enum jd_loglevel { JD_LOG_DEBUG, JD_LOG_INFO, JD_LOG_WARN, JD_LOG_ERROR, JD_LOG_OFF } jd_loglevel;
void jd_log_level(jd_loglevel least);
/* event: a short dotted name; the rest "key=value key2=\"two words\"", made by the format. */
void jd_log(jd_loglevel level, const char *event, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#endif
