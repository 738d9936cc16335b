/* SPDX-License-Identifier: Apache-2.0
 *
 * cases_envelope.c: a study of 800 originals of 500 kB in one envelope, as streams, beside the same
 * bytes through libsodium's secretstream, which authenticates but neither hashes nor signs. One
 * thread. Opening is what decrypt does: authenticate all, then give every original.
 */
#include "bench.h"

#include "medveil/envelope.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBERS = 800, MEMBER_LEN = 500000, RECORD = 65536 };

typedef struct state {
    mv_identity *identity;
    mv_card card;
    uint8_t *member; /* every original is this one */
    FILE *sealed;    /* the study */
    uint64_t taken;  /* bytes that came out */
    uint8_t record[RECORD + crypto_secretstream_xchacha20poly1305_ABYTES];
} state;

static void finish(void *user)
{
    state *s = user;
    mv_identity_free(&s->identity);
    if (s->sealed != NULL) {
        (void)fclose(s->sealed);
    }
    free(s->member);
    free(s);
}

static mv_status drop(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    uint64_t *taken = user;
    (void)bytes;
    (void)err;
    *taken += len;
    return MV_OK;
}

static mv_status seal_into(state *s, const mv_sink *sink, mv_error *err)
{
    const mv_seal_opts opts = {.sender = s->identity, .recipient = &s->card, .recipient_count = 1};
    const mv_source original = mv_source_memory(s->member, MEMBER_LEN);
    mv_sealer *sealer = NULL;
    mv_status st = mv_sealer_new(&sealer, &opts, err);

    for (int i = 0; st == MV_OK && i < MEMBERS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%04d.dcm", i);
        st = mv_sealer_add(sealer, name, NULL, &original, err);
    }
    st = st == MV_OK ? mv_sealer_finish(sealer, NULL, sink, err) : st;
    mv_sealer_free(&sealer);
    return st;
}

static mv_status prepare(void **out, size_t *bytes, mv_error *err)
{
    state *s = calloc(1, sizeof *s);
    mv_status st = MV_OK;

    if (s == NULL || (s->member = malloc(MEMBER_LEN)) == NULL) {
        free(s);
        return MV_E_MEMORY;
    }
    *out = s;
    *bytes = (size_t)MEMBERS * MEMBER_LEN;
    for (size_t i = 0; i < MEMBER_LEN; i++) {
        s->member[i] = (uint8_t)(i * 31 + i / 253);
    }
    st = mv_identity_generate(&s->identity);
    if (st == MV_OK) {
        mv_identity_card(&s->card, s->identity);
        s->sealed = tmpfile();
        st = s->sealed != NULL ? MV_OK : mv_fail(err, MV_E_IO, "cannot make a temporary file");
    }
    return st;
}

static mv_status prepare_sealed(void **out, size_t *bytes, mv_error *err)
{
    mv_status st = prepare(out, bytes, err);
    if (st == MV_OK) {
        state *s = *out;
        const mv_sink sink = mv_sink_file(s->sealed);
        st = seal_into(s, &sink, err);
        st = st == MV_OK && fflush(s->sealed) != 0 ? mv_fail(err, MV_E_IO, "cannot write") : st;
        *bytes = (size_t)ftello(s->sealed);
    }
    return st;
}

static mv_status seal(void *user, mv_error *err)
{
    state *s = user;
    const mv_sink sink = {drop, &s->taken};
    return seal_into(s, &sink, err);
}

static mv_status open_all(void *user, mv_error *err)
{
    state *s = user;
    const mv_sink sink = {drop, &s->taken};
    mv_source source;
    mv_opener *opener = NULL;
    mv_status st = mv_source_file(&source, s->sealed, err);

    s->taken = 0;
    st = st == MV_OK ? mv_opener_new(&opener, &source, s->identity, err) : st;
    for (size_t i = 0; st == MV_OK && i < MEMBERS; i++) {
        st = mv_opener_exact(opener, i, &sink, err);
    }
    mv_opener_free(&opener);
    return st == MV_OK && s->taken != (uint64_t)MEMBERS * MEMBER_LEN ? MV_E_INTERNAL : st;
}

static mv_status authenticate(void *user, mv_error *err)
{
    state *s = user;
    mv_source source;
    mv_opener *opener = NULL;
    mv_status st = mv_source_file(&source, s->sealed, err);
    st = st == MV_OK ? mv_opener_new(&opener, &source, s->identity, err) : st;
    mv_opener_free(&opener);
    return st;
}

static mv_status secretstream(void *user, mv_error *err)
{
    state *s = user;
    crypto_secretstream_xchacha20poly1305_state stream;
    uint8_t key[crypto_secretstream_xchacha20poly1305_KEYBYTES] = {1};
    uint8_t header[crypto_secretstream_xchacha20poly1305_HEADERBYTES];

    (void)err;
    (void)crypto_secretstream_xchacha20poly1305_init_push(&stream, header, key);
    for (int i = 0; i < MEMBERS; i++) {
        for (size_t at = 0; at < MEMBER_LEN; at += RECORD) {
            const size_t len = MEMBER_LEN - at < RECORD ? MEMBER_LEN - at : RECORD;
            (void)crypto_secretstream_xchacha20poly1305_push(&stream, s->record, NULL,
                                                             s->member + at, len, NULL, 0, 0);
        }
    }
    return MV_OK;
}

const bench_case bench_cases_envelope[] = {
    {"envelope seal", "study 400 MB", "libcrypto", prepare, seal, finish},
    {"envelope authenticate", "study 400 MB", "libcrypto", prepare_sealed, authenticate, finish},
    {"envelope open", "study 400 MB", "libcrypto", prepare_sealed, open_all, finish},
    {"secretstream push", "study 400 MB", "libsodium", prepare, secretstream, finish},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
