/* SPDX-License-Identifier: Apache-2.0
 *
 * golden_seal.c: seals small samples for a fresh identity, once per format: golden_seal DIR NAME
 * writes DIR/NAME.id, DIR/NAME.mv (one image), DIR/NAME-study.mv (two, with an archive),
 * DIR/NAME-collection.mv, DIR/NAME-outside.mv (sealed with that collection's public key, with an
 * embedding), DIR/NAME-slots.mv (features in slots), DIR/NAME-raster.mv and DIR/NAME-strips.mv
 * (two originals in coding 1, and through the pixel coder in coding 2). The files are committed and
 * never written again; a later name only adds what an earlier program could not write.
 */
#include "base/file.h"
#include "envelope_sample.h"

#include <stdio.h>

typedef struct people {
    mv_identity *sender, *receiver, *archive;
    const char *dir, *name;
} people;

static mv_status open_file(mv_output *out, const people *p, const char *suffix, mv_error *err)
{
    char path[1000];
    (void)snprintf(path, sizeof path, "%s/%s%s", p->dir, p->name, suffix);
    return mv_output_open(out, path, 0, err);
}

static mv_status seal_members(const people *p, const char *suffix, size_t count, mv_error *err)
{
    mv_status st = MV_OK;
    mv_output file = {0};
    mv_sealer *sealer = NULL;
    mv_content c = sample_content(true, 300);
    const mv_source exact = mv_source_memory(c.exact, c.exact_len);
    const mv_seal_opts opts = {.sender = p->sender,
                               .recipient = &p->receiver->card,
                               .recipient_count = 1,
                               .archive = count > 1 ? &p->archive->card : NULL};

    MV_TRY(open_file(&file, p, suffix, err));
    const mv_sink sink = mv_sink_file(file.stream);
    MV_TRY(mv_sealer_new(&sealer, &opts, err));
    MV_TRY(mv_sealer_add(sealer, c.file_name, &c.code, &exact, err));
    if (count > 1) {
        MV_TRY(mv_sealer_add(sealer, "second.png", &c.code, NULL, err));
    }
    MV_TRY(mv_sealer_finish(sealer, NULL, &sink, err));
    MV_TRY(mv_output_commit(&file, err));
done:
    mv_sealer_free(&sealer);
    mv_content_clear(&c);
    mv_output_abort(&file);
    return st;
}

static mv_status seal_rasters(const people *p, const char *suffix, mv_exact_choice choice,
                              mv_error *err)
{
    mv_status st = MV_OK;
    mv_output file = {0};
    mv_sealer *sealer = NULL;
    uint8_t *gray = sample_raster(1), *colour = sample_raster(3);
    const mv_source first = mv_source_memory(gray, SAMPLE_RASTER_LEN(1)),
                    second = mv_source_memory(colour, SAMPLE_RASTER_LEN(3));
    const mv_seal_opts opts = {.sender = p->sender,
                               .recipient = &p->receiver->card,
                               .recipient_count = 1,
                               .exact = choice};

    MV_ENSURE(gray != NULL && colour != NULL, MV_E_MEMORY);
    MV_TRY(open_file(&file, p, suffix, err));
    const mv_sink sink = mv_sink_file(file.stream);
    MV_TRY(mv_sealer_new(&sealer, &opts, err));
    MV_TRY(mv_sealer_add(sealer, "gray.npy", NULL, &first, err));
    MV_TRY(mv_sealer_add(sealer, "colour.npy", NULL, &second, err));
    MV_TRY(mv_sealer_finish(sealer, NULL, &sink, err));
    MV_TRY(mv_output_commit(&file, err));
done:
    mv_sealer_free(&sealer);
    free(gray);
    free(colour);
    mv_output_abort(&file);
    return st;
}

