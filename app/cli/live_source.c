/* SPDX-License-Identifier: Apache-2.0
 *
 * live_source.c: frames in time.
 */
#include "live_source.h"

#include "base/clock.h"
#include "base/status.h"
#include "ui.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STEP_MS 50 /* between looks at whether the user has interrupted */

static mv_status read_shape(live_source *s, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    const char *size = cli_value(args, "size");
    long channels = 0, bits = 0;
    int end = 0;

    MV_REQUIRE(size != NULL, err, MV_E_ARGUMENT,
               "frames on standard input need --size WxH such as 224x224");
    MV_REQUIRE(sscanf(size, "%5ux%5u%n", &s->format.width, &s->format.height, &end) == 2 &&
                   size[end] == '\0',
               err, MV_E_ARGUMENT, "--size needs WxH such as 224x224, not \"%s\"", size);
    MV_REQUIRE(cli_number(args, "channels", 1, 3, 1, &channels) &&
                   cli_number(args, "bits", 2, 16, 8, &bits),
               err, MV_E_ARGUMENT, "--channels is 1 or 3, --bits 2 to 16");
    s->format.channels = (uint32_t)channels;
    s->format.bits = (uint32_t)bits;
    MV_REQUIRE(mv_live_samples_len(&s->format) != 0, err, MV_E_ARGUMENT,
               "frames of %s, %ld channels and %ld bits cannot be sent", size, channels, bits);
    s->samples = malloc(mv_live_samples_len(&s->format));
    MV_REQUIRE(s->samples != NULL, err, MV_E_MEMORY, "out of memory for a frame");
done:
    return st;
}

/* The bits that a file's samples really need: what it says of them is not always true. */
static uint32_t bits_of(const mv_image *image)
{
    uint32_t bits = image->bits < 2 ? 2 : image->bits, all = 0;
    const uint8_t *small = image->sample;
    const uint16_t *wide = image->sample;
    for (size_t i = 0; i < mv_image_sample_count(image); i++) {
        all |= image->type == MV_SAMPLE_U8 ? small[i] : wide[i];
    }
    while (all >> bits != 0) {
        bits++;
    }
    return image->type == MV_SAMPLE_U16 && bits < 9 ? 9 : bits;
}

static mv_status open_file(live_source *s, const cli_args *args, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    long fps = 0;

    MV_REQUIRE(cli_number(args, "fps", 0, 1000, 30, &fps), err, MV_E_ARGUMENT,
               "--fps is 0 to 1000");
    s->frame_ms = fps == 0 ? 0 : 1000.0 / (double)fps;
    MV_TRY(mv_image_load(&s->file, path, err));
    if (s->file.type != MV_SAMPLE_U8 && s->file.type != MV_SAMPLE_U16) {
        st = mv_fail(err, MV_E_UNSUPPORTED, "%s has samples of type %s; live frames are u8 or u16",
                     path, mv_sample_name(s->file.type));
        mv_hint(err, "send it as a file: medveil encrypt, medveil send");
        goto done;
    }
    s->format =
        (mv_live_format){s->file.width, s->file.height, s->file.channels, bits_of(&s->file)};
    MV_REQUIRE(mv_live_samples_len(&s->format) != 0, err, MV_E_UNSUPPORTED,
               "%s has frames larger than can be sent live", path);
done:
    return st;
}

mv_status live_source_open(live_source *s, const cli_args *args, const char *path, mv_error *err)
{
    return strcmp(path, "-") == 0 ? read_shape(s, args, err) : open_file(s, args, path, err);
}

/* The frame's time has come; false: interrupted. */
static bool wait_until(double ms)
{
    for (double left = ms - mv_clock_ms(); left > 0 && !ui_interrupted();
         left = ms - mv_clock_ms()) {
        struct timespec pause = {0, 0};
        left = left < STEP_MS ? left : STEP_MS;
        pause.tv_nsec = (long)(left * 1e6);
        (void)nanosleep(&pause, NULL);
    }
    return !ui_interrupted();
}

static const void *next_of_file(live_source *s)
{
    const size_t len = mv_live_samples_len(&s->format);
    if (s->next == s->file.depth || !wait_until(s->started_ms + (double)s->next * s->frame_ms)) {
        return NULL;
    }
    return (const uint8_t *)s->file.sample + (size_t)s->next * len;
}

static mv_status next_of_input(live_source *s, bool *there, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t len = mv_live_samples_len(&s->format);
    size_t have = 0;

    *there = false;
    while (have < len && !ui_interrupted()) {
        struct pollfd in = {STDIN_FILENO, POLLIN, 0};
        if (poll(&in, 1, STEP_MS) <= 0) {
            continue;
        }
        const ssize_t got = read(STDIN_FILENO, s->samples + have, len - have);
        MV_REQUIRE(got >= 0 || errno == EINTR, err, MV_E_IO, "cannot read standard input: %s",
                   strerror(errno));
        if (got == 0) {
            s->broke = have != 0;
            goto done;
        }
        have += got > 0 ? (size_t)got : 0;
    }
    *there = have == len;
done:
    return st;
}

mv_status live_source_next(live_source *s, mv_live_frame *frame, bool *there, mv_error *err)
{
    mv_status st = MV_OK;

    s->started_ms = s->started_ms == 0 ? mv_clock_ms() : s->started_ms;
    memset(frame, 0, sizeof *frame);
    frame->samples = s->samples;
    if (s->samples == NULL) {
        frame->samples = next_of_file(s);
        *there = frame->samples != NULL;
    } else {
        MV_TRY(next_of_input(s, there, err));
    }
    frame->number = s->next;
    frame->time_us = live_source_time_us(s);
    s->next += *there;
done:
    return st;
}

uint64_t live_source_time_us(const live_source *s)
{
    return s->started_ms == 0 ? 0 : (uint64_t)((mv_clock_ms() - s->started_ms) * 1e3);
}

void live_source_close(live_source *s)
{
    mv_image_clear(&s->file);
    free(s->samples);
    memset(s, 0, sizeof *s);
}
