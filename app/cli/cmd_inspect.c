/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_inspect.c: what a relay can see of a sealed file; with an identity, what is inside.
 */
#include "base/status.h"
#include "commands.h"
#include "loss.h"
#include "medveil/envelope.h"
#include "people.h"
#include "sealed.h"
#include "show.h"
#include "ui.h"

#include <stdio.h>

static const cli_option options[] = {
    {"identity", 'i', "IDENTITY", "also show what is inside"},
    PEOPLE_PASSPHRASE_OPTION,
    {NULL, 0, NULL, NULL},
};

static const char *why_exact(const mv_member *m)
{
    return !m->exact_kept      ? "left out: the sender chose lossy"
           : m->max_error != 0 ? "near-lossless: the sender stated an error that no sample exceeds"
                               : "kept, so that the receiver gets the very file";
}

static const char *coding_name(const mv_member *m)
{
    return m->exact_coding == MV_CODING_NONE     ? "none"
           : m->exact_coding == MV_CODING_RASTER ? "jpeg-ls"
           : m->exact_coding == MV_CODING_STRIPS ? "veil"
                                                 : "of a later program";
}

static const char *why_features(const mv_member *m)
{
    return m->feature_count != 0 ? "kept, for reconstruction and for computing while encrypted"
           : m->compact_len != 0 ? "none travel: the compact image goes in their place"
           : m->described        ? "left out: they would be larger than the exact image"
                                 : "none travel: the sender left them out, or read no image";
}

static size_t bytes_features(const mv_member *m)
{
    return (m->feature_count * m->code.feature_bits + 7) / 8;
}