static mv_status seal_one(const people *p, const char *suffix, const mv_seal_opts *opts,
                          const mv_embedding *embedding, mv_error *err)
{
    mv_status st = MV_OK;
    mv_output file = {0};
    mv_sealer *sealer = NULL;
    mv_content c = sample_content(true, 300);
    const mv_source exact = mv_source_memory(c.exact, c.exact_len);

    MV_TRY(open_file(&file, p, suffix, err));
    const mv_sink sink = mv_sink_file(file.stream);
    MV_TRY(mv_sealer_new(&sealer, opts, err));
    MV_TRY(mv_sealer_add(sealer, c.file_name, &c.code, &exact, err));
    if (embedding != NULL) {
        MV_TRY(mv_sealer_embed(sealer, embedding, err));
    }
    MV_TRY(mv_sealer_finish(sealer, NULL, &sink, err));
    MV_TRY(mv_output_commit(&file, err));
done:
    mv_sealer_free(&sealer);
    mv_content_clear(&c);
    mv_output_abort(&file);
    return st;
}

/* From the archive, who is no holder. */
static mv_status seal_outside(const people *p, const mv_collection *collection, mv_error *err)
{
    mv_status st = MV_OK;
    mv_collection_public *key = NULL;
    const mv_embedding embedding = sample_embedding();
    mv_seal_opts opts = {
        .sender = p->archive, .recipient = &p->receiver->card, .recipient_count = 1};

    MV_TRY(mv_collection_publish(&key, collection, mv_he_set_find("pack4096"), p->sender, err));
    opts.collection_public = key;
    MV_TRY(seal_one(p, "-outside.mv", &opts, &embedding, err));
done:
    mv_collection_public_free(&key);
    return st;
}

static mv_status seal_slots(const people *p, mv_error *err)
{
    const mv_seal_opts opts = {
        .recipient = &p->receiver->card, .recipient_count = 1, .set = mv_he_set_find("score4096")};
    return seal_one(p, "-slots.mv", &opts, NULL, err);
}

static mv_status seal_collection(const people *p, mv_error *err)
{
    mv_status st = MV_OK;
    mv_output file = {0};
    mv_collection *collection = NULL;

    MV_TRY(open_file(&file, p, "-collection.mv", err));
    const mv_sink sink = mv_sink_file(file.stream);
    MV_TRY(mv_collection_new(&collection, p->sender));
    MV_TRY(mv_collection_add(collection, &p->receiver->card, err));
    MV_TRY(mv_collection_seal(collection, p->sender, &sink, err));
    MV_TRY(mv_output_commit(&file, err));
    MV_TRY(seal_outside(p, collection, err));
done:
    mv_collection_free(&collection);
    mv_output_abort(&file);
    return st;
}

int main(int argc, char **argv)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    people p = {.sender = sample_identity(1), .archive = sample_identity(3)};
    char id[1000];

    if (argc != 3) {
        fputs("usage: golden_seal DIR NAME\n", stderr);
        return 2;
    }
    p.dir = argv[1];
    p.name = argv[2];
    (void)snprintf(id, sizeof id, "%s/%s.id", p.dir, p.name);
    MV_TRY(mv_identity_generate(&p.receiver));
    MV_TRY(mv_identity_save(p.receiver, id, false, &err));
    MV_TRY(seal_members(&p, ".mv", 1, &err));
    MV_TRY(seal_members(&p, "-study.mv", 2, &err));
    MV_TRY(seal_collection(&p, &err));
    MV_TRY(seal_slots(&p, &err));
    MV_TRY(seal_rasters(&p, "-raster.mv", MV_EXACT_JPEGLS, &err));
    MV_TRY(seal_rasters(&p, "-strips.mv", MV_EXACT_PIXELS, &err));
done:
    if (st != MV_OK) {
        fprintf(stderr, "golden_seal: %s\n", err.text);
    }
    mv_identity_free(&p.sender);
    mv_identity_free(&p.receiver);
    mv_identity_free(&p.archive);
    return st == MV_OK ? 0 : 1;
}
