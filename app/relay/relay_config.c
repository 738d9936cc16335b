/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_config.c: the relay's configuration file.
 */
#include "relay.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

#define BYTES_MAX ((uint64_t)1 << 60) /* so that sums of two cannot overflow */

relay_config relay_config_defaults(void)
{
    const relay_config c = {
        .listen_host = "127.0.0.1",
        .listen_port = 7462,
        .state = "medveil-relay",
        .max_file_bytes = (uint64_t)1 << 30,
        .mailbox_quota_bytes = (uint64_t)4 << 30,
        .store_quota_bytes = (uint64_t)64 << 30,
        .anonymous_send = true,
        .idle_timeout_s = 60,
    };
    return c;
}

typedef struct reading {
    relay_config *config;
    mv_error first; /* what is wrong with the first bad line */
} reading;

static bool read_bytes(uint64_t *out, const char *value, uint64_t min, uint64_t max)
{
    char *end = NULL;
    errno = 0;
    const unsigned long long number = strtoull(value, &end, 10);
    if (errno != 0 || value[0] < '0' || value[0] > '9' || *end != '\0' || number < min ||
        number > max) {
        return false;
    }
    *out = number;
    return true;
}

static bool read_text(char *out, size_t cap, const char *value)
{
    const size_t len = strlen(value);
    if (len == 0 || len >= cap) {
        return false;
    }
    memcpy(out, value, len + 1);
    return true;
}

static bool read_yes_no(bool *out, const char *value)
{
    *out = strcmp(value, "yes") == 0;
    return *out || strcmp(value, "no") == 0;
}

static bool read_seconds(unsigned *out, const char *value)
{
    uint64_t number = 0;
    if (!read_bytes(&number, value, 1, 3600)) {
        return false;
    }
    *out = (unsigned)number;
    return true;
}

/* What a key takes; NULL when the value is good, else what it should have been. */
static const char *read_key(relay_config *c, const char *key, const char *value)
{
    static const char bytes[] = "a number of bytes (whole, at least 4096)";
    if (strcmp(key, "listen") == 0) {
        return mv_host_read(c->listen_host, &c->listen_port, value, NULL) == MV_OK ? NULL
                                                                                   : "host:port";
    }
    if (strcmp(key, "public_host") == 0) {
        return read_text(c->public_host, sizeof c->public_host, value) ? NULL : "a host name";
    }
    if (strcmp(key, "state") == 0) {
        return read_text(c->state, sizeof c->state, value) ? NULL : "a folder";
    }
    if (strcmp(key, "max_file_bytes") == 0) {
        return read_bytes(&c->max_file_bytes, value, 4096, BYTES_MAX) ? NULL : bytes;
    }
    if (strcmp(key, "mailbox_quota_bytes") == 0) {
        return read_bytes(&c->mailbox_quota_bytes, value, 4096, BYTES_MAX) ? NULL : bytes;
    }
    if (strcmp(key, "store_quota_bytes") == 0) {
        return read_bytes(&c->store_quota_bytes, value, 4096, BYTES_MAX) ? NULL : bytes;
    }
    if (strcmp(key, "anonymous_send") == 0) {
        return read_yes_no(&c->anonymous_send, value) ? NULL : "yes or no";
    }
    if (strcmp(key, "idle_timeout_s") == 0) {
        return read_seconds(&c->idle_timeout_s, value) ? NULL : "1 to 3600 seconds";
    }
    return "";
}

static int on_line(void *user, const char *section, const char *key, const char *value)
{
    reading *r = user;
    if (strcmp(section, "relay") != 0) {
        (void)mv_fail(&r->first, MV_E_FORMAT, "%s is not in the section [relay]", key);
        return 0;
    }
    const char *wanted = read_key(r->config, key, value);
    if (wanted == NULL) {
        return 1;
    }
    if (wanted[0] == '\0') {
        (void)mv_fail(&r->first, MV_E_FORMAT, "there is no key %s", key);
    } else {
        (void)mv_fail(&r->first, MV_E_FORMAT, "%s needs %s, not \"%.100s\"", key, wanted, value);
    }
    return 0;
}

mv_status relay_config_load(relay_config *out, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    reading r = {out, {MV_OK, "", ""}};

    *out = relay_config_defaults();
    FILE *in = fopen(path, "r");
    if (in == NULL) {
        return mv_fail(err, errno == ENOENT ? MV_E_NOT_FOUND : MV_E_IO, "cannot read %s: %s", path,
                       strerror(errno));
    }
    const int line = ini_parse_file(in, on_line, &r);
    (void)fclose(in);
    if (line != 0) {
        st = mv_fail(err, MV_E_FORMAT, "%s, line %d: %s", path, line,
                     r.first.status != MV_OK ? r.first.text : "not \"key = value\"");
        mv_hint(err, "docs/howto/run-a-relay.md lists the keys");
    } else if (out->max_file_bytes > out->mailbox_quota_bytes ||
               out->mailbox_quota_bytes > out->store_quota_bytes) {
        st = mv_fail(err, MV_E_FORMAT,
                     "%s: max_file_bytes, mailbox_quota_bytes and store_quota_bytes must not "
                     "decrease in this order",
                     path);
    }
    return st;
}
