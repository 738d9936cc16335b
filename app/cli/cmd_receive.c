/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_receive.c: what waits on a relay: fetched, authenticated, stored, and only then removed
 * there.
 */
#include "base/clock.h"
#include "base/file.h"
#include "commands.h"
#include "medveil/client.h"
#include "medveil/envelope.h"
#include "paths.h"
#include "people.h"
#include "restore.h"
#include "sealed.h"
#include "show.h"
#include "ui.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef struct receiving {
    mv_client *client;
    const mv_identity *identity;
    const char *dir;
    bool json, keep, drop_bad, open;
    size_t received;
    int first_failure; /* exit code; CLI_OK: none */
    bool any_bad;      /* a file was not authentic */
} receiving;

/* One file on its way. */
typedef struct arrival {
    const mv_client_file *file;
    char path[PATH_SIZE], part[PATH_SIZE];
    mv_sender sender;
    bool had_already;
    bool bad; /* it is whole, but does not open */
} arrival;

/* The beginning of the hash is name enough in one folder. */
static mv_status name_arrival(arrival *a, const receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    char name[SHOW_HEX_SIZE];
    show_hex(name, a->file->hash, 6);
    MV_TRY(path_join(a->path, sizeof a->path, r->dir, name, ".mv", err));
    MV_TRY(path_join(a->part, sizeof a->part, r->dir, name, ".mv.part", err));
done:
    return st;
}

/* Whether this very file was stored by an earlier receive. */
static mv_status look_for_earlier(arrival *a, mv_error *err)
{
    mv_status st = MV_OK;
    mv_client_file earlier;

    if (access(a->path, F_OK) != 0) {
        return MV_OK;
    }
    MV_TRY(mv_client_hash_file(&earlier, a->path, err));
    a->had_already = memcmp(earlier.hash, a->file->hash, MV_CLIENT_HASH_LEN) == 0;
    MV_REQUIRE(a->had_already, err, MV_E_EXISTS, "%s exists already and is another file", a->path);
done:
    return st;
}

/* Opens the envelope: everything in it has then been authenticated. */
static mv_status authenticate(arrival *a, const receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    sealed_file file = {0};
    mv_error why = {0};

    MV_TRY(sealed_source(&file, a->part, err));
    st = mv_opener_new(&file.opener, &file.source, r->identity, &why);
    if (st == MV_OK) {
        a->sender = *mv_opener_sender(file.opener);
    } else if (st != MV_E_MEMORY && st != MV_E_IO) {
        a->bad = true;
        st = mv_fail(err, MV_E_AUTH,
                     "a file of %llu bytes on the relay is not for this identity "
                     "or not authentic: %s",
                     (unsigned long long)a->file->len,
                     why.text[0] != '\0' ? why.text : mv_status_sentence(st));
    }
done:
    sealed_close(&file);
    return st;
}

static mv_status flush_folder(const char *dir, mv_error *err)
{
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool done = fd >= 0 && fsync(fd) == 0;
    const int why = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    return done ? MV_OK : mv_fail(err, MV_E_IO, "cannot write in %s: %s", dir, strerror(why));
}

/* Bad files are left where they are unless the user wants them gone. */
static void drop_bad(const arrival *a, const receiving *r, mv_error *err)
{
    if (!r->drop_bad) {
        mv_hint(err, "it stays on the relay; --drop-bad removes such files");
    } else if (mv_client_ack(r->client, a->file, NULL) == MV_OK) {
        mv_hint(err, "it has been removed from the relay");
    } else {
        mv_hint(err, "the relay could not be told to remove it");
    }
}

static mv_status fetch_and_store(arrival *a, const receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    MV_TRY(mv_client_fetch(r->client, a->file, a->part, err));
    st = authenticate(a, r, err);
    if (st != MV_OK) {
        (void)unlink(a->part);
        goto done;
    }
    MV_REQUIRE(rename(a->part, a->path) == 0, err, MV_E_IO, "cannot write %s: %s", a->path,
               strerror(errno));
    MV_TRY(flush_folder(r->dir, err));
done:
    return st;
}

static void announce(const arrival *a, const receiving *r, double ms)
{
    char sender[SHOW_SENDER_SIZE];
    if (r->json) {
        ui_json(json_pack("{s:s, s:I, s:f, s:o, s:b}", "file", a->path, "bytes",
                          (json_int_t)a->file->len, "ms", ms, "sender",
                          show_sender_json(&a->sender), "had_already", (int)a->had_already));
    } else if (a->had_already) {
        ui_say("%s is here already", a->path);
    } else {
        show_sender(sender, &a->sender);
        ui_say("received %s (%llu bytes), sender %s", a->path, (unsigned long long)a->file->len,
               sender);
    }
}

static void note_failure(receiving *r, const arrival *a, mv_status st, const mv_error *err)
{
    const int code = ui_fail(st, err);
    if (r->json) {
        ui_json(json_pack("{s:s, s:s}", "file", a->path, "error", mv_status_name(st)));
    }
    r->any_bad = r->any_bad || st == MV_E_AUTH;
    if (r->first_failure == CLI_OK) {
        r->first_failure = code;
    }
}

