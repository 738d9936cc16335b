/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_main.c: putting the relay together, its address, and its life from start to stop.
 */
#include "base/file.h"
#include "net/tls_key.h"
#include "relay_notify.h"
#include "relay_routes.h"
#include "wire/hex.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GRACE_MS  10000
#define TICK_S    60 /* between looks at what is too old */
#define CA_MAX    (1u << 20)
#define CRL_MAX   (16u << 20)
#define PATH_ROOM (RELAY_PATH_MAX + 32)

struct relay {
    relay_config config;
    relay_service service;
    mv_http_server *server;
    char address[MV_ADDRESS_MAX];
    pthread_t keeper; /* looks after what time does */
    bool keeping;
    atomic_bool stop;
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

/* A text, ended by a zero; without a path nothing. */
static mv_status read_text(mv_buffer *out, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    if (path[0] != '\0') {
        MV_TRY(mv_file_read(out, path, err));
        MV_TRY(mv_buffer_put_u8(out, 0));
    }
done:
    return st;
}

static mv_status start_server(relay *r, const mv_buffer *pem, const uint8_t *key, mv_error *err)
{
    mv_status st = MV_OK;
    mv_address address = {.port = 0};
    mv_buffer ca = mv_buffer_make(CA_MAX), crl = mv_buffer_make(CRL_MAX);

    MV_TRY(read_text(&ca, r->config.client_ca, err));
    MV_TRY(read_text(&crl, r->config.client_crl, err));
    const mv_http_server_opts opts = {.host = r->config.listen_host,
                                      .port = r->config.listen_port,
                                      .pem = (const char *)pem->bytes,
                                      .client_ca = (const char *)ca.bytes,
                                      .client_crl = (const char *)crl.bytes,
                                      .idle_timeout_s = r->config.idle_timeout_s,
                                      .connections_max = r->config.max_connections,
                                      .connections_per_client = r->config.connections_per_client,
                                      .app = relay_app(&r->service)};
    MV_TRY(mv_http_server_start(&r->server, &opts, err));
    r->service.server = r->server;
    choose_host(address.host, &r->config);
    address.port = mv_http_server_port(r->server);
    memcpy(address.key, key, MV_RELAY_KEY_LEN);
    mv_address_write(r->address, &address);
done:
    mv_buffer_clear(&ca);
    mv_buffer_clear(&crl);
    return st;
}

static mv_archive_opts archive_opts(const relay_config *c)
{
    const mv_archive_opts opts = {
        .dir = c->state,
        .postgres = c->postgres[0] != '\0' ? c->postgres : NULL,
        .limits = {c->max_file_bytes, c->mailbox_quota_bytes, c->store_quota_bytes,
                   (uint64_t)c->retention_days * 86400},
    };
    return opts;
}

/* Each relay on one PostgreSQL and folder has an audit log of its own. */
static mv_status open_audit(relay *r, mv_error *err)
{
    char path[PATH_ROOM];
    if (!r->config.audit) {
        return MV_OK;
    }
    (void)snprintf(path, sizeof path, "%s/audit.log", r->config.state);
    mv_status st = mv_audit_open(&r->service.audit, path, err);
    for (int i = 2; st == MV_E_BUSY && r->config.postgres[0] != '\0' && i < 100; i++) {
        (void)snprintf(path, sizeof path, "%s/audit-%d.log", r->config.state, i);
        st = mv_audit_open(&r->service.audit, path, NULL);
    }
    return st;
}

/* What time does: files grow too old, the audit log is flushed. */
static void *keep(void *user)
{
    relay *r = user;
    uint64_t expired = 0;
    for (unsigned second = 0; !atomic_load(&r->stop); second++) {
        if (second % TICK_S == 0 &&
            mv_archive_tick(&expired, r->service.archive, (int64_t)time(NULL)) == MV_OK) {
            relay_metrics_expired(r->service.metrics, expired);
            if (expired != 0) {
                relay_note(&r->service, "expired", NULL, expired);
            }
        }
        if (r->service.audit != NULL && mv_audit_flush(r->service.audit) != MV_OK) {
            atomic_store(&r->service.audit_failed, true);
        }
        for (int i = 0; i < 10 && !atomic_load(&r->stop); i++) {
            (void)poll(NULL, 0, 100);
        }
    }
    return NULL;
}

static mv_status start_parts(relay *r, const uint8_t *key, mv_error *err)
{
    mv_status st = MV_OK;
    relay_service *s = &r->service;
    MV_TRY(relay_policy_new(&s->policy, key, r->config.anonymous_send));
    MV_TRY(relay_rates_new(&s->rates, r->config.requests_per_minute));
    MV_TRY(relay_metrics_new(&s->metrics));
    MV_TRY(relay_waits_new(&s->waits, relay_answer, s));
    MV_TRY(open_audit(r, err));
    if (r->config.galleries) {
        MV_TRY(relay_galleries_new(&s->galleries, &r->config, s->archive, err));
    }
done:
    return st;
}

mv_status relay_start(relay **out, const relay_config *config, FILE *log, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer pem = mv_buffer_make(MV_TLS_FILE_MAX);
    uint8_t key[MV_RELAY_KEY_LEN];
    char path[PATH_ROOM];
    relay *r = calloc(1, sizeof *r);

    *out = NULL;
    MV_REQUIRE(r != NULL, err, MV_E_MEMORY, "out of memory");
    r->config = *config;
    r->service.config = &r->config;
    r->service.log = log;
    const mv_archive_opts opts = archive_opts(config);
    MV_TRY(mv_archive_open(&r->service.archive, &opts, err));
    (void)snprintf(path, sizeof path, "%s/tls.pem", config->state);
    MV_TRY(mv_tls_key_open(&pem, key, path, err));
    MV_TRY(start_parts(r, key, err));
    MV_TRY(start_server(r, &pem, key, err));
    relay_note(&r->service, "started", NULL, 0);
    r->keeping = pthread_create(&r->keeper, NULL, keep, r) == 0;
    MV_REQUIRE(r->keeping, err, MV_E_MEMORY, "cannot start another thread");
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

void relay_stop(relay **relay_to_stop)
{
    relay *r = *relay_to_stop;
    if (r == NULL) {
        return;
    }
    atomic_store(&r->stop, true);
    atomic_store(&r->service.stopping, true);
    if (r->keeping) {
        (void)pthread_join(r->keeper, NULL);
    }
    if (r->service.waits != NULL) {
        relay_waits_end(r->service.waits); /* nobody is to wait for an empty mailbox any longer */
    }
    if (r->server != NULL) {
        mv_http_server_stop(&r->server, GRACE_MS);
        relay_note(&r->service, "stopped", NULL, 0);
    }
    relay_galleries_free(&r->service.galleries);
    relay_waits_free(&r->service.waits);
    relay_policy_free(&r->service.policy);
    mv_archive_free(&r->service.archive);
    relay_rates_free(&r->service.rates);
    relay_metrics_free(&r->service.metrics);
    mv_audit_close(&r->service.audit);
    free(r);
    *relay_to_stop = NULL;
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
    relay_notify("READY=1");
    while (!opts->stopping()) {
        (void)poll(NULL, 0, 100);
    }
    relay_notify("STOPPING=1");
done:
    relay_stop(&r);
    return st;
}

/* ---- copies and erasing ---- */

static mv_status copy_key(const char *to, const char *from, mv_error *err)
{
    mv_status st = MV_OK;
    char in[PATH_ROOM], out[PATH_ROOM];
    mv_buffer pem = mv_buffer_make(MV_TLS_FILE_MAX);

    (void)snprintf(in, sizeof in, "%s/tls.pem", from);
    (void)snprintf(out, sizeof out, "%s/tls.pem", to);
    MV_TRY(mv_file_read(&pem, in, err));
    MV_TRY(mv_file_write(out, pem.bytes, pem.len, MV_OUTPUT_PRIVATE, err));
done:
    mv_buffer_clear(&pem);
    return st;
}

static mv_status require_no_key(const char *to, mv_error *err)
{
    char path[PATH_ROOM];
    (void)snprintf(path, sizeof path, "%s/tls.pem", to);
    if (access(path, F_OK) == 0) {
        return mv_fail(err, MV_E_EXISTS, "%s belongs to a relay already: it has a tls.pem", to);
    }
    return MV_OK;
}

/* Opens both ends, the source without claiming its folder. */
static mv_status copy_store(const mv_archive_opts *to, const mv_archive_opts *from, uint64_t *files,
                            mv_error *err)
{
    mv_status st = MV_OK;
    mv_archive *in = NULL, *out = NULL;
    struct stat info;

    *files = 0;
    MV_REQUIRE(stat(from->dir, &info) == 0, err, MV_E_NOT_FOUND, "there is no folder %s",
               from->dir);
    MV_TRY(require_no_key(to->dir, err));
    MV_TRY(mv_archive_open(&in, from, err));
    MV_TRY(mv_archive_open(&out, to, err));
    MV_TRY(mv_archive_copy(out, in, files, err));
    MV_TRY(copy_key(to->dir, from->dir, err));
done:
    mv_archive_free(&in);
    mv_archive_free(&out);
    return st;
}

mv_status relay_backup(const relay_config *config, const char *folder, uint64_t *files,
                       mv_error *err)
{
    mv_archive_opts from = archive_opts(config), to = from;
    from.visitor = true;
    to.dir = folder;
    to.postgres = NULL;
    return copy_store(&to, &from, files, err);
}

mv_status relay_restore(const relay_config *config, const char *folder, uint64_t *files,
                        mv_error *err)
{
    const mv_archive_opts to = archive_opts(config);
    mv_archive_opts from = to;
    from.visitor = true;
    from.dir = folder;
    from.postgres = NULL;
    return copy_store(&to, &from, files, err);
}

mv_status relay_erase(const relay_config *config, const char *file, uint64_t *count, mv_error *err)
{
    mv_status st = MV_OK;
    mv_archive *archive = NULL;
    mv_audit *audit = NULL;
    char path[PATH_ROOM];
    mv_archive_opts opts = archive_opts(config);
    uint8_t hash[MV_FILE_HASH_LEN];

    *count = 0;
    opts.visitor = true;
    MV_REQUIRE(strlen(file) == 2 * sizeof hash && mv_hex_read(hash, sizeof hash, file), err,
               MV_E_ARGUMENT, "a file is named by 64 lower-case hexadecimal digits");
    MV_TRY(mv_archive_open(&archive, &opts, err));
    st = mv_archive_erase(count, archive, hash);
    MV_REQUIRE(st == MV_OK, err, st, "cannot erase: %s", mv_status_sentence(st));
    MV_REQUIRE(*count != 0, err, MV_E_NOT_FOUND, "no mailbox holds this file");
    /* a log of its own: the running relay holds the other */
    (void)snprintf(path, sizeof path, "%s/audit-erase.log", config->state);
    MV_TRY(mv_audit_open(&audit, path, err));
    st = mv_audit_add(audit, "erased", hash, *count);
    MV_REQUIRE(st == MV_OK, err, st, "the file is erased, but %s cannot be written", path);
done:
    mv_audit_close(&audit);
    mv_archive_free(&archive);
    return st;
}
