/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_checkpoint.c: a trainer's state as one file, written and read side by side.
 *
 *     8   "MVCKPT0\n"
 *     32  fingerprint of network, data and optimizer
 *     ..  the state, little-endian, in the order of put_state and get_state
 *     32  BLAKE2b-256 of all before
 * A checkpoint is for the machine that goes on training; a finished model is a model file.
 */
#include "base/file.h"
#include "nn/nn_train_internal.h"

#include <sodium.h>
#include <string.h>

enum { HASH_LEN = 32, MAGIC_LEN = 8 };

static const char magic[MAGIC_LEN + 1] = "MVCKPT0\n";

/* Larger than any checkpoint of a network whose weights fit a model file. */
#define CHECKPOINT_MAX ((size_t)2 << 30)

static void hash_u64(crypto_generichash_state *h, uint64_t value)
{
    uint8_t bytes[8];
    mv_store_u64le(bytes, value);
    (void)crypto_generichash_update(h, bytes, sizeof bytes);
}

static void hash_layers(crypto_generichash_state *h, const mv_nn_layer *layer, size_t count)
{
    hash_u64(h, count);
    for (size_t i = 0; i < count; i++) {
        hash_u64(h, layer[i].op);
        hash_u64(h, layer[i].act);
        hash_u64(h, layer[i].in_channels);
        hash_u64(h, layer[i].out_channels);
        if (layer[i].op == MV_NN_ADD) {
            hash_u64(h, layer[i].other);
        }
    }
}

static void hash_images(crypto_generichash_state *h, const mv_train_images *images, size_t plane)
{
    hash_u64(h, images->count);
    (void)crypto_generichash_update(h, images->pixel, images->count * plane);
}

void mv_train_fingerprint(uint8_t out[32], const mv_trainer *t)
{
    const size_t plane = (size_t)t->data->width * t->data->height;
    crypto_generichash_state h;
    (void)crypto_generichash_init(&h, NULL, 0, HASH_LEN);
    hash_layers(&h, t->graph->encoder, t->graph->encoder_count);
    hash_layers(&h, t->graph->decoder, t->graph->decoder_count);
    (void)crypto_generichash_update(&h, t->graph->field_bits, t->graph->field_count);
    hash_u64(&h, t->data->width);
    hash_u64(&h, t->data->height);
    hash_u64(&h, t->data->set_count);
    for (size_t i = 0; i < t->data->set_count; i++) {
        hash_images(&h, &t->data->set[i].train, plane);
        hash_images(&h, &t->data->set[i].validation, plane);
    }
    hash_u64(&h, t->opts.optimizer);
    hash_u64(&h, t->state.critic.count);
    (void)crypto_generichash_final(&h, out, HASH_LEN);
}

static mv_status put_floats(mv_buffer *b, const float *value, size_t count)
{
    mv_status st = MV_OK;
    MV_TRY(mv_buffer_reserve(b, 4 * count));
    for (size_t k = 0; k < count; k++) {
        uint32_t bits;
        memcpy(&bits, &value[k], sizeof bits);
        MV_TRY(mv_buffer_put_u32le(b, bits));
    }
done:
    return st;
}

static mv_status get_floats(mv_reader *r, float *value, size_t count)
{
    mv_status st = MV_OK;
    for (size_t k = 0; k < count; k++) {
        uint32_t bits = 0;
        MV_TRY(mv_read_u32le(r, &bits));
        memcpy(&value[k], &bits, sizeof bits);
    }
done:
    return st;
}

static mv_status put_point(mv_buffer *b, const mv_train_point *p)
{
    mv_status st = MV_OK;
    MV_TRY(mv_buffer_put_u64le(b, p->step));
    MV_TRY(mv_buffer_put_f64le(b, p->seconds));
    MV_TRY(mv_buffer_put_f64le(b, p->rate));
    MV_TRY(mv_buffer_put_f64le(b, p->loss));
    MV_TRY(mv_buffer_put_f64le(b, p->score_db));
    for (size_t i = 0; i < MV_TRAIN_SETS_MAX; i++) {
        MV_TRY(mv_buffer_put_f64le(b, p->psnr_db[i]));
    }
done:
    return st;
}

static mv_status get_point(mv_reader *r, mv_train_point *p)
{
    mv_status st = MV_OK;
    MV_TRY(mv_read_u64le(r, &p->step));
    MV_TRY(mv_read_f64le(r, &p->seconds));
    MV_TRY(mv_read_f64le(r, &p->rate));
    MV_TRY(mv_read_f64le(r, &p->loss));
    MV_TRY(mv_read_f64le(r, &p->score_db));
    for (size_t i = 0; i < MV_TRAIN_SETS_MAX; i++) {
        MV_TRY(mv_read_f64le(r, &p->psnr_db[i]));
    }
done:
    return st;
}