static void print_outside(const char *file, const mv_envelope_outside *o)
{
    printf("%s, as anybody sees it\n", file);
    printf("  bytes       %llu\n", (unsigned long long)o->total_len);
    printf("  format      %u\n", (unsigned)o->version);
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

static void print_features(const mv_member *member, const mv_features_info *info)
{
    const mv_code_meta *m = &member->code;
    char hash[SHOW_HEX_SIZE];

    if (info->set == NULL) {
        printf("  features    %s\n", why_features(member));
        return;
    }
    show_hex(hash, m->model_hash, sizeof m->model_hash);
    printf("  model       %s %.16s\n", m->model_name, hash);
    printf("  features    %u x %u x %u x %u, %u bits: %zu bytes, %llu under %s\n",
           (unsigned)m->frames, (unsigned)m->feature_height, (unsigned)m->feature_width,
           (unsigned)m->feature_channels, (unsigned)m->feature_bits, bytes_features(member),
           (unsigned long long)member->ciphertext_len, mv_he_set_name(info->set));
    printf("              %s\n", why_features(member));
    if (mv_he_set_require(info->set, MV_HE_QUANTUM_128, NULL) != MV_OK) {
        puts("              128 bits of security against classical attacks only");
    }
    printf("              form %s, %llu cipher%s, margin %.1f bits", show_form(info->shape.form),
           (unsigned long long)info->ciphers, info->ciphers == 1 ? "" : "s", info->margin_bits);
    if (info->error_bound > 0) {
        printf(", values within %.1g before they are rounded", info->error_bound);
    }
    puts("");
}

static void print_embedding(const mv_member *m)
{
    if (m->embedding_len != 0) {
        printf("  embedding   %u values: %llu bytes under pack4096\n", MV_EMBEDDING_DIM,
               (unsigned long long)m->embedding_len);
    } else {
        puts("  embedding   none travels");
    }
}

static const char *how_compact(const mv_member *m)
{
    return m->compact_he
               ? "compact, as bytes under homomorphic encryption; nothing can be computed "
                 "on it"
               : "compact, under authenticated encryption; nothing can be computed on it";
}

static void print_compact(const mv_member *m)
{
    char hash[SHOW_HEX_SIZE];
    if (m->compact_len == 0) {
        return;
    }
    show_hex(hash, m->code.model_hash, sizeof m->code.model_hash);
    printf("  model       %s %.16s\n", m->code.model_name, hash);
    printf("  compact     %llu bytes: %s\n", (unsigned long long)m->compact_len, how_compact(m));
    puts("              what comes back from it is not the exact image");
}

static json_t *compact_member_json(const mv_member *m)
{
    char hash[SHOW_HEX_SIZE];
    if (m->compact_len == 0) {
        return json_null();
    }
    show_hex(hash, m->code.model_hash, sizeof m->code.model_hash);
    return json_pack("{s:s, s:s, s:I, s:b, s:b, s:b, s:s}", "model", m->code.model_name,
                     "model_hash", hash, "bytes_compact", (json_int_t)m->compact_len, "he",
                     m->compact_he, "computable", false, "exact", false, "why", how_compact(m));
}

static void print_member(const mv_member *m, const mv_features_info *info)
{
    printf("  file name   %s\n", m->file_name[0] != '\0' ? m->file_name : "not told");
    if (m->described) {
        print_image(&m->code);
    }
    print_features(m, info);
    print_compact(m);
    print_embedding(m);
    if (m->exact_kept) {
        printf("  original    %llu bytes, %s\n", (unsigned long long)m->exact_len, why_exact(m));
        if (m->exact_coding != MV_CODING_NONE) {
            printf("              %llu bytes inside, coding %s\n", (unsigned long long)m->coded_len,
                   coding_name(m));
        }
        if (m->max_error != 0) {
            printf("              no sample is more than %u off\n", (unsigned)m->max_error);
        }
    } else {
        printf("  original    %s\n", why_exact(m));
    }
}

static void print_loss(const loss *lost)
{
    char text[LOSS_TEXT_SIZE];
    if (lost->there) {
        loss_text(text, &lost->record);
        printf("  fidelity    %s\n", text);
    }
}

static void print_people(const mv_opener *opener)
{
    char sender[SHOW_SENDER_SIZE], archive[MV_CARD_NAME_MAX], id[SHOW_HEX_SIZE];
    show_sender(sender, mv_opener_sender(opener));
    printf("inside\n  sender      %s\n", sender);
    if (mv_opener_archive(opener) != NULL) {
        mv_card_name(archive, mv_opener_archive(opener));
        printf("  archive     %s can open it too, says the sender\n", archive);
    }
    if (mv_opener_collection_id(opener) != NULL) {
        show_hex(id, mv_opener_collection_id(opener), MV_COLLECTION_ID_LEN);
        printf("  collection  %.16s opens the features; its key does not travel\n", id);
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

static json_t *features_json(const mv_member *member, const mv_features_info *info)
{
    const mv_code_meta *m = &member->code;
    char hash[SHOW_HEX_SIZE];
    if (info->set == NULL) {
        return json_null();
    }
    show_hex(hash, m->model_hash, sizeof m->model_hash);
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:f, s:f, s:I, s:[I,I,I,I], s:I, s:I, s:s}",
                     "model", m->model_name, "model_hash", hash, "set", mv_he_set_name(info->set),
                     "form", show_form(info->shape.form), "quantum",
                     mv_he_set_require(info->set, MV_HE_QUANTUM_128, NULL) == MV_OK, "ciphers",
                     (json_int_t)info->ciphers, "margin_bits", info->margin_bits, "error_bound",
                     info->error_bound, "bits", (json_int_t)m->feature_bits, "shape",
                     (json_int_t)m->frames, (json_int_t)m->feature_height,
                     (json_int_t)m->feature_width, (json_int_t)m->feature_channels,
                     "bytes_features", (json_int_t)bytes_features(member), "bytes_ciphertext",
                     (json_int_t)member->ciphertext_len, "why", why_features(member));
}

static json_t *embedding_json(const mv_member *m)
{
    return m->embedding_len == 0
               ? json_null()
               : json_pack("{s:i, s:s, s:I}", "values", MV_EMBEDDING_DIM, "set", "pack4096",
                           "bytes_ciphertext", (json_int_t)m->embedding_len);
}

static json_t *exact_json(const mv_member *m)
{
    const uint64_t inside = m->exact_coding == MV_CODING_NONE ? m->exact_len : m->coded_len;
    return json_pack("{s:b, s:I, s:s, s:I, s:I, s:s}", "kept", m->exact_kept, "bytes_exact",
                     (json_int_t)m->exact_len, "coding", coding_name(m), "bytes_coded",
                     (json_int_t)inside, "max_error", (json_int_t)m->max_error, "why",
                     why_exact(m));
}

static json_t *member_json(const mv_member *m, const mv_features_info *info)
{
    return json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:o}", "file_name", m->file_name, "image",
                     image_json(&m->code), "features", features_json(m, info), "features_why",
                     why_features(m), "compact", compact_member_json(m), "embedding",
                     embedding_json(m), "exact", exact_json(m));
}

