/* jindu version: this program, what it is built with, and the store format that it reads. */
#include "cmd/cmd.h"
#include "cmd/commit.h"
#include "store/store.h"

#include <curl/curl.h>
#include <microhttpd.h>
#include <sqlite3.h>

static int version(const cmd_line *line) {
    (void)line;
    printf("jindu %s\n", JD_VERSION);
    printf("commit %s\n", JD_COMMIT);
    printf("store format %d\n", JD_STORE_FORMAT);
    printf("SQLite %s\nlibmicrohttpd %s\n%s\n", sqlite3_libversion(), MHD_get_version(), curl_version());
    return CMD_OK;
}

const cmd_spec cmd_version = {
    .name = "version",
    .operands = "",
    .en = "says which program this is",
    .zh = "显示版本",
    .run = version,
};