static mv_status put_state(mv_buffer *b, const mv_train_state *s, size_t weights)
{
    mv_status st = MV_OK;
    MV_TRY(mv_buffer_put_u64le(b, s->step));
    MV_TRY(mv_buffer_put_f64le(b, s->seconds));
    MV_TRY(mv_buffer_put_f64le(b, s->loss_mean));
    MV_TRY(mv_buffer_put_u64le(b, s->stale));
    MV_TRY(mv_buffer_put_f64le(b, s->best_db));
    for (int i = 0; i < 4; i++) {
        MV_TRY(mv_buffer_put_u64le(b, s->rand.state[i]));
    }
    MV_TRY(put_floats(b, s->weights, weights));
    MV_TRY(put_floats(b, s->m, weights));
    MV_TRY(put_floats(b, s->v, weights));
    MV_TRY(put_floats(b, s->best, weights));
    MV_TRY(put_floats(b, s->critic.weights, 3 * s->critic.count)); /* and both moments */
    MV_TRY(mv_buffer_put_u64le(b, s->curve_count));
    for (size_t i = 0; i < s->curve_count; i++) {
        MV_TRY(put_point(b, &s->curve[i]));
    }
done:
    return st;
}

/* Only after the hash was checked: s is half filled on error. */
static mv_status get_state(mv_reader *r, mv_train_state *s, size_t weights)
{
    mv_status st = MV_OK;
    uint64_t count = 0;
    MV_TRY(mv_read_u64le(r, &s->step));
    MV_TRY(mv_read_f64le(r, &s->seconds));
    MV_TRY(mv_read_f64le(r, &s->loss_mean));
    MV_TRY(mv_read_u64le(r, &s->stale));
    MV_TRY(mv_read_f64le(r, &s->best_db));
    for (int i = 0; i < 4; i++) {
        MV_TRY(mv_read_u64le(r, &s->rand.state[i]));
    }
    MV_TRY(get_floats(r, s->weights, weights));
    MV_TRY(get_floats(r, s->m, weights));
    MV_TRY(get_floats(r, s->v, weights));
    MV_TRY(get_floats(r, s->best, weights));
    MV_TRY(get_floats(r, s->critic.weights, 3 * s->critic.count));
    MV_TRY(mv_read_u64le(r, &count));
    MV_ENSURE(count <= CURVE_MAX, MV_E_FORMAT);
    for (s->curve_count = 0; s->curve_count < count; s->curve_count++) {
        MV_TRY(get_point(r, &s->curve[s->curve_count]));
    }
    MV_ENSURE(mv_reader_left(r) == 0, MV_E_FORMAT);
done:
    return st;
}

mv_status mv_trainer_save(mv_trainer *t, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t hash[HASH_LEN];
    mv_buffer b = mv_buffer_make(CHECKPOINT_MAX);

    mv_trainer_settle(t);
    MV_TRY(mv_buffer_append(&b, (const uint8_t *)magic, MAGIC_LEN));
    MV_TRY(mv_buffer_append(&b, t->fingerprint, sizeof t->fingerprint));
    MV_TRY(put_state(&b, &t->state, t->weight_count));
    (void)crypto_generichash(hash, sizeof hash, b.bytes, b.len, NULL, 0);
    MV_TRY(mv_buffer_append(&b, hash, sizeof hash));
    MV_TRY(mv_file_write(path, b.bytes, b.len, MV_OUTPUT_FORCE, err));
done:
    mv_buffer_clear(&b);
    return st;
}

/* The state's bytes within a checkpoint whose magic, hash and fingerprint are right. */
static mv_status open_checkpoint(mv_reader *state, const mv_buffer *b, const mv_trainer *t,
                                 const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t hash[HASH_LEN];
    const size_t frame = MAGIC_LEN + HASH_LEN + HASH_LEN;

    MV_REQUIRE(b->len > frame && memcmp(b->bytes, magic, MAGIC_LEN) == 0, err, MV_E_FORMAT,
               "%s is not a training checkpoint", path);
    (void)crypto_generichash(hash, sizeof hash, b->bytes, b->len - HASH_LEN, NULL, 0);
    MV_REQUIRE(memcmp(hash, b->bytes + b->len - HASH_LEN, HASH_LEN) == 0, err, MV_E_FORMAT,
               "the training checkpoint %s is damaged", path);
    MV_REQUIRE(memcmp(t->fingerprint, b->bytes + MAGIC_LEN, HASH_LEN) == 0, err, MV_E_MISMATCH,
               "the checkpoint %s was made with another network, optimizer or other images", path);
    *state = mv_reader_make(b->bytes + MAGIC_LEN + HASH_LEN, b->len - frame);
done:
    return st;
}

mv_status mv_trainer_restore(mv_trainer *t, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer b = mv_buffer_make(CHECKPOINT_MAX);
    mv_reader r;

    MV_TRY(mv_file_read(&b, path, err));
    MV_TRY(open_checkpoint(&r, &b, t, path, err));
    mv_trainer_settle(t);
    st = get_state(&r, &t->state, t->weight_count);
    MV_REQUIRE(st == MV_OK, err, MV_E_FORMAT, "the training checkpoint %s is damaged", path);
done:
    mv_buffer_clear(&b);
    return st;
}
