/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_model_file.c: model file, read beside write.
 */
#include "nn/nn_model_file.h"

#include "nn/nn_file.h"

#include <string.h>

static const uint8_t magic[7] = {'m', 'v', 'm', 'o', 'd', 'e', 'l'};

/* Format 1 knows the layers up to upsampling and three-channel images without fields. */
enum { FORMAT_1 = 1, FORMAT_2 = 2 };

static mv_status put_text(mv_buffer *out, const char *text)
{
    mv_status st = MV_OK;
    const size_t len = strlen(text);
    MV_TRY(mv_buffer_put_u16le(out, (uint16_t)len));
    MV_TRY(mv_buffer_append(out, (const uint8_t *)text, len));
done:
    return st;
}

static mv_status read_text(mv_reader *in, char *text, size_t cap)
{
    mv_status st = MV_OK;
    uint16_t len = 0;
    MV_TRY(mv_read_u16le(in, &len));
    MV_ENSURE(len < cap, MV_E_FORMAT);
    MV_TRY(mv_read_copy(in, (uint8_t *)text, len));
    text[len] = '\0';
    for (size_t i = 0; i < len; i++) {
        MV_ENSURE((unsigned char)text[i] >= 0x20 && text[i] != 0x7f, MV_E_FORMAT);
    }
done:
    return st;
}

static bool layers_are_old(const mv_nn_layer *layer, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (layer[i].op > MV_NN_UPSAMPLE2) {
            return false;
        }
    }
    return count <= 16;
}

/* The oldest format that can say it: the same network has the same bytes for ever. */
static uint8_t format_of(const mv_nn_graph *graph)
{
    const bool old = graph->field_count == 0 && graph->encoder[0].in_channels == 3 &&
                     layers_are_old(graph->encoder, graph->encoder_count) &&
                     layers_are_old(graph->decoder, graph->decoder_count);
    return old ? FORMAT_1 : FORMAT_2;
}

static mv_status put_layers(mv_buffer *out, const mv_nn_layer *layer, size_t count, uint8_t format)
{
    mv_status st = MV_OK;
    MV_TRY(mv_buffer_put_u8(out, (uint8_t)count));
    for (size_t i = 0; i < count; i++) {
        MV_TRY(mv_buffer_put_u8(out, (uint8_t)layer[i].op));
        MV_TRY(mv_buffer_put_u8(out, (uint8_t)layer[i].act));
        MV_TRY(mv_buffer_put_u16le(out, (uint16_t)layer[i].in_channels));
        MV_TRY(mv_buffer_put_u16le(out, (uint16_t)layer[i].out_channels));
        if (format >= FORMAT_2) {
            MV_TRY(mv_buffer_put_u8(out, (uint8_t)layer[i].other));
        }
    }
done:
    return st;
}

static mv_status read_layers(mv_reader *in, mv_nn_layer *layer, size_t *count, uint8_t format)
{
    mv_status st = MV_OK;
    uint8_t n = 0;
    MV_TRY(mv_read_u8(in, &n));
    MV_ENSURE(n >= 1 && n <= MV_NN_LAYERS_MAX, MV_E_FORMAT);
    for (size_t i = 0; i < n; i++) {
        uint8_t op = 0, act = 0, other = 0;
        uint16_t channels_in = 0, channels_out = 0;
        MV_TRY(mv_read_u8(in, &op));
        MV_TRY(mv_read_u8(in, &act));
        MV_TRY(mv_read_u16le(in, &channels_in));
        MV_TRY(mv_read_u16le(in, &channels_out));
        if (format >= FORMAT_2) {
            MV_TRY(mv_read_u8(in, &other));
        }
        layer[i] = (mv_nn_layer){(mv_nn_op)op, (mv_nn_act)act, channels_in, channels_out, other};
    }
    *count = n;
done:
    return st;
}

static mv_status put_fields(mv_buffer *out, const mv_nn_graph *graph)
{
    mv_status st = MV_OK;
    MV_TRY(mv_buffer_put_u8(out, (uint8_t)graph->field_count));
    MV_TRY(mv_buffer_append(out, graph->field_bits, graph->field_count));
done:
    return st;
}