/* --open: the files inside, into a folder beside the sealed file and of its name. */
static mv_status open_arrival(const arrival *a, const receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    sealed_file sealed = {0};
    restore files = {0};
    char folder[PATH_SIZE];

    MV_TRY(path_copy(folder, sizeof folder, a->path, err));
    folder[strlen(folder) - strlen(".mv")] = '\0';
    if (a->had_already && access(folder, F_OK) == 0) {
        return MV_OK; /* opened earlier */
    }
    MV_TRY(sealed_open(&sealed, a->path, r->identity, NULL, err));
    MV_TRY(restore_begin(&files, sealed.opener, folder, false, err));
    for (size_t i = 0; i < mv_opener_count(sealed.opener); i++) {
        st = restore_exact(&files, i, err);
        MV_REQUIRE(st != MV_E_NOT_FOUND, err, st, "%s is lossy: its original is not inside",
                   a->path);
        MV_TRY(st);
    }
    MV_TRY(restore_finish(&files, err));
    if (!r->json) {
        ui_say("opened %s: %zu files", folder, mv_opener_count(sealed.opener));
    }
done:
    if (st == MV_E_NOT_FOUND) {
        mv_hint(err, "medveil decrypt --reconstruct gives the network's image");
    }
    restore_abort(&files);
    sealed_close(&sealed);
    return st;
}

static mv_status receive_one(receiving *r, const mv_client_file *file)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    arrival a = {.file = file, .sender = {.anonymous = true}};
    const double start_ms = mv_clock_ms();

    MV_TRY(name_arrival(&a, r, &err));
    MV_TRY(look_for_earlier(&a, &err));
    if (!a.had_already) {
        MV_TRY(fetch_and_store(&a, r, &err));
    }
    announce(&a, r, mv_clock_ms() - start_ms);
    r->received++;
    if (!r->keep) {
        MV_TRY(mv_client_ack(r->client, file, &err));
    }
    if (r->open) {
        MV_TRY(open_arrival(&a, r, &err));
    }
done:
    if (a.bad) {
        drop_bad(&a, r, &err);
    }
    if (st != MV_OK) {
        note_failure(r, &a, st, &err);
    }
    return st;
}

static int summary(const receiving *r)
{
    if (r->any_bad) {
        return CLI_INTEGRITY; /* outweighs everything else */
    }
    return r->received != 0 && r->first_failure != CLI_OK && r->first_failure != CLI_INTERRUPTED
               ? CLI_PARTIAL
               : r->first_failure;
}

static mv_status receive_all(receiving *r, mv_error *err)
{
    mv_status st = MV_OK;
    mv_client_file *files = NULL;
    size_t count = 0;

    MV_TRY(mv_client_list(r->client, &files, &count, err));
    if (count == 0) {
        ui_say("nothing is waiting for this identity");
    }
    for (size_t i = 0; i < count; i++) {
        if (receive_one(r, &files[i]) == MV_E_INTERRUPTED) {
            break;
        }
    }
done:
    mv_client_list_free(&files);
    return st;
}

static int usage(const char *what)
{
    ui_say("receive needs %s", what);
    ui_hint("medveil receive --from https://host:port#key -i IDENTITY -o DIR");
    return CLI_USAGE;
}

static int run(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    mv_identity *identity = NULL;
    mv_client_opts opts = mv_client_defaults();
    const char *dir = cli_value(args, "output");
    receiving r = {.dir = dir == NULL ? "." : dir,
                   .json = cli_flag(args, "json"),
                   .keep = cli_flag(args, "keep"),
                   .drop_bad = cli_flag(args, "drop-bad"),
                   .open = cli_flag(args, "open")};

    if (cli_value(args, "from") == NULL || cli_value(args, "identity") == NULL) {
        return usage(cli_value(args, "from") == NULL ? "--from URL" : "-i IDENTITY");
    }
    MV_TRY(people_identity(&identity, args, cli_value(args, "identity"), &err));
    r.identity = opts.identity = identity;
    opts.progress = ui_progress();
    MV_TRY(mv_client_new(&r.client, cli_value(args, "from"), &opts, &err));
    MV_TRY(path_make_folder(r.dir, &err));
    MV_REQUIRE(access(r.dir, W_OK | X_OK) == 0, &err, MV_E_IO, "cannot write in %s: %s", r.dir,
               strerror(errno));
    MV_TRY(receive_all(&r, &err));
done:
    mv_client_free(&r.client);
    mv_identity_free(&identity);
    return st == MV_OK ? summary(&r) : ui_fail(st, &err);
}

static const cli_option options[] = {
    {"from", 0, "URL", "the relay's address: https://host:port#key"},
    {"identity", 'i', "IDENTITY", "who you are: the file that keygen made"},
    {"output", 'o', "DIR", "where to store the files (default: here)"},
    {"open", 0, NULL, "also open each into the folder DIR/NAME"},
    {"keep", 0, NULL, "leave the files on the relay"},
    {"drop-bad", 0, NULL, "remove files from the relay that are not authentic"},
    PEOPLE_PASSPHRASE_OPTION,
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_receive = {
    .name = "receive",
    .summary = "fetch the sealed files that wait for an identity on a relay",
    .options = options,
    .run = run,
    .description =
        "Each file is fetched to DIR/NAME.mv.part, authenticated, renamed to DIR/NAME.mv, and "
        "only\n"
        "then removed from the relay. NAME is the beginning of the file's hash. A download that\n"
        "was cut goes on where it stopped when the command is repeated. A file that is not\n"
        "authentic is not stored (exit code 13). With --open the files inside appear in the "
        "folder\n"
        "DIR/NAME, all or none; the sealed file stays.\n",
    .examples =
        "  medveil receive --from 'https://relay.example.org:7462#KEY' -i radiology.id -o inbox\n",
};
