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
} relay_config;

relay_config relay_config_defaults(void);

/* relay_config_load: defaults, then the file. errors name file, line and key: MV_E_FORMAT;
 * MV_E_NOT_FOUND, MV_E_IO */
MV_MUST_CHECK mv_status relay_config_load(relay_config *out, const char *path, mv_error *err);

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

#endif