static mv_status read_fields(mv_reader *in, mv_nn_graph *graph)
{
    mv_status st = MV_OK;
    uint8_t count = 0;
    MV_TRY(mv_read_u8(in, &count));
    MV_ENSURE(count <= MV_NN_FIELDS_MAX, MV_E_FORMAT);
    MV_TRY(mv_read_copy(in, graph->field_bits, count));
    graph->field_count = count;
done:
    return st;
}

mv_status mv_model_file_write(mv_buffer *out, const mv_nn_graph *graph,
                              const mv_model_record *record, const float *weights)
{
    mv_status st = MV_OK;
    mv_nn_graph checked = *graph;
    const size_t start = out->len;

    MV_TRY(mv_nn_graph_check(&checked));
    MV_ENSURE(record->feature_bits >= 1 && record->feature_bits <= 16, MV_E_RANGE);
    const uint8_t format = format_of(graph);
    MV_TRY(mv_buffer_append(out, magic, sizeof magic));
    MV_TRY(mv_buffer_put_u8(out, format));
    MV_TRY(put_text(out, record->name));
    MV_TRY(put_text(out, record->licence));
    MV_TRY(put_text(out, record->training));
    MV_TRY(mv_buffer_put_u8(out, (uint8_t)record->feature_bits));
    MV_TRY(put_layers(out, graph->encoder, graph->encoder_count, format));
    MV_TRY(put_layers(out, graph->decoder, graph->decoder_count, format));
    if (format >= FORMAT_2) {
        MV_TRY(put_fields(out, graph));
    }
    MV_TRY(mv_nn_put_weights(out, weights, mv_nn_graph_weights(graph)));
    MV_TRY(mv_nn_put_hash(out, start));
done:
    return st;
}

mv_status mv_model_file_read(mv_model_record *record, mv_nn_graph *graph, float **weights,
                             uint8_t hash[MV_MODEL_FILE_HASH_LEN], const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    mv_model_record r = {{0}, {0}, {0}, 0};
    mv_nn_graph g = {0};
    float *w = NULL;
    const uint8_t *view = NULL;
    uint8_t format = 0, bits = 0, want[MV_MODEL_FILE_HASH_LEN];
    mv_reader in = mv_reader_make(bytes, len);

    MV_TRY(mv_read_view(&in, &view, sizeof magic));
    MV_ENSURE(memcmp(view, magic, sizeof magic) == 0, MV_E_FORMAT);
    MV_TRY(mv_read_u8(&in, &format));
    MV_ENSURE(format == FORMAT_1 || format == FORMAT_2, MV_E_FORMAT);
    MV_TRY(mv_nn_read_hash(want, &in, bytes, len));
    MV_TRY(read_text(&in, r.name, sizeof r.name));
    MV_TRY(read_text(&in, r.licence, sizeof r.licence));
    MV_TRY(read_text(&in, r.training, sizeof r.training));
    MV_TRY(mv_read_u8(&in, &bits));
    r.feature_bits = bits;
    MV_ENSURE(bits >= 1 && bits <= 16, MV_E_RANGE);
    MV_TRY(read_layers(&in, g.encoder, &g.encoder_count, format));
    MV_TRY(read_layers(&in, g.decoder, &g.decoder_count, format));
    if (format >= FORMAT_2) {
        MV_TRY(read_fields(&in, &g));
    }
    MV_TRY(mv_nn_graph_check(&g));
    MV_ENSURE(format == format_of(&g), MV_E_FORMAT); /* one network, one file */
    MV_ENSURE(mv_reader_left(&in) / 4 >= mv_nn_graph_weights(&g), MV_E_TRUNCATED);
    w = malloc(mv_nn_graph_weights(&g) * sizeof *w);
    MV_ENSURE(w != NULL, MV_E_MEMORY);
    MV_TRY(mv_nn_read_weights(&in, w, mv_nn_graph_weights(&g)));
    MV_ENSURE(mv_reader_left(&in) == 0, MV_E_FORMAT);

    *record = r;
    *graph = g;
    graph->name = record->name;
    *weights = w;
    memcpy(hash, want, sizeof want);
    w = NULL;
done:
    free(w);
    return st;
}
