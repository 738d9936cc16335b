/* SPDX-License-Identifier: Apache-2.0
 *
 * exact_apart.c: a batch of strips shared out among children.
 */
#include "exact_apart.h"

#include "base/bytes.h"
#include "base/cpu.h"
#include "base/pool.h"
#include "image/sandbox.h"

enum { PARTS_MAX = 16 };

#define PART_LEN      ((size_t)256 << 10) /* rebuilt bytes for which a child is worth its start */
#define CHILD_SECONDS 60u
#define CHILD_MEMORY  ((size_t)64 << 20)

/* Some strips, one after another, for one child. */
typedef struct part {
    const mv_exact_strips *strips;
    uint64_t first;
    const uint8_t *bytes;
    size_t len;
    uint8_t *out;
    size_t out_len;
} part;

/* The next strip of the batch joins this part. */
static bool add_strip(part *p, uint64_t k, mv_reader *in)
{
    const mv_raster strip = mv_exact_strip(p->strips, k);
    const size_t head_len = mv_exact_strip_head_len(p->strips->coding);
    const uint8_t *head = NULL, *stream = NULL;
    mv_exact_strip_head f;
    if (mv_read_view(in, &head, head_len) != MV_OK ||
        !mv_exact_strip_head_read(&f, head, &strip, p->strips->coding) ||
        mv_read_view(in, &stream, f.len) != MV_OK) {
        return false;
    }
    p->len += head_len + f.len;
    p->out_len += (size_t)mv_raster_frame_len(&strip);
    return true;
}

/* At most PARTS_MAX parts of about equal size; how many, 0 when the batch is not as its strips'
 * heads say. */
static size_t share(part parts[PARTS_MAX], uint8_t *out, size_t out_len,
                    const mv_exact_strips *strips, uint64_t first, const uint8_t *batch, size_t len)
{
    const unsigned processors = mv_cpu_count();
    const size_t most = processors < PARTS_MAX ? processors : PARTS_MAX;
    const size_t want = out_len / PART_LEN < most ? out_len / PART_LEN + 1 : most;
    mv_reader in = mv_reader_make(batch, len);
    size_t count = 0, given = 0;

    for (uint64_t k = first; mv_reader_left(&in) != 0; k++) {
        if (count == 0 || (count < want && given >= count * out_len / want)) {
            parts[count++] =
                (part){strips, k, batch + (len - mv_reader_left(&in)), 0, out + given, 0};
        }
        part *p = &parts[count - 1];
        const size_t before = p->out_len;
        if (!add_strip(p, k, &in) || p->out_len - before > out_len - given) {
            return 0;
        }
        given += p->out_len - before;
    }
    return given == out_len ? count : 0;
}

static uint32_t rebuild(const mv_sandbox_job *job)
{
    const part *p = job->context;
    return !mv_exact_rebuild(job->bulk, p->strips, p->first, 1, job->bytes, job->len);
}

static mv_status run_part(void *user, unsigned worker, size_t i)
{
    const part *p = (part *)user + i;
    uint32_t result = 1;
    size_t came = p->out_len;
    const mv_sandbox_job job = {.work = rebuild,
                                .context = p,
                                .bytes = p->bytes,
                                .len = p->len,
                                .bulk = p->out,
                                .bulk_len = &came,
                                .seconds = CHILD_SECONDS,
                                .memory = CHILD_MEMORY + 4 * p->out_len};
    (void)worker;
    switch (mv_sandbox_run(&result, &job)) {
    case MV_SANDBOX_ANSWERED:
        return result == 0 && came == p->out_len ? MV_OK : MV_E_FORMAT;
    case MV_SANDBOX_NOT_STARTED:
        return MV_E_MEMORY;
    case MV_SANDBOX_REFUSED:
        return MV_E_POLICY;
    case MV_SANDBOX_TOO_SLOW:
        return MV_E_LIMIT;
    case MV_SANDBOX_DIED:
        break;
    }
    return MV_E_FORMAT;
}

static const char *why(mv_status st)
{
    return st == MV_E_MEMORY ? "no process to rebuild the coded original in"
           : st == MV_E_POLICY
               ? "the coded original is not rebuilt: this system refuses the sandbox for it"
           : st == MV_E_LIMIT ? "the coded original takes too long to rebuild"
                              : "the coded original inside cannot be rebuilt";
}

mv_status mv_exact_rebuild_apart(uint8_t *out, size_t out_len, const mv_exact_strips *strips,
                                 uint64_t first, const uint8_t *batch, size_t len, mv_error *err)
{
    part parts[PARTS_MAX];
    const size_t count = share(parts, out, out_len, strips, first, batch, len);
    const mv_status st =
        count == 0 ? MV_E_FORMAT : mv_pool_run((unsigned)count, count, run_part, parts);
    return st == MV_OK ? st : mv_fail(err, st, "%s", why(st));
}
