/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_inspect.c: what a relay can see of a sealed file; with an identity, what is inside.
 */
#include "base/file.h"
#include "commands.h"
#include "medveil/envelope.h"
#include "people.h"
#include "show.h"
#include "ui.h"

#include <stdio.h>

static const cli_option options[] = {
    {"identity", 'i', "IDENTITY", "also show what is inside"},
    PEOPLE_PASSPHRASE_OPTION,
    {NULL, 0, NULL, NULL},
};

/* What an opened envelope tells. */
typedef struct inside {
    mv_content content; /* description and name only */
    mv_sender sender;
    mv_envelope_stats stats;
} inside;

static const char *why_exact(const inside *in)
{
    return in->stats.exact_kept ? "kept, so that the receiver gets the very file"
                                : "left out: the sender chose lossy";
}

static const char *why_features(const inside *in)
{
    return in->stats.set != NULL ? "kept, for reconstruction and for computing while encrypted"
                                 : "none travel";
}

static void print_outside(const char *file, const mv_envelope_outside *o)
{
    printf("%s, as anybody sees it\n", file);
    printf("  bytes       %llu\n", (unsigned long long)o->total_len);
    printf("  format      %u, for trials: a later program may not open it\n", (unsigned)o->version);
    printf("  key slots   %u, without names\n", (unsigned)o->wrap_count);
    printf("  body        %llu bytes, rounded up to a length class\n",
           (unsigned long long)o->padded_len);
    printf("  a relay sees this and nothing else: not from whom or for whom, not what is inside\n");
}

static void print_image(const mv_code_meta *m)
{
    printf("  image       %u x %u, %u slice%s, %u channel%s, %s, %u bits\n", (unsigned)m->width,
           (unsigned)m->height, (unsigned)m->depth, m->depth == 1 ? "" : "s", (unsigned)m->channels,
           m->channels == 1 ? "" : "s", mv_sample_name(m->type), (unsigned)m->bits);
}

static void print_features(const inside *in)
{
    const mv_code_meta *m = &in->content.code.meta;
    char hash[SHOW_HEX_SIZE];

    if (in->stats.set == NULL) {
        printf("  features    %s\n", why_features(in));
        return;
    }
    show_hex(hash, m->model_hash, sizeof m->model_hash);
    printf("  model       %s %.16s\n", m->model_name, hash);
    printf("  features    %u x %u x %u x %u, %u bits: %zu bytes, %zu under %s\n",
           (unsigned)m->frames, (unsigned)m->feature_height, (unsigned)m->feature_width,
           (unsigned)m->feature_channels, (unsigned)m->feature_bits, in->stats.bytes_features,
           in->stats.bytes_ciphertext, mv_he_set_name(in->stats.set));
    printf("              %s\n", why_features(in));
}

static void print_inside(const inside *in)
{
    char sender[SHOW_SENDER_SIZE];
    show_sender(sender, &in->sender);
    printf("inside\n  sender      %s\n", sender);
    printf("  file name   %s\n",
           in->content.file_name[0] != '\0' ? in->content.file_name : "not told");
    if (in->content.code.meta.width != 0) {
        print_image(&in->content.code.meta);
    }
    print_features(in);
    if (in->stats.exact_kept) {
        printf("  original    %zu bytes, %s\n", in->stats.bytes_exact, why_exact(in));
    } else {
        printf("  original    %s\n", why_exact(in));
    }
}

static json_t *image_json(const mv_code_meta *m)
{
    if (m->width == 0) {
        return json_null();
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:s, s:I}", "width", (json_int_t)m->width, "height",
                     (json_int_t)m->height, "depth", (json_int_t)m->depth, "channels",
                     (json_int_t)m->channels, "type", mv_sample_name(m->type), "bits",
                     (json_int_t)m->bits);
}

