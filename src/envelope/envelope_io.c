/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_io.c: memory and files as sources and sinks; the spool.
 */
#include "envelope_io.h"

#include "base/rng.h"
#include "base/secret.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

/* ---- sources ---- */

mv_source mv_source_memory(const uint8_t *bytes, size_t len)
{
    static const uint8_t nothing = 0;
    return (mv_source){.bytes = bytes != NULL ? bytes : &nothing, .len = len};
}

mv_status mv_source_read(const mv_source *source, uint64_t at, uint8_t *out, size_t len,
                         mv_error *err)
{
    if (at > source->len || len > source->len - at) {
        return mv_fail(err, MV_E_TRUNCATED, "the bytes end too early");
    }
    if (source->bytes == NULL) {
        return source->read(source->user, at, out, len, err);
    }
    memcpy(out, source->bytes + at, len);
    return MV_OK;
}

static mv_status read_file(void *user, uint64_t at, uint8_t *out, size_t len, mv_error *err)
{
    FILE *stream = user;

    errno = 0;
    if ((uint64_t)ftello(stream) != at && fseeko(stream, (off_t)at, SEEK_SET) != 0) {
        return mv_fail(err, MV_E_IO, "cannot read: %s", strerror(errno));
    }
    if (fread(out, 1, len, stream) == len) {
        return MV_OK;
    }
    return ferror(stream) ? mv_fail(err, MV_E_IO, "cannot read: %s", strerror(errno))
                          : mv_fail(err, MV_E_TRUNCATED, "the file became shorter");
}

mv_status mv_source_file(mv_source *out, FILE *stream, mv_error *err)
{
    mv_status st = MV_OK;
    off_t len = -1;

    MV_REQUIRE(fseeko(stream, 0, SEEK_END) == 0 && (len = ftello(stream)) >= 0 &&
                   fseeko(stream, 0, SEEK_SET) == 0,
               err, MV_E_IO, "cannot read: %s", strerror(errno));
    *out = (mv_source){.read = read_file, .user = stream, .len = (uint64_t)len};
done:
    return st;
}

/* ---- sinks ---- */

static mv_status write_file(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    return fwrite(bytes, 1, len, user) == len
               ? MV_OK
               : mv_fail(err, MV_E_IO, "cannot write: %s", strerror(errno));
}

mv_sink mv_sink_file(FILE *stream)
{
    return (mv_sink){write_file, stream};
}

/* ---- spool ---- */

mv_spool mv_spool_make(void)
{
    return (mv_spool){.memory = mv_buffer_make(MV_SPOOL_MEMORY)};
}

enum { BLOCK_LEN = 64, STEP_LEN = 16384 };

/* Bytes [at, at + len) of the spool under its key, either way. */
static void crypt(uint8_t *out, const uint8_t *in, size_t len, uint64_t at, const uint8_t *key)
{
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES] = {0};
    const size_t skip = (size_t)(at % BLOCK_LEN);
    uint8_t block[BLOCK_LEN] = {0};

    if (skip != 0 && len != 0) { /* the rest of a block that has been begun */
        const size_t part = len < BLOCK_LEN - skip ? len : BLOCK_LEN - skip;
        memcpy(block + skip, in, part);
        (void)crypto_stream_chacha20_xor_ic(block, block, BLOCK_LEN, nonce, at / BLOCK_LEN, key);
        memcpy(out, block + skip, part);
        in += part;
        out += part;
        len -= part;
        at += part;
    }
    (void)crypto_stream_chacha20_xor_ic(out, in, len, nonce, at / BLOCK_LEN, key);
    mv_wipe(block, sizeof block);
}

static mv_status write_spooled(const mv_spool *spool, uint64_t at, const uint8_t *bytes, size_t len,
                               mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t step[STEP_LEN];
    for (size_t done = 0; done < len; done += sizeof step) {
        const size_t part = len - done < sizeof step ? len - done : sizeof step;
        crypt(step, bytes + done, part, at + done, spool->key);
        MV_REQUIRE(fwrite(step, 1, part, spool->file) == part, err, MV_E_IO,
                   "cannot write a temporary file: %s", strerror(errno));
    }
done:
    return st;
}

static mv_status spill(mv_spool *spool, mv_error *err)
{
    mv_status st = MV_OK;
    spool->file = tmpfile();
    MV_REQUIRE(spool->file != NULL, err, MV_E_IO, "cannot write a temporary file: %s",
               strerror(errno));
    MV_TRY(mv_secret_new(&spool->key, crypto_stream_chacha20_KEYBYTES));
    MV_TRY(mv_random_bytes(spool->key, crypto_stream_chacha20_KEYBYTES));
    MV_TRY(write_spooled(spool, 0, spool->memory.bytes, spool->memory.len, err));
    mv_buffer_clear(&spool->memory);
done:
    return st;
}

mv_status mv_spool_append(mv_spool *spool, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;

    if (spool->file == NULL && len > MV_SPOOL_MEMORY - spool->memory.len) {
        MV_TRY(spill(spool, err));
    }
    if (spool->file == NULL) {
        MV_TRY(mv_buffer_append(&spool->memory, bytes, len));
    } else {
        MV_TRY(write_spooled(spool, spool->len, bytes, len, err));
    }
    spool->len += len;
done:
    return st;
}

static mv_status read_spool(void *user, uint64_t at, uint8_t *out, size_t len, mv_error *err)
{
    const mv_spool *spool = user;
    const mv_status st = read_file(spool->file, at, out, len, err);
    if (st == MV_OK) {
        crypt(out, out, len, at, spool->key);
    }
    return st;
}

mv_status mv_spool_source(mv_source *out, mv_spool *spool, mv_error *err)
{
    if (spool->file == NULL) {
        *out = mv_source_memory(spool->memory.bytes, spool->memory.len);
        return MV_OK;
    }
    *out = (mv_source){.read = read_spool, .user = spool, .len = spool->len};
    return fflush(spool->file) == 0
               ? MV_OK
               : mv_fail(err, MV_E_IO, "cannot write a temporary file: %s", strerror(errno));
}

void mv_spool_clear(mv_spool *spool)
{
    mv_buffer_clear(&spool->memory);
    mv_secret_free(&spool->key);
    if (spool->file != NULL) {
        (void)fclose(spool->file);
    }
    *spool = mv_spool_make();
}
