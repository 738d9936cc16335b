/* SPDX-License-Identifier: Apache-2.0
 *
 * live_frames.c: frames to files or a pipe, one by one.
 */
#include "live_frames.h"

#include "base/status.h"
#include "show.h"
#include "ui.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* Frames of the same stream once more replace themselves, so a folder that is there is no harm. */
mv_status live_frames_begin(live_frames *f, const char *folder, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];

    if (folder == NULL) {
        return MV_OK;
    }
    MV_TRY(path_copy(f->folder, sizeof f->folder, folder, err));
    MV_TRY(path_make_folder(folder, err));
    MV_TRY(path_join(path, sizeof path, folder, "embeddings", ".csv", err));
    f->embeddings = fopen(path, "w");
    MV_REQUIRE(f->embeddings != NULL, err, MV_E_IO, "cannot write %s: %s", path, strerror(errno));
    (void)fputs("frame,head", f->embeddings);
    for (int i = 0; i < MV_EMBEDDING_DIM; i++) {
        (void)fprintf(f->embeddings, ",v%d", i);
    }
    (void)fputc('\n', f->embeddings);
done:
    return st;
}

static void write_embedding(live_frames *f, const mv_live_frame *frame)
{
    char head[SHOW_HEX_SIZE];
    f->embedded++;
    if (f->embeddings == NULL) {
        return;
    }
    show_hex(head, frame->embedding->head_hash, 6);
    (void)fprintf(f->embeddings, "%" PRIu64 ",%s", frame->number, head);
    for (int i = 0; i < MV_EMBEDDING_DIM; i++) {
        (void)fprintf(f->embeddings, ",%d", frame->embedding->value[i]);
    }
    (void)fputc('\n', f->embeddings);
    (void)fflush(f->embeddings);
}

static mv_status write_raw(const mv_live_info *info, const mv_live_frame *frame, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t len = mv_live_samples_len(&info->format);
    MV_REQUIRE(fwrite(frame->samples, 1, len, stdout) == len && fflush(stdout) == 0, err, MV_E_IO,
               "cannot write to standard output: %s", strerror(errno));
done:
    return st;
}

static mv_status write_picture(const live_frames *f, char path[PATH_SIZE], const mv_live_info *info,
                               const mv_live_frame *frame, mv_error *err)
{
    mv_status st = MV_OK;
    char name[32];
    mv_image image = {0};
    const mv_live_format *m = &info->format;

    (void)snprintf(name, sizeof name, "%06" PRIu64, frame->number);
    MV_TRY(path_join(path, PATH_SIZE, f->folder, name, ".png", err));
    MV_TRY(mv_image_alloc(&image, m->width, m->height, 1, m->channels,
                          m->bits <= 8 ? MV_SAMPLE_U8 : MV_SAMPLE_U16));
    memcpy(image.sample, frame->samples, mv_live_samples_len(m));
    MV_TRY(mv_image_save(&image, path, true, err));
done:
    mv_image_clear(&image);
    return st;
}

static void tell_json(const char *path, const mv_live_frame *frame)
{
    ui_json(json_pack("{s:I, s:I, s:s, s:b}", "frame", (json_int_t)frame->number, "time_us",
                      (json_int_t)frame->time_us, "file", path, "embedding",
                      (int)(frame->embedding != NULL)));
}

static mv_status take(void *user, const mv_live_info *info, const mv_live_frame *frame,
                      mv_error *err)
{
    mv_status st = MV_OK;
    live_frames *f = user;
    char path[PATH_SIZE] = "";

    MV_REQUIRE(!ui_interrupted(), err, MV_E_INTERRUPTED, "interrupted");
    if (frame->embedding != NULL) {
        write_embedding(f, frame);
    }
    if (f->quiet) {
        return MV_OK;
    }
    if (f->folder[0] == '\0') {
        MV_TRY(write_raw(info, frame, err));
    } else {
        MV_TRY(write_picture(f, path, info, frame, err));
        if (f->json) {
            tell_json(path, frame);
        }
    }
done:
    return st;
}

mv_live_watch live_frames_watch(live_frames *f)
{
    const mv_live_watch watch = {take, f};
    return watch;
}

mv_status live_frames_end(live_frames *f, mv_error *err)
{
    mv_status st = MV_OK;
    if (f->embeddings != NULL) {
        const bool good = fflush(f->embeddings) == 0 && fsync(fileno(f->embeddings)) == 0;
        MV_REQUIRE(good && fclose(f->embeddings) == 0, err, MV_E_IO, "cannot write in %s: %s",
                   f->folder, strerror(errno));
        f->embeddings = NULL;
    }
done:
    return st;
}

void live_frames_clear(live_frames *f)
{
    if (f->embeddings != NULL) {
        (void)fclose(f->embeddings);
        f->embeddings = NULL;
    }
}

mv_status live_frames_check(const mv_live_info *info, mv_error *err)
{
    mv_status st = MV_OK;
    MV_REQUIRE(info->ended, err, MV_E_TRUNCATED,
               "the stream breaks off after %llu frames: its sender has not ended it",
               (unsigned long long)info->frames);
done:
    return st;
}

mv_status live_frames_file(live_frames *f, mv_live_info *info, const char *path,
                           const mv_identity *identity, mv_error *err)
{
    mv_status st = MV_OK;
    mv_live_opener *opener = NULL;
    const mv_live_watch watch = live_frames_watch(f);
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    uint8_t *block = malloc(65536);
    size_t got = 0;

    memset(info, 0, sizeof *info);
    MV_REQUIRE(in != NULL, err, errno == ENOENT ? MV_E_NOT_FOUND : MV_E_IO, "cannot read %s: %s",
               path, strerror(errno));
    MV_REQUIRE(block != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(mv_live_opener_new(&opener, identity, &watch, err));
    while (st == MV_OK && (got = fread(block, 1, 65536, in)) > 0) {
        st = mv_live_opener_write(opener, block, got, err);
    }
    *info = *mv_live_opener_info(opener);
    MV_REQUIRE(st != MV_OK || !ferror(in), err, MV_E_IO, "cannot read %s: %s", path,
               strerror(errno));
done:
    mv_live_opener_free(&opener);
    free(block);
    if (in != NULL && in != stdin) {
        (void)fclose(in);
    }
    return st;
}

bool live_frames_is_stream(const char *path)
{
    uint8_t start[MV_LIVE_MAGIC_LEN];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const bool is = fd >= 0 && read(fd, start, sizeof start) == (ssize_t)sizeof start &&
                    mv_live_is_stream(start, sizeof start);
    if (fd >= 0) {
        (void)close(fd);
    }
    return is;
}
