/* cmd/console.h - the console's files, as scripts/embed.sh writes them into the program. */
#ifndef JD_CMD_CONSOLE_H
#define JD_CMD_CONSOLE_H
#include "http/door.h"

extern const jd_web_file cmd_web_files[];
extern const size_t cmd_web_files_n; /* 0: it was built without a console */
#endif
