/* SPDX-License-Identifier: Apache-2.0
 *
 * relay.h: the untrusted store-and-forward service. It holds no key of any user: it keeps sealed
 * files in mailboxes, gives them to whoever proves to own the mailbox, and knows nothing else. How
 * it is configured is in docs/howto/run-a-relay.md, what it speaks in docs/formats/wire.md.
 */
#ifndef MV_RELAY_H
#define MV_RELAY_H

#include "medveil/status.h"
#include "wire/address.h"

#include <stdbool.h>
#include <stdio.h>

#define RELAY_PATH_MAX 1024
#define RELAY_NETS_MAX 16

/* A network address with how many of its leading bits count; IPv4 as ::ffff:a.b.c.d. */
typedef struct relay_net {
    uint8_t address[16];
    unsigned bits; /* 0 to 128 */
} relay_net;

typedef struct relay_nets {
    relay_net net[RELAY_NETS_MAX];
    size_t count;
} relay_nets;

typedef struct relay_config {
    char listen_host[MV_ADDRESS_HOST_MAX];
    uint16_t listen_port;                  /* 0: any free one */
    char public_host[MV_ADDRESS_HOST_MAX]; /* in the printed address; "": the listening one */
    char state[RELAY_PATH_MAX];
    uint64_t max_file_bytes;
    uint64_t mailbox_quota_bytes;
    uint64_t store_quota_bytes;
    bool anonymous_send;
    unsigned idle_timeout_s;
    unsigned retention_days;       /* 0: for ever */
    char postgres[RELAY_PATH_MAX]; /* connection string; "": SQLite in state */
    unsigned max_connections, connections_per_client;
    unsigned requests_per_minute;    /* of one client; 0: no limit */
    relay_nets metrics_from;         /* who may read /metrics */
    relay_nets trusted_proxies;      /* whose X-Forwarded-For counts */
    char client_ca[RELAY_PATH_MAX];  /* "": clients need no certificate */
    char client_crl[RELAY_PATH_MAX]; /* "": none of theirs was taken back */
    bool log_json, audit;
    bool galleries;                   /* kept and searched here */
    char models[RELAY_PATH_MAX];      /* folder of models that classify; "": none */
    unsigned compute_threads;         /* of one scan */
    unsigned searches_per_key;        /* questions in all, public models too; 0: no limit */
    unsigned private_queries_per_key; /* questions to each private model; 0: no limit */
} relay_config;

relay_config relay_config_defaults(void);

/* relay_config_load: defaults, then the file. errors name file, line and key: MV_E_FORMAT;
 * MV_E_NOT_FOUND, MV_E_IO */
MV_MUST_CHECK mv_status relay_config_load(relay_config *out, const char *path, mv_error *err);

/* relay_nets_read: "10.0.0.0/8, ::1"; false for anything else. */
bool relay_nets_read(relay_nets *out, const char *text);

/* A running relay; it works in threads of its own. */
typedef struct relay relay;

/* relay_start: log gets one line per request, without names of people, mailboxes or files; NULL: no
 * log. errors: MV_E_BUSY (folder or port in use), MV_E_IO, MV_E_NOT_FOUND, MV_E_POLICY, MV_E_MEMORY
 */
MV_MUST_CHECK mv_status relay_start(relay **out, const relay_config *config, FILE *log,
                                    mv_error *err);
const char *relay_address(const relay *r); /* "https://host:port#key" */
void relay_stop(relay **r);                /* running requests may end first, for up to 10 s */

typedef struct relay_run_opts {
    FILE *log;
    const char *address_file;           /* gets the address when the relay is ready; NULL: none */
    void (*ready)(const char *address); /* called once; NULL allowed */
    bool (*stopping)(void);             /* asked several times a second */
} relay_run_opts;

/* relay_run: start, serve until stopping, stop. */
MV_MUST_CHECK mv_status relay_run(const relay_config *config, const relay_run_opts *opts,
                                  mv_error *err);

/* relay_backup: everything the relay keeps (files, receipts, its TLS key; no uploads on their way)
 * into a new folder, while it runs or not; always with SQLite. relay_restore: the way back into the
 * configured, empty state; also how to go from SQLite to PostgreSQL. Every file's hash is checked.
 */
MV_MUST_CHECK mv_status relay_backup(const relay_config *config, const char *folder,
                                     uint64_t *files, mv_error *err);
MV_MUST_CHECK mv_status relay_restore(const relay_config *config, const char *folder,
                                      uint64_t *files, mv_error *err);
/* relay_erase: one file (64 hexadecimal digits) from every mailbox, at once; *count of them. */
MV_MUST_CHECK mv_status relay_erase(const relay_config *config, const char *file, uint64_t *count,
                                    mv_error *err);

#endif
