/* SPDX-License-Identifier: Apache-2.0
 *
 * head_file.c: the bytes of a head, docs/formats/head.md.
 */
#include "codec/head.h"

#include "base/file.h"
#include "codec/text_field.h"

#include <math.h>
#include <sodium.h>
#include <string.h>

static const uint8_t magic[8] = {'m', 'v', 'h', 'e', 'a', 'd', 0, 1};

static mv_status put_weights(mv_buffer *out, const float *weights, size_t count)
{
    mv_status st = MV_OK;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = 0;
        MV_ENSURE(isfinite(weights[i]), MV_E_RANGE);
        memcpy(&bits, &weights[i], sizeof bits);
        MV_TRY(mv_buffer_put_u32le(out, bits));
    }
done:
    return st;
}

static mv_status read_weights(mv_reader *in, float *weights, size_t count)
{
    mv_status st = MV_OK;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = 0;
        MV_TRY(mv_read_u32le(in, &bits));
        memcpy(&weights[i], &bits, sizeof bits);
        MV_ENSURE(isfinite(weights[i]), MV_E_RANGE);
    }
done:
    return st;
}

static void hash_bytes(uint8_t hash[MV_EMBEDDING_HASH_LEN], const uint8_t *bytes, size_t len)
{
    (void)crypto_generichash(hash, MV_EMBEDDING_HASH_LEN, bytes, len, NULL, 0);
}

mv_status mv_head_file_write(mv_buffer *out, const mv_head *head)
{
    mv_status st = MV_OK;
    const mv_head_info *info = &head->info;
    const size_t start = out->len;
    uint8_t hash[MV_EMBEDDING_HASH_LEN];

    MV_TRY(mv_buffer_append(out, magic, sizeof magic));
    MV_TRY(mv_text_field_put(out, info->model_name, sizeof info->model_name));
    MV_TRY(mv_buffer_append(out, info->model_hash, sizeof info->model_hash));
    MV_TRY(mv_text_field_put(out, info->licence, sizeof info->licence));
    MV_TRY(mv_text_field_put(out, info->training, sizeof info->training));
    MV_TRY(mv_buffer_put_u16le(out, (uint16_t)head->maps));
    MV_TRY(mv_buffer_put_u16le(out, (uint16_t)info->class_count));
    for (uint32_t k = 0; k < info->class_count; k++) {
        MV_TRY(mv_text_field_put(out, info->class_of[k].set, sizeof info->class_of[k].set));
        MV_TRY(mv_text_field_put(out, info->class_of[k].name, sizeof info->class_of[k].name));
    }
    MV_TRY(put_weights(out, head->weights, mv_head_weight_count(head->maps, info->class_count)));
    hash_bytes(hash, out->bytes + start, out->len - start);
    MV_TRY(mv_buffer_append(out, hash, sizeof hash));
done:
    return st;
}

static mv_status read_classes(mv_reader *in, mv_head *head)
{
    mv_status st = MV_OK;
    uint16_t maps = 0, classes = 0;

    MV_TRY(mv_read_u16le(in, &maps));
    MV_TRY(mv_read_u16le(in, &classes));
    MV_ENSURE(maps >= 1 && maps <= MV_HEAD_MAPS_MAX && classes >= 2 &&
                  classes <= MV_HEAD_CLASSES_MAX,
              MV_E_FORMAT);
    head->maps = maps;
    head->info.class_count = classes;
    for (uint32_t k = 0; k < classes; k++) {
        mv_head_class *c = &head->info.class_of[k];
        MV_TRY(mv_text_field_read(in, c->set, sizeof c->set));
        MV_TRY(mv_text_field_read(in, c->name, sizeof c->name));
    }
done:
    return st;
}

static mv_status read_file(mv_head *head, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    mv_head_info *info = &head->info;
    const uint8_t *view = NULL;
    mv_reader in = mv_reader_make(bytes, len);

    MV_TRY(mv_read_view(&in, &view, sizeof magic));
    MV_ENSURE(memcmp(view, magic, sizeof magic) == 0, MV_E_FORMAT);
    MV_ENSURE(len >= sizeof magic + sizeof info->hash, MV_E_TRUNCATED);
    hash_bytes(info->hash, bytes, len - sizeof info->hash);
    MV_ENSURE(memcmp(info->hash, bytes + len - sizeof info->hash, sizeof info->hash) == 0,
              MV_E_FORMAT);
    in.end -= sizeof info->hash;
    MV_TRY(mv_text_field_read(&in, info->model_name, sizeof info->model_name));
    MV_TRY(mv_read_copy(&in, info->model_hash, sizeof info->model_hash));
    MV_TRY(mv_text_field_read(&in, info->licence, sizeof info->licence));
    MV_TRY(mv_text_field_read(&in, info->training, sizeof info->training));
    MV_TRY(read_classes(&in, head));
    const size_t count = mv_head_weight_count(head->maps, info->class_count);
    MV_ENSURE(mv_reader_left(&in) == 4 * count, MV_E_FORMAT);
    head->weights = malloc(count * sizeof *head->weights);
    MV_ENSURE(head->weights != NULL, MV_E_MEMORY);
    MV_TRY(read_weights(&in, head->weights, count));
    info->parameter_count = count;
done:
    return st;
}

mv_status mv_head_read(mv_head **out, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    mv_head *head = calloc(1, sizeof *head);

    MV_REQUIRE(head != NULL, err, MV_E_MEMORY, "out of memory for a head");
    st = read_file(head, bytes, len);
    MV_REQUIRE(st == MV_OK, err, st, "this is not a usable head file: %s", mv_status_sentence(st));
    *out = head;
    head = NULL;
done:
    mv_head_free(&head);
    return st;
}

mv_status mv_head_load(mv_head **out, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer file = mv_buffer_make(MV_HEAD_FILE_MAX);

    MV_TRY(mv_file_read(&file, path, err));
    st = mv_head_read(out, file.bytes, file.len, NULL);
    if (st != MV_OK) {
        (void)mv_fail(err, st, "%s is not a usable head file: %s", path, mv_status_sentence(st));
    }
done:
    mv_buffer_clear(&file);
    return st;
}
