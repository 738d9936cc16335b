/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox.h: code that we do not trust works in a child process that can do nothing but compute and
 * write its answer into one pipe: no file, no network, no new process, bounded memory and time. Its
 * input is the memory that it inherits; memory of mv_secret_new it does not inherit. Its death is
 * an answer too.
 */
#ifndef MV_SANDBOX_H
#define MV_SANDBOX_H

#include "base/status.h"

#include <stdbool.h>

typedef struct mv_sandbox_job mv_sandbox_job;

struct mv_sandbox_job {
    /* work: what the child does. It changes its own copies of what is below; of those, answer comes
     * back, and bulk when it returns 0. */
    uint32_t (*work)(const mv_sandbox_job *job);
    const void *context; /* whatever work wants to know */
    const uint8_t *bytes;
    size_t len;
    void *answer; /* small, of a fixed size */
    size_t answer_len;
    uint8_t *bulk;
    size_t *bulk_len; /* in: room at bulk; out: bytes that came, as work set it; NULL: no bulk */
    unsigned seconds; /* of waiting; processor time is limited a little above it */
    size_t memory;    /* bytes of address space beyond what the process has already */
};

typedef enum mv_sandbox_end {
    MV_SANDBOX_ANSWERED,
    MV_SANDBOX_NOT_STARTED, /* no process, no pipe */
    MV_SANDBOX_REFUSED,     /* the system refused the limits or the filter; nothing was done */
    MV_SANDBOX_DIED,        /* crashed, or was stopped at something that it may not do */
    MV_SANDBOX_TOO_SLOW
} mv_sandbox_end;

/* mv_sandbox_run: *result is what work returned. It, answer and bulk count only after
 * MV_SANDBOX_ANSWERED, and are then still the word of an untrusted process: the caller checks them.
 * Blocks until the child is gone. */
mv_sandbox_end mv_sandbox_run(uint32_t *result, const mv_sandbox_job *job);

/* mv_sandbox_receive: what the parent makes of the bytes in the pipe: MV_SANDBOX_ANSWERED,
 * MV_SANDBOX_TOO_SLOW, or MV_SANDBOX_DIED (*ended: the pipe ended too early; else more was to come
 * than there is room for). Called by mv_sandbox_run and by the fuzzer. */
mv_sandbox_end mv_sandbox_receive(uint32_t *result, bool *ended, const mv_sandbox_job *job, int fd);

#endif
