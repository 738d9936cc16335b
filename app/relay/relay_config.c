/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_config.c: the relay's configuration file.
 */
#include "relay.h"

#include <arpa/inet.h>
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
        .retention_days = 30,
        .max_connections = 1000,
        .connections_per_client = 128,
        .requests_per_minute = 60000,
        .audit = true,
        .galleries = true,
        .compute_threads = 2,
        .searches_per_key = 1000000,
        .private_queries_per_key = 100,
    };
    relay_config with_nets = c;
    (void)relay_nets_read(&with_nets.metrics_from, "127.0.0.1, ::1");
    return with_nets;
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

static bool read_count(unsigned *out, const char *value, uint64_t min, uint64_t max)
{
    uint64_t number = 0;
    if (!read_bytes(&number, value, min, max)) {
        return false;
    }
    *out = (unsigned)number;
    return true;
}

static bool read_log(bool *json, const char *value)
{
    *json = strcmp(value, "json") == 0;
    return *json || strcmp(value, "text") == 0;
}

/* "a.b.c.d", "a.b.c.d/n", IPv6 likewise. */
static bool read_net(relay_net *out, char *text)
{
    char *slash = strchr(text, '/');
    uint64_t bits = 0;
    memset(out, 0, sizeof *out);
    if (slash != NULL) {
        *slash = '\0';
    }
    const bool v4 = inet_pton(AF_INET, text, out->address + 12) == 1;
    if (v4) {
        out->address[10] = out->address[11] = 0xff;
    } else if (inet_pton(AF_INET6, text, out->address) != 1) {
        return false;
    }
    out->bits = 128;
    if (slash != NULL) {
        if (!read_bytes(&bits, slash + 1, 0, v4 ? 32 : 128)) {
            return false;
        }
        out->bits = (unsigned)bits + (v4 ? 96 : 0);
    }
    return true;
}

bool relay_nets_read(relay_nets *out, const char *text)
{
    char copy[1024], *rest = NULL;
    memset(out, 0, sizeof *out);
    if (strlen(text) >= sizeof copy) {
        return false;
    }
    (void)snprintf(copy, sizeof copy, "%s", text);
    for (char *one = strtok_r(copy, ", ", &rest); one != NULL; one = strtok_r(NULL, ", ", &rest)) {
        if (out->count == RELAY_NETS_MAX || !read_net(&out->net[out->count], one)) {
            return false;
        }
        out->count++;
    }
    return true;
}

/* One key: where its value goes. Exactly one of the pointers is set. */
typedef struct config_key {
    const char *name, *wanted;
    uint64_t *bytes;
    unsigned *count;
    uint64_t min, max; /* of count */
    char *text;        /* RELAY_PATH_MAX */
    bool *flag;
    relay_nets *nets;
} config_key;

static bool read_value(const config_key *k, const char *value)
{
    if (k->bytes != NULL) {
        return read_bytes(k->bytes, value, 4096, BYTES_MAX);
    }
    if (k->count != NULL) {
        return read_count(k->count, value, k->min, k->max);
    }
    if (k->text != NULL) {
        return read_text(k->text, RELAY_PATH_MAX, value);
    }
    return k->flag != NULL ? read_yes_no(k->flag, value) : relay_nets_read(k->nets, value);
}

/* What a key takes; NULL when the value is good, "" for no such key, else what it should be. */
static const char *read_key(relay_config *c, const char *key, const char *value)
{
    static const char bytes[] = "a number of bytes (whole, at least 4096)";
    static const char nets[] = "up to 16 addresses or networks (192.0.2.1, 10.0.0.0/8, ::1)";
    const config_key keys[] = {
        {.name = "state", .wanted = "a folder", .text = c->state},
        {.name = "postgres", .wanted = "a connection string", .text = c->postgres},
        {.name = "client_ca", .wanted = "a file", .text = c->client_ca},
        {.name = "client_crl", .wanted = "a file", .text = c->client_crl},
        {.name = "max_file_bytes", .wanted = bytes, .bytes = &c->max_file_bytes},
        {.name = "mailbox_quota_bytes", .wanted = bytes, .bytes = &c->mailbox_quota_bytes},
        {.name = "store_quota_bytes", .wanted = bytes, .bytes = &c->store_quota_bytes},
        {.name = "anonymous_send", .wanted = "yes or no", .flag = &c->anonymous_send},
        {.name = "audit", .wanted = "yes or no", .flag = &c->audit},
        {.name = "galleries", .wanted = "yes or no", .flag = &c->galleries},
        {.name = "models", .wanted = "a folder", .text = c->models},
        {.name = "compute_threads",
         .wanted = "1 to 64 threads",
         .count = &c->compute_threads,
         .min = 1,
         .max = 64},
        {.name = "searches_per_key",
         .wanted = "0 (no limit) to 1000000000",
         .count = &c->searches_per_key,
         .max = 1000000000},
        {.name = "private_queries_per_key",
         .wanted = "0 (no limit) to 1000000000",
         .count = &c->private_queries_per_key,
         .max = 1000000000},
        {.name = "metrics_from", .wanted = nets, .nets = &c->metrics_from},
        {.name = "trusted_proxies", .wanted = nets, .nets = &c->trusted_proxies},
        {.name = "idle_timeout_s",
         .wanted = "1 to 3600 seconds",
         .count = &c->idle_timeout_s,
         .min = 1,
         .max = 3600},
        {.name = "retention_days",
         .wanted = "0 (for ever) to 36500 days",
         .count = &c->retention_days,
         .max = 36500},
        {.name = "max_connections",
         .wanted = "4 to 100000",
         .count = &c->max_connections,
         .min = 4,
         .max = 100000},
        {.name = "connections_per_client",
         .wanted = "0 (no limit) to 100000",
         .count = &c->connections_per_client,
         .max = 100000},
        {.name = "requests_per_minute",
         .wanted = "0 (no limit) to 100000000",
         .count = &c->requests_per_minute,
         .max = 100000000},
    };

    if (strcmp(key, "listen") == 0) {
        return mv_host_read(c->listen_host, &c->listen_port, value, NULL) == MV_OK ? NULL
                                                                                   : "host:port";
    }
    if (strcmp(key, "public_host") == 0) {
        return read_text(c->public_host, sizeof c->public_host, value) ? NULL : "a host name";
    }
    if (strcmp(key, "log") == 0) {
        return read_log(&c->log_json, value) ? NULL : "text or json";
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(key, keys[i].name) == 0) {
            return read_value(&keys[i], value) ? NULL : keys[i].wanted;
        }
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
    } else if (out->client_crl[0] != '\0' && out->client_ca[0] == '\0') {
        st = mv_fail(err, MV_E_FORMAT, "%s: client_crl needs client_ca, which signed it", path);
    }
    return st;
}
