/* SPDX-License-Identifier: Apache-2.0
 *
 * 01_one_image.c: seal one image for one person and open it again, with the library alone.
 *
 *     cc 01_one_image.c $(pkg-config --cflags --libs medveil) && ./a.out scan.png
 *
 * It prints how near the network's image is, and that the exact bytes came back.
 */
#include <medveil/envelope.h>
#include <medveil/metrics.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *read_file(const char *path, size_t *len)
{
    uint8_t *bytes = malloc(1 << 26);
    FILE *in = fopen(path, "rb");
    *len = in != NULL && bytes != NULL ? fread(bytes, 1, 1 << 26, in) : 0;
    if (in != NULL) {
        fclose(in);
    }
    return bytes;
}

int main(int argc, char **argv)
{
    mv_error err = {0};
    mv_model *model = NULL;
    mv_identity *receiver = NULL;
    mv_card card;
    mv_image image = {0}, network = {0};
    mv_content content = {0}, opened = {0};
    mv_sender sender;
    mv_comparison near;
    uint8_t *file = NULL, *sealed = NULL;
    size_t file_len = 0, sealed_len = 0;
    mv_codec_opts codec = mv_codec_defaults();
    mv_seal_opts seal = {0};
    mv_status st = MV_OK;

    if (argc != 2) {
        fprintf(stderr, "usage: %s IMAGE\n", argv[0]);
        return 2;
    }
    file = read_file(argv[1], &file_len);

    /* Who may open it: an identity, and its card for the sender. */
    st = mv_identity_generate(&receiver);
    if (st == MV_OK) {
        mv_identity_card(&card, receiver);
    }

    /* Image -> features, by the network. */
    st = st == MV_OK ? mv_model_find_name(&model, "cnn", &err) : st;
    st = st == MV_OK ? mv_image_decode(&image, file, file_len, argv[1], &err) : st;
    st = st == MV_OK ? mv_codec_encode(&content.code, model, &image, &codec, &err) : st;

    /* Features under BFV, exact bytes under AEAD, keys to the card: this is what travels. */
    content.exact = file;
    content.exact_len = file_len;
    snprintf(content.file_name, sizeof content.file_name, "image");
    seal.recipient = &card;
    seal.recipient_count = 1;
    st = st == MV_OK ? mv_envelope_seal(&sealed, &sealed_len, NULL, &content, &seal, &err) : st;

    /* The receiver: authenticate, decrypt, decode. */
    st = st == MV_OK ? mv_envelope_open(&opened, &sender, NULL, sealed, sealed_len, receiver,
                                        MV_OPEN_ALL, &err)
                     : st;
    st = st == MV_OK ? mv_codec_decode(&network, model, &opened.code, &codec, &err) : st;
    st = st == MV_OK ? mv_compare(&near, &image, &network, &err) : st;
    if (st != MV_OK) {
        fprintf(stderr, "%s: %s\n", argv[0], err.text[0] ? err.text : mv_status_sentence(st));
    } else {
        printf("sealed %zu bytes into %zu\n", file_len, sealed_len);
        printf("network's image: PSNR %.2f dB, SSIM %.4f\n", near.psnr_db, near.ssim);
        printf("exact bytes identical: %s\n",
               opened.exact_len == file_len && memcmp(opened.exact, file, file_len) == 0 ? "yes"
                                                                                         : "no");
    }

    content.exact = NULL; /* ours, not the content's */
    mv_content_clear(&content);
    mv_content_clear(&opened);
    mv_envelope_free_bytes(&sealed, sealed_len);
    mv_image_clear(&image);
    mv_image_clear(&network);
    mv_model_free(&model);
    mv_identity_free(&receiver);
    free(file);
    return st == MV_OK ? 0 : 1;
}
