/* SPDX-License-Identifier: Apache-2.0
 *
 * transfer_ui.h: what send and the queue commands share: the identities of the senders, the options
 * of a run, and how an item's news are told.
 */
#ifndef MV_CLI_TRANSFER_UI_H
#define MV_CLI_TRANSFER_UI_H

#include "cli.h"
#include "medveil/queue.h"

#include <jansson.h>

#define TRANSFER_PACE_OPTIONS                                                                      \
    {"limit-rate", 0, "BYTES", "per second, with k, M or G: at most so fast"},                     \
    {                                                                                              \
        "streams", 0, "N", "at most so many connections at once, 1 to 32 (default 32)"             \
    }
#define TRANSFER_OPTIONS                                                                           \
    {"wait", 0, NULL, "stay until the recipient's receipt is here"}, TRANSFER_PACE_OPTIONS

typedef struct transfer_path {
    char id[MV_QUEUE_ID_MAX];
    const char *path; /* as the user gave it; borrowed */
} transfer_path;

/* One run of the queue for a command. */
typedef struct transfer {
    const cli_args *args;
    mv_queue *queue;
    mv_identity *identity; /* of the last path; the transfer's own */
    char identity_path[MV_QUEUE_PATH_MAX];
    const transfer_path *name; /* may be NULL */
    size_t name_count;
    bool json;
    double started_ms;
    size_t sent, delivered, unreceipted;
    int first_failure; /* exit code; CLI_OK: none */
} transfer;

/* transfer_pace: TRANSFER_PACE_OPTIONS; what is not given keeps its value. transfer_options: all.
 * False, with a sentence, for a bad one. */
bool transfer_pace(unsigned *streams_max, uint64_t *bytes_per_s, const cli_args *args);
bool transfer_options(mv_queue_run_opts *opts, const cli_args *args);

/* transfer_use_identity: one that is loaded already; *identity becomes the transfer's.
 * errors: MV_E_NOT_FOUND */
MV_MUST_CHECK mv_status transfer_use_identity(transfer *t, mv_identity **identity, const char *path,
                                              mv_error *err);

/* transfer_run: mv_queue_run, told to the user. The result is the exit code. */
int transfer_run(transfer *t, const char *const *id, size_t id_count, mv_queue_run_opts *opts);
void transfer_failed(transfer *t, const char *path, mv_status st, const mv_error *err);
void transfer_clear(transfer *t);

/* "432/432 bit-identical, received 2026-11-22 17:00:00 UTC" */
void transfer_receipt_text(char *out, size_t cap, const mv_receipt *receipt);
json_t *transfer_receipt_json(const mv_queue_item *item); /* null unless delivered */

#endif
