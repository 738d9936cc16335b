/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_live_send.c: frames from standard input or a file, sealed and on their way as they come; when
 * the stream has ended it is a file of the queue like any other, up to its receipt.
 */
#include "base/clock.h"
#include "base/home.h"
#include "base/rng.h"
#include "base/status.h"
#include "commands.h"
#include "live_source.h"
#include "medveil/live_line.h"
#include "paths.h"
#include "people.h"
#include "show.h"
#include "transfer_ui.h"
#include "ui.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define END_WAIT_MS 10000 /* for the relay to store it; after that the queue does */
#define LEFT_S      86400 /* a stream that was being sealed so long ago belongs to nobody */

typedef struct sending {
    const cli_args *args;
    live_source source;
    mv_card recipient;
    mv_identity *sender; /* NULL: none given */
    mv_model *model;     /* both NULL: no embedding comes along */
    mv_head *head;
    long embed_every;
    char path[PATH_SIZE]; /* the sealed stream, here */
    mv_live_sending *line;
    mv_live_sent sent;
} sending;

/* ---- where the stream is kept ---- */

/* What a process left that was killed: nobody has the keys to end it. */
static void remove_old(const char *folder)
{
    char path[PATH_SIZE];
    struct stat info;
    DIR *dir = opendir(folder);

    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        if (strncmp(e->d_name, "live-", 5) == 0 &&
            path_join(path, sizeof path, folder, e->d_name, "", NULL) == MV_OK &&
            stat(path, &info) == 0 && time(NULL) - info.st_mtime > LEFT_S) {
            (void)unlink(path);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

static mv_status choose_path(sending *s, mv_error *err)
{
    mv_status st = MV_OK;
    char folder[PATH_SIZE], name[64], hex[SHOW_HEX_SIZE];
    uint8_t random[6];

    MV_TRY(mv_home_make(folder, sizeof folder, "live", err));
    remove_old(folder);
    MV_TRY(mv_random_bytes(random, sizeof random));
    show_hex(hex, random, sizeof random);
    (void)snprintf(name, sizeof name, "live-%.12s", hex);
    MV_TRY(path_join(s->path, sizeof s->path, folder, name, ".mv", err));
done:
    return st;
}

/* ---- frames ---- */

static mv_status load_head(sending *s, mv_error *err)
{
    mv_status st = MV_OK;
    if (s->embed_every == 0) {
        return MV_OK;
    }
    MV_TRY(path_load_model(&s->model, cli_value(s->args, "model"), err));
    MV_TRY(mv_head_find_for(&s->head, s->model, err));
done:
    if (st != MV_OK) {
        mv_hint(err, "--embed-every 0 sends frames without embeddings");
    }
    return st;
}

/* An image that the head cannot embed goes without. */
static void embed(sending *s, mv_live_frame *frame, mv_embedding *room)
{
    mv_image image = {0};
    const mv_live_format *f = &s->source.format;

    if (s->head == NULL || frame->number % (uint64_t)s->embed_every != 0 ||
        mv_image_alloc(&image, f->width, f->height, 1, f->channels,
                       f->bits <= 8 ? MV_SAMPLE_U8 : MV_SAMPLE_U16) != MV_OK) {
        return;
    }
    memcpy(image.sample, frame->samples, mv_live_samples_len(f));
    if (mv_head_embed_image(room, NULL, s->head, s->model, &image, NULL) == MV_OK) {
        frame->embedding = room;
    }
    mv_image_clear(&image);
}

static void tell_line(void *user, mv_status st, const mv_error *err)
{
    (void)user;
    if (st == MV_OK) {
        ui_say("the relay is back");
    } else {
        ui_say("%s; frames are kept until it is back", err->text);
    }
}

static mv_status send_frames(sending *s, mv_error *err)
{
    mv_status st = MV_OK;
    mv_live_frame frame;
    mv_embedding embedding;
    const mv_progress bar = ui_progress();
    bool there = true;

    while (there) {
        MV_TRY(live_source_next(&s->source, &frame, &there, err));
        if (there) {
            embed(s, &frame, &embedding);
            MV_TRY(mv_live_send(s->line, &frame, err));
            mv_live_sending_look(&s->sent, s->line);
            (void)bar.step(bar.user, "sending live", s->sent.arrived, s->sent.bytes);
        }
    }
done:
    ui_progress_end();
    return st;
}

static mv_status send_stream(sending *s, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_live_sending_opts opts = {.relay = cli_value(s->args, "to"),
                                       .recipient = &s->recipient,
                                       .sender = s->sender,
                                       .format = s->source.format,
                                       .path = s->path,
                                       .line = tell_line};
    MV_TRY(mv_live_sending_new(&s->line, &opts, err));
    MV_TRY(send_frames(s, err));
    MV_TRY(mv_live_send_end(s->line, live_source_time_us(&s->source), END_WAIT_MS, &s->sent, err));
done:
    mv_live_sending_free(&s->line);
    return st;
}

/* ---- after the end ---- */

static void tell_sent(const sending *s)
{
    const double seconds = (double)live_source_time_us(&s->source) / 1e6;
    if (cli_flag(s->args, "json")) {
        ui_json(json_pack("{s:I, s:I, s:f, s:b}", "frames", (json_int_t)s->sent.frames, "bytes",
                          (json_int_t)s->sent.bytes, "seconds", seconds, "stored",
                          (int)s->sent.stored));
    } else {
        ui_say("sent %llu frames live in %.1f s (%llu bytes)", (unsigned long long)s->sent.frames,
               seconds, (unsigned long long)s->sent.bytes);
    }
}

/* The ended stream is the queue's: to bring there what the relay has not stored, and the receipt.
 */
static int through_queue(sending *s, mv_error *err)
{
    mv_status st = MV_OK;
    const char *identity = cli_value(s->args, "sender");
    transfer t = {.args = s->args, .json = cli_flag(s->args, "json")};
    const mv_queue_order order = {cli_value(s->args, "to"), &s->recipient, identity, s->sender,
                                  s->sent.stored ? s->sent.file.epoch : 0};
    mv_queue_run_opts opts = mv_queue_run_defaults();
    mv_queue_item item;
    int code = CLI_OK;

    opts.wait = cli_flag(s->args, "wait");
    MV_TRY(mv_queue_open(&t.queue, err));
    MV_TRY(mv_queue_add(t.queue, &item, s->path, &order, err));
    MV_TRY(mv_queue_commit(t.queue, err));
    (void)unlink(s->path);
    if (identity != NULL) {
        MV_TRY(transfer_use_identity(&t, &s->sender, identity, err));
    }
    const char *id = item.id;
    code = transfer_run(&t, &id, 1, &opts);
done:
    transfer_clear(&t);
    return st == MV_OK ? code : ui_fail(st, err);
}

static int usage(const char *what)
{
    ui_say("live send needs %s", what);
    ui_hint("medveil live send FILE|- --to https://host:port#key -r CARD");
    return CLI_USAGE;
}

static int run(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    sending s = {.args = args};
    const char *sender = cli_value(args, "sender");
    int code = CLI_OK;

    if (cli_value(args, "to") == NULL || cli_value(args, "recipient") == NULL) {
        return usage(cli_value(args, "to") == NULL ? "--to URL" : "-r CARD");
    }
    if (cli_flag(args, "wait") && sender == NULL) {
        return usage("-s IDENTITY to wait for a receipt that only you can read");
    }
    if (!cli_number(args, "embed-every", 0, 1000000, 30, &s.embed_every)) {
        return CLI_USAGE;
    }
    MV_TRY(people_recipient(&s.recipient, cli_value(args, "recipient"), &err));
    if (sender != NULL) {
        MV_TRY(people_identity(&s.sender, args, sender, &err));
    }
    MV_TRY(live_source_open(&s.source, args, args->operand[0], &err));
    MV_TRY(load_head(&s, &err));
    MV_TRY(choose_path(&s, &err));
    MV_TRY(send_stream(&s, &err));
    tell_sent(&s);
    code = through_queue(&s, &err);
    if (s.source.broke) {
        ui_say("the input ended in the middle of frame %llu, which was not sent",
               (unsigned long long)s.source.next);
        code = code == CLI_OK ? CLI_PARTIAL : code;
    }
done:
    live_source_close(&s.source);
    mv_head_free(&s.head);
    mv_model_free(&s.model);
    mv_identity_free(&s.sender);
    return st == MV_OK ? code : ui_fail(st, &err);
}

static const cli_option options[] = {
    {"to", 0, "URL", "the relay's address: https://host:port#key"},
    {"recipient", 'r', "CARD", "whose mailbox: card file, mv1... line or alias"},
    {"sender", 's', "IDENTITY", "who you are: every frame is signed, and a receipt can come"},
    {"size", 0, "WxH", "of frames on standard input"},
    {"channels", 0, "1|3", "of frames on standard input (default 1)"},
    {"bits", 0, "N", "of frames on standard input, 2 to 16 (default 8); above 8 in two bytes"},
    {"fps", 0, "N", "frames of a file in a second (default 30); 0: as fast as it goes"},
    {"embed-every", 0, "N", "an embedding with every Nth frame (default 30); 0: none"},
    {"model", 'm', "NAME|FILE", "whose head makes them (default cnn)"},
    {"wait", 0, NULL, "stay until the recipient's receipt is here"},
    PEOPLE_PASSPHRASE_OPTION,
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_live_send = {
    .name = "live send",
    .operands = "FILE|-",
    .summary = "seal and send frames as they come, to somebody who watches",
    .options = options,
    .run = run,
    .description =
        "Each frame is coded without loss, sealed, signed and sent at once; whoever holds the\n"
        "recipient's identity sees it with medveil live receive while the stream goes on, and\n"
        "whoever comes late from its first frame. A line that is slow or away holds up no frame:\n"
        "they are kept here, sealed, and follow. Frames come from standard input, raw, or are the\n"
        "frames or slices of a file (samples u8 or u16). At the end of the input, or at an\n"
        "interrupt, the stream is ended and signed, and becomes a file that waits on the relay;\n"
        "from then on the queue looks after it and its receipt.\n",
    .examples =
        "  medveil live send cine.dcm --to 'https://relay.example.org:7462#KEY' -r ward.card -s "
        "me.id\n"
        "  ffmpeg -i /dev/video0 -vf scale=224:224 -pix_fmt gray -f rawvideo - |\n"
        "    medveil live send - --size 224x224 --to 'https://relay.example.org:7462#KEY' -r "
        "ward.card\n",
    .operands_min = 1,
    .operands_max = 1,
};
