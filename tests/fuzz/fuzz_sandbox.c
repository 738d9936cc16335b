/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_sandbox.c: any bytes as what a sandboxed child that went over to the enemy writes into its
 * pipe. Input: 1 byte, length of the answer; 1 byte, room for the bulk; the rest goes into the
 * pipe.
 */
#include "image/sandbox.h"

#include <stdlib.h>
#include <unistd.h>

enum { HEAD = 2, REPLY_LEN = 16, PIPE_LEN = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* What came must have been there, and no more than there was room for. */
static void receive(size_t answer_len, size_t room, size_t sent, int fd)
{
    uint8_t *answer = malloc(answer_len + 1), *bulk = malloc(room + 1);
    size_t came = room;
    uint32_t result = 0;
    bool ended = false;
    const mv_sandbox_job job = {
        .answer = answer, .answer_len = answer_len, .bulk = bulk, .bulk_len = &came, .seconds = 10};
    if (answer != NULL && bulk != NULL) {
        answer[answer_len] = bulk[room] = 0x5a;
        const mv_sandbox_end end = mv_sandbox_receive(&result, &ended, &job, fd);
        const bool answered = end == MV_SANDBOX_ANSWERED;
        if (came > room || answer[answer_len] != 0x5a || bulk[room] != 0x5a ||
            (!answered && end != MV_SANDBOX_DIED) || (answered && ended) ||
            (answered && sent < REPLY_LEN + answer_len + came) ||
            (sent < REPLY_LEN + answer_len && !ended)) {
            abort();
        }
    }
    free(answer);
    free(bulk);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    int ends[2];
    if (len < HEAD || len > PIPE_LEN || pipe(ends) != 0) {
        return 0;
    }
    const ssize_t sent = write(ends[1], bytes + HEAD, len - HEAD);
    (void)close(ends[1]);
    if (sent == (ssize_t)(len - HEAD)) {
        receive(bytes[0], bytes[1], (size_t)sent, ends[0]);
    }
    (void)close(ends[0]);
    return 0;
}
