/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_main.c: putting the relay together, its address, and its life from start to stop.
 */
#include "base/file.h"
#include "net/tls_key.h"
#include "relay_routes.h"

#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define GRACE_MS        10000
#define CONNECTIONS_MAX 1000

struct relay {
    relay_config config;
    relay_service service;
    mv_http_server *server;
    char address[MV_ADDRESS_MAX];
};

/* What clients are told: the configured name, else what we listen on, else this machine's name. */
static void choose_host(char out[MV_ADDRESS_HOST_MAX], const relay_config *c)
{
    const bool listens_everywhere =
        strcmp(c->listen_host, "0.0.0.0") == 0 || strcmp(c->listen_host, "[::]") == 0;
    const char *host = c->public_host[0] != '\0' ? c->public_host : c->listen_host;
    if (c->public_host[0] != '\0' || !listens_everywhere ||
        gethostname(out, MV_ADDRESS_HOST_MAX) != 0) {
        (void)snprintf(out, MV_ADDRESS_HOST_MAX, "%s", host);
    }
    out[MV_ADDRESS_HOST_MAX - 1] = '\0';
}

static mv_status start_server(relay *r, const mv_buffer *pem, const uint8_t *key, mv_error *err)
{
    mv_status st = MV_OK;
    mv_address address = {.port = 0};
    const mv_http_server_opts opts = {.host = r->config.listen_host,
                                      .port = r->config.listen_port,
                                      .pem = (const char *)pem->bytes,
                                      .idle_timeout_s = r->config.idle_timeout_s,
                                      .connections_max = CONNECTIONS_MAX,
                                      .app = relay_app(&r->service)};

    MV_TRY(mv_http_server_start(&r->server, &opts, err));
    choose_host(address.host, &r->config);
    address.port = mv_http_server_port(r->server);
    memcpy(address.key, key, MV_RELAY_KEY_LEN);
    mv_address_write(r->address, &address);
done:
    return st;
}

mv_status relay_start(relay **out, const relay_config *config, FILE *log, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer pem = mv_buffer_make(MV_TLS_FILE_MAX);
    uint8_t key[MV_RELAY_KEY_LEN];
    char path[RELAY_PATH_MAX + 16];
    relay *r = calloc(1, sizeof *r);

    *out = NULL;
    MV_REQUIRE(r != NULL, err, MV_E_MEMORY, "out of memory");
    r->config = *config;
    r->service.config = &r->config;
    r->service.log = log;
    const mv_archive_limits limits = {config->max_file_bytes, config->mailbox_quota_bytes,
                                      config->store_quota_bytes};
    MV_TRY(mv_archive_open(&r->service.archive, config->state, &limits, err));
    (void)snprintf(path, sizeof path, "%s/tls.pem", config->state);
    MV_TRY(mv_tls_key_open(&pem, key, path, err));
    MV_TRY(relay_policy_new(&r->service.policy, key, config->anonymous_send));
    MV_TRY(start_server(r, &pem, key, err));
    *out = r;
    r = NULL;
done:
    mv_buffer_clear(&pem); /* holds the private key */
    relay_stop(&r);
    return st;
}

const char *relay_address(const relay *r)
{
    return r->address;
}

void relay_stop(relay **r)
{
    if (*r != NULL) {
        mv_http_server_stop(&(*r)->server, GRACE_MS);
        relay_policy_free(&(*r)->service.policy);
        mv_archive_free(&(*r)->service.archive);
        free(*r);
        *r = NULL;
    }
}

/* Each connection and each file on its way takes a descriptor. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

mv_status relay_run(const relay_config *config, const relay_run_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    relay *r = NULL;
    char line[MV_ADDRESS_MAX + 1];

    raise_descriptor_limit();
    MV_TRY(relay_start(&r, config, opts->log, err));
    if (opts->address_file != NULL) {
        const int len = snprintf(line, sizeof line, "%s\n", r->address);
        MV_TRY(mv_file_write(opts->address_file, (const uint8_t *)line, (size_t)len,
                             MV_OUTPUT_FORCE, err));
    }
    if (opts->ready != NULL) {
        opts->ready(r->address);
    }
    while (!opts->stopping()) {
        (void)poll(NULL, 0, 100);
    }
done:
    relay_stop(&r);
    return st;
}