static json_t *features_json(const inside *in)
{
    const mv_code_meta *m = &in->content.code.meta;
    char hash[SHOW_HEX_SIZE];
    if (in->stats.set == NULL) {
        return json_null();
    }
    show_hex(hash, m->model_hash, sizeof m->model_hash);
    return json_pack(
        "{s:s, s:s, s:s, s:I, s:[I,I,I,I], s:I, s:I, s:s}", "model", m->model_name, "model_hash",
        hash, "set", mv_he_set_name(in->stats.set), "bits", (json_int_t)m->feature_bits, "shape",
        (json_int_t)m->frames, (json_int_t)m->feature_height, (json_int_t)m->feature_width,
        (json_int_t)m->feature_channels, "bytes_features", (json_int_t)in->stats.bytes_features,
        "bytes_ciphertext", (json_int_t)in->stats.bytes_ciphertext, "why", why_features(in));
}

static json_t *inside_json(const inside *in)
{
    return json_pack("{s:o, s:b, s:s, s:o, s:o, s:{s:b, s:I, s:s}}", "sender",
                     show_sender_json(&in->sender), "anonymous", in->sender.anonymous, "file_name",
                     in->content.file_name, "image", image_json(&in->content.code.meta), "features",
                     features_json(in), "exact", "kept", in->stats.exact_kept, "bytes_exact",
                     (json_int_t)in->stats.bytes_exact, "why", why_exact(in));
}

static void print_json(const char *file, const mv_envelope_outside *o, const inside *in)
{
    json_t *object =
        json_pack("{s:s, s:I, s:I, s:I, s:I}", "file", file, "version", (json_int_t)o->version,
                  "wraps", (json_int_t)o->wrap_count, "bytes_body", (json_int_t)o->padded_len,
                  "bytes_total", (json_int_t)o->total_len);
    if (in != NULL) {
        (void)json_object_set_new(object, "inside", inside_json(in));
    }
    ui_json(object);
}

/* in NULL: the outside only. */
static mv_status look(mv_envelope_outside *outside, inside *in, const mv_buffer *bytes,
                      const mv_identity *identity, const char *file, mv_error *err)
{
    mv_error why = {0};
    mv_status st = mv_envelope_inspect(outside, bytes->bytes, bytes->len, &why);

    if (st == MV_OK && in != NULL) {
        st = mv_envelope_open(&in->content, &in->sender, &in->stats, bytes->bytes, bytes->len,
                              identity, 0, &why);
    }
    if (st != MV_OK) {
        (void)mv_fail(err, st, "cannot inspect %.150s: %.300s", file,
                      why.text[0] != '\0' ? why.text : mv_status_sentence(st));
        mv_hint(err, "%s", why.hint);
    }
    return st;
}

static int run(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    mv_buffer bytes = mv_buffer_make(MV_ENVELOPE_LEN_MAX);
    mv_envelope_outside outside;
    mv_identity *identity = NULL;
    inside opened = {0}, *in = NULL;
    const char *file = args->operand[0];

    if (cli_flag(args, "identity")) {
        MV_TRY(people_identity(&identity, args, cli_value(args, "identity"), &err));
        in = &opened;
    }
    MV_TRY(mv_file_read(&bytes, file, &err));
    MV_TRY(look(&outside, in, &bytes, identity, file, &err));
    if (cli_flag(args, "json")) {
        print_json(file, &outside, in);
    } else {
        print_outside(file, &outside);
        if (in != NULL) {
            print_inside(in);
        }
    }
done:
    mv_content_clear(&opened.content);
    mv_identity_free(&identity);
    mv_buffer_clear(&bytes);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

const cli_command cmd_inspect = {
    .name = "inspect",
    .operands = "FILE",
    .summary = "show what a relay can see of a sealed file",
    .options = options,
    .run = run,
    .operands_min = 1,
    .operands_max = 1,
    .examples = "  medveil inspect scan.mv\n  medveil inspect -i me.id scan.mv\n",
    .description = "Without -i no key is used: every line printed is visible to the network, to a\n"
                   "relay and to whoever steals its disk. With -i the file is authenticated and\n"
                   "opened, and the sender, the model, the sizes and what was kept are shown.\n",
};
