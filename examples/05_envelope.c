/* SPDX-License-Identifier: Apache-2.0
 *
 * 05_envelope.c: any files, sealed for two people as one study, and opened by one of them, as
 * streams: no file is ever in memory as a whole. Usage: 05_envelope FILE...
 */
#include <medveil/envelope.h>

#include <stdio.h>
#include <string.h>

/* Where opened bytes go in this example: they are counted. A program writes them to a file and
 * keeps it when mv_opener_exact has returned MV_OK. */
static mv_status count(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    uint64_t *total = user;
    (void)bytes;
    (void)err;
    *total += len;
    return MV_OK;
}

static mv_status add_file(mv_sealer *sealer, FILE **stream, const char *path, int number,
                          mv_error *err)
{
    mv_source original;
    char name[32];
    mv_status st = MV_OK;

    *stream = fopen(path, "rb");
    if (*stream == NULL) {
        return mv_fail(err, MV_E_IO, "cannot read %s", path);
    }
    (void)snprintf(name, sizeof name, "file %d", number);
    st = mv_source_file(&original, *stream, err);
    return st == MV_OK ? mv_sealer_add(sealer, name, NULL, &original, err) : st;
}

int main(int argc, char **argv)
{
    enum { FILES_MAX = 16 };
    mv_error err = {0};
    mv_identity *sender = NULL, *receiver = NULL, *colleague = NULL;
    mv_card cards[2];
    mv_sealer *sealer = NULL;
    mv_opener *opener = NULL;
    mv_source source;
    FILE *stream[FILES_MAX] = {NULL}, *sealed = tmpfile();
    const int files = argc - 1;
    mv_status st = MV_OK;

    if (files < 1 || files > FILES_MAX || sealed == NULL) {
        fprintf(stderr, "usage: %s FILE... (at most %d)\n", argv[0], FILES_MAX);
        return 2;
    }

    /* Three people; the sender needs the cards of the other two. */
    st = mv_identity_generate(&sender);
    st = st == MV_OK ? mv_identity_generate(&receiver) : st;
    st = st == MV_OK ? mv_identity_generate(&colleague) : st;
    if (st == MV_OK) {
        mv_identity_card(&cards[0], receiver);
        mv_identity_card(&cards[1], colleague);
    }

    /* Name everything, then seal it in one call: lengths come first in the file. */
    const mv_seal_opts opts = {.sender = sender, .recipient = cards, .recipient_count = 2};
    const mv_sink sink = mv_sink_file(sealed);
    st = st == MV_OK ? mv_sealer_new(&sealer, &opts, &err) : st;
    for (int i = 0; st == MV_OK && i < files; i++) {
        st = add_file(sealer, &stream[i], argv[1 + i], i, &err);
    }
    st = st == MV_OK ? mv_sealer_finish(sealer, NULL, &sink, &err) : st;

    /* An opener that exists has authenticated every byte and the sender's signature. */
    st = st == MV_OK && fflush(sealed) != 0 ? mv_fail(&err, MV_E_IO, "cannot write") : st;
    st = st == MV_OK ? mv_source_file(&source, sealed, &err) : st;
    st = st == MV_OK ? mv_opener_new(&opener, &source, receiver, &err) : st;
    for (size_t i = 0; st == MV_OK && i < mv_opener_count(opener); i++) {
        uint64_t total = 0;
        const mv_sink counter = {count, &total};
        st = mv_opener_exact(opener, i, &counter, &err);
        if (st == MV_OK) {
            printf("%s: %llu bytes, authentic\n", mv_opener_member(opener, i)->file_name,
                   (unsigned long long)total);
        }
    }
    if (st != MV_OK) {
        fprintf(stderr, "%s: %s\n", argv[0], err.text[0] ? err.text : mv_status_sentence(st));
    } else {
        printf("sealed by %s\n", mv_opener_sender(opener)->anonymous ? "nobody" : "the sender");
    }

    mv_opener_free(&opener);
    mv_sealer_free(&sealer);
    for (int i = 0; i < files; i++) {
        if (stream[i] != NULL) {
            (void)fclose(stream[i]);
        }
    }
    (void)fclose(sealed);
    mv_identity_free(&sender);
    mv_identity_free(&receiver);
    mv_identity_free(&colleague);
    return st == MV_OK ? 0 : 1;
}