static json_t *who_json(const mv_opener *opener)
{
    char archive[MV_CARD_NAME_MAX];
    char id[SHOW_HEX_SIZE];
    const bool archived = mv_opener_archive(opener) != NULL;
    const bool outside = mv_opener_collection_id(opener) != NULL;
    if (outside) {
        show_hex(id, mv_opener_collection_id(opener), MV_COLLECTION_ID_LEN);
    }
    if (archived) {
        mv_card_name(archive, mv_opener_archive(opener));
    }
    return json_pack("{s:o, s:b, s:s?, s:s?, s:[]}", "sender",
                     show_sender_json(mv_opener_sender(opener)), "anonymous",
                     mv_opener_sender(opener)->anonymous, "archive", archived ? archive : NULL,
                     "collection", outside ? id : NULL, "members");
}

static json_t *outside_json(const char *file, const mv_envelope_outside *o)
{
    return json_pack("{s:s, s:I, s:I, s:I, s:I}", "file", file, "version", (json_int_t)o->version,
                     "wraps", (json_int_t)o->wrap_count, "bytes_body", (json_int_t)o->padded_len,
                     "bytes_total", (json_int_t)o->total_len);
}

/* Each member, put into inside's list unless that is NULL, else printed. */
static mv_status look_inside(mv_opener *opener, json_t *inside, mv_error *err)
{
    mv_status st = MV_OK;

    for (size_t i = 0; i < mv_opener_count(opener); i++) {
        const mv_member *m = mv_opener_member(opener, i);
        mv_features_info info = {0};
        loss lost;
        MV_TRY(loss_read(&lost, opener, i, err));
        if (m->feature_count != 0) {
            MV_TRY(mv_opener_info(opener, i, &info, err));
        }
        if (inside == NULL) {
            print_member(m, &info);
            print_loss(&lost);
        } else {
            json_t *member = member_json(m, &info);
            (void)json_object_set_new(member, "fidelity", loss_json(&lost));
            if (mv_opener_count(opener) == 1) {
                (void)json_object_update(inside, member); /* of one image, without a list too */
            }
            (void)json_array_append_new(json_object_get(inside, "members"), member);
        }
    }
done:
    return st;
}

static mv_status outside(mv_envelope_outside *out, const mv_source *source, const char *file,
                         mv_error *err)
{
    mv_error why = {0};
    const mv_status st = mv_envelope_inspect(out, source, &why);
    if (st != MV_OK) {
        (void)mv_fail(err, st, "cannot inspect %.150s: %.300s", file,
                      why.text[0] != '\0' ? why.text : mv_status_sentence(st));
        mv_hint(err, "%s", why.hint);
    }
    return st;
}

/* opener NULL: the outside only. */
static mv_status show(const char *file, const mv_envelope_outside *o, mv_opener *opener, bool json,
                      mv_error *err)
{
    mv_status st = MV_OK;
    json_t *object = json ? outside_json(file, o) : NULL;
    json_t *inside = json && opener != NULL ? who_json(opener) : NULL;

    if (!json) {
        print_outside(file, o);
    }
    if (opener != NULL) {
        if (!json) {
            print_people(opener);
        }
        MV_TRY(look_inside(opener, inside, err));
    }
    if (json) {
        if (inside != NULL) {
            (void)json_object_set(object, "inside", inside);
        }
        ui_json(object);
        object = NULL;
    }
done:
    json_decref(object);
    json_decref(inside);
    return st;
}

static int run(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    mv_envelope_outside o;
    mv_identity *identity = NULL;
    sealed_file sealed = {0};
    const char *file = args->operand[0];

    if (cli_flag(args, "identity")) {
        MV_TRY(people_identity(&identity, args, cli_value(args, "identity"), &err));
    }
    MV_TRY(sealed_source(&sealed, file, &err));
    MV_TRY(outside(&o, &sealed.source, file, &err));
    if (identity != NULL) {
        sealed_close(&sealed);
        MV_TRY(sealed_open(&sealed, file, identity, NULL, &err));
    }
    MV_TRY(show(file, &o, sealed.opener, cli_flag(args, "json"), &err));
done:
    sealed_close(&sealed);
    mv_identity_free(&identity);
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
