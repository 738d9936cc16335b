/* SPDX-License-Identifier: Apache-2.0
 *
 * compact.c: the options of compact mode, and one image to its bytes and back.
 */
#include "compact.h"

#include "base/status.h"
#include "image/preprocess.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --target-psnr as a number; 0 when it is not given. */
static bool parse_psnr(double *out, const cli_args *args)
{
    const char *text = cli_value(args, "target-psnr");
    char *end = NULL;

    *out = 0;
    if (text == NULL) {
        return true;
    }
    *out = strtod(text, &end);
    if (end == text || *end != '\0' || !(*out >= 10 && *out <= 200)) {
        ui_say("--target-psnr needs a number of decibels from 10 to 200, not \"%s\"", text);
        return false;
    }
    return true;
}

/* Options of one way that the other way would ignore are refused. */
static bool fits(const compact *c, const cli_args *args)
{
    static const char *const of_compact[] = {"quality", "target-psnr", "target-bytes"};
    static const char *const of_features[] = {"bits", "sums", "frame-slices", "features",
                                              "no-features"};
    const size_t count = c->wanted ? sizeof of_features / sizeof of_features[0]
                                   : sizeof of_compact / sizeof of_compact[0];
    size_t given = 0;

    for (size_t i = 0; i < count; i++) {
        const char *name = c->wanted ? of_features[i] : of_compact[i];
        if (cli_flag(args, name)) {
            ui_say(c->wanted ? "--%s is about features, in whose place --compact sends an image"
                             : "--%s goes with --compact",
                   name);
            return false;
        }
    }
    for (size_t i = 0; c->wanted && i < sizeof of_compact / sizeof of_compact[0]; i++) {
        given += cli_flag(args, of_compact[i]);
    }
    if (given > 1) {
        ui_say("give one of --quality, --target-psnr and --target-bytes");
        return false;
    }
    return true;
}

bool compact_parse(compact *c, const cli_args *args)
{
    long quality = 0, bytes = 0;

    c->wanted = cli_flag(args, "compact");
    c->he = c->wanted && (cli_flag(args, "he") || cli_flag(args, "form"));
    if (!fits(c, args) || !cli_number(args, "quality", 1, 100, 50, &quality) ||
        !cli_number(args, "target-bytes", 1, 1L << 31, 0, &bytes) ||
        !parse_psnr(&c->opts.target_psnr_db, args)) {
        return false;
    }
    c->opts.target_bytes = (uint64_t)bytes;
    c->opts.quality = bytes != 0 || c->opts.target_psnr_db != 0 ? 0 : (uint32_t)quality;
    return true;
}

static mv_status find_networks(mv_veil **out, const char *file, const uint8_t *hash, mv_error *err)
{
    return file != NULL ? mv_veil_load(out, file, err) : mv_veil_find(out, hash, err);
}

mv_status compact_load(compact *c, const cli_args *args, mv_error *err)
{
    const char *model = cli_value(args, "model");
    const bool by_name = model == NULL || strcmp(model, "veil") == 0;
    return c->wanted ? find_networks(&c->veil, by_name ? NULL : model, NULL, err) : MV_OK;
}

mv_status compact_encode(compact *c, mv_code *code, const mv_image *image,
                         const mv_codec_opts *codec, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image resized = {0};

    compact_forget(c);
    c->opts.threads = codec->threads;
    c->opts.progress = codec->progress;
    if (codec->resize_width != 0) {
        MV_TRY(mv_image_resize(&resized, image, codec->resize_width, codec->resize_height, err));
        image = &resized;
    }
    MV_TRY(mv_veil_encode(&c->bytes, &c->len, &c->stats, c->veil, image, &c->opts, err));
    MV_TRY(mv_veil_meta(&code->meta, c->veil, image, err));
done:
    mv_image_clear(&resized);
    return st;
}

void compact_forget(compact *c)
{
    mv_veil_free_bytes(&c->bytes, c->len);
    c->len = 0;
    c->stats = (mv_veil_stats){0};
}

void compact_clear(compact *c)
{
    compact_forget(c);
    mv_veil_free(&c->veil);
}

json_t *compact_json(const compact *c)
{
    if (c->bytes == NULL) {
        return json_null();
    }
    return json_pack("{s:o, s:f, s:I}", "psnr_db",
                     isfinite(c->stats.psnr_db) ? json_real(c->stats.psnr_db) : json_null(), "step",
                     c->stats.step, "bytes", (json_int_t)c->stats.bytes);
}

mv_status compact_open(mv_image *out, mv_opener *opener, size_t i, const char *model,
                       unsigned threads, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_code_meta *meta = &mv_opener_member(opener, i)->code;
    mv_veil *veil = NULL;
    uint8_t *bytes = NULL;
    size_t len = 0;

    MV_TRY(mv_opener_compact(opener, i, &bytes, &len, NULL, NULL, err));
    MV_TRY(find_networks(&veil, model, meta->model_hash, err));
    MV_TRY(mv_veil_decode(out, veil, bytes, len, meta, threads, ui_progress(), err));
done:
    mv_veil_free_bytes(&bytes, len);
    mv_veil_free(&veil);
    return st;
}
