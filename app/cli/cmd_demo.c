/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_demo.c: the whole way on one image, by running the same commands a user would type, in a
 * temporary folder, with a real relay and real sockets on loopback.
 */
#include "base/clock.h"
#include "base/file.h"
#include "commands.h"
#include "image/preprocess.h"
#include "medveil/image.h"
#include "paths.h"
#include "picture.h"
#include "ui.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

/* A real T1 brain scan, 181 x 217 x 181 voxels, from Debian's package mricron-data. */
static const char brain_scan[] = "/usr/share/mricron/templates/ch2.nii.gz";

static const cli_option options[] = {
    {"output", 'o', "FILE", "the picture to write (default: medveil-demo.png)"},
    {"keep", 0, NULL, "keep the temporary folder and say where it is"},
    {NULL, 0, NULL, NULL},
};

enum { ARGUMENTS_MAX = 16 };

typedef struct demo {
    const cli_args *args;
    const char *picture;
    char start_folder[PATH_SIZE]; /* where the user is */
    char folder[PATH_SIZE];       /* temporary; the demo works in it */
    pid_t relay;
    char address[512];
    char received[PATH_SIZE]; /* the .mv that came out of the relay */
    json_t *encrypt, *send, *receive, *decrypt, *quality, *exact;
    mv_image original;
} demo;

/* ---- running one command ---- */

/* In the child: become "medveil argument...", stdout to fd, stderr to talk.txt. */
static void become(const char *const *argument, int fd)
{
    const char *argv[ARGUMENTS_MAX + 2] = {"medveil"};
    size_t n = 1;
    const int talk = open("talk.txt", O_WRONLY | O_CREAT | O_TRUNC, 0600);

    for (; argument[n - 1] != NULL && n <= ARGUMENTS_MAX; n++) {
        argv[n] = argument[n - 1];
    }
    (void)dup2(fd, STDOUT_FILENO);
    (void)dup2(talk, STDERR_FILENO);
    (void)execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
    _exit(127);
}

static void show_command(const demo *d, const char *const *argument)
{
    if (cli_flag(d->args, "json")) {
        return;
    }
    fputs("  $ medveil", stderr);
    for (size_t i = 0; argument[i] != NULL; i++) {
        if (strcmp(argument[i], "--json") != 0) {
            fprintf(stderr, " %s", argument[i]);
        }
    }
    fputc('\n', stderr);
}

static pid_t spawn(const demo *d, const char *const *argument, int *out_fd)
{
    int ends[2] = {-1, -1};
    pid_t child = -1;

    show_command(d, argument);
    if (pipe(ends) != 0) {
        return -1;
    }
    child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        become(argument, ends[1]);
    }
    (void)close(ends[1]);
    if (child < 0) {
        (void)close(ends[0]);
        return -1;
    }
    *out_fd = ends[0];
    return child;
}

static void first_line_of_talk(char *line, size_t cap)
{
    FILE *talk = fopen("talk.txt", "r");
    line[0] = '\0';
    if (talk != NULL) {
        if (fgets(line, (int)cap, talk) != NULL) {
            line[strcspn(line, "\n")] = '\0';
        }
        (void)fclose(talk);
    }
}

/* Run to the end; the last JSON object of its stdout in *result (NULL: not wanted). */
static mv_status run_command(const demo *d, json_t **result, const char *const *argument,
                             mv_error *err)
{
    mv_status st = MV_OK;
    char text[8192];
    size_t len = 0;
    ssize_t got = 0;
    int fd = -1, code = 0;
    const pid_t child = spawn(d, argument, &fd);

    MV_REQUIRE(child > 0, err, MV_E_IO, "cannot start medveil %s: %s", argument[0],
               strerror(errno));
    while (len < sizeof text - 1 && (got = read(fd, text + len, sizeof text - 1 - len)) > 0) {
        len += (size_t)got;
    }
    text[len] = '\0';
    (void)close(fd);
    while (waitpid(child, &code, 0) < 0 && errno == EINTR) {
    }
    if (ui_interrupted()) {
        return MV_E_INTERRUPTED;
    }
    if (!WIFEXITED(code) || WEXITSTATUS(code) != CLI_OK) {
        char line[400];
        first_line_of_talk(line, sizeof line);
        st = mv_fail(err, MV_E_INTERNAL, "medveil %s failed: %s", argument[0], line);
        goto done;
    }
    if (result != NULL) {
        *result = json_loads(text, 0, NULL);
        MV_REQUIRE(*result != NULL, err, MV_E_INTERNAL, "medveil %s printed no JSON", argument[0]);
    }
done:
    return st;
}

#define RUN(result, ...) run_command(d, result, (const char *const[]){__VA_ARGS__, NULL}, err)

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* ---- the stages ---- */

/* Floats and signed samples cannot be a PNG: show them in 8 bits over their own range. */
static mv_status to_eight_bits(mv_image *image, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image shown = {0};
    const size_t count = mv_image_sample_count(image);
    double lo = mv_image_get(image, 0), hi = lo;

    st = mv_image_alloc(&shown, image->width, image->height, 1, image->channels, MV_SAMPLE_U8);
    MV_REQUIRE(st == MV_OK, err, st, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const double v = mv_image_get(image, i);
        lo = v < lo ? v : lo;
        hi = v > hi ? v : hi;
    }
    for (size_t i = 0; i < count; i++) {
        mv_image_set(&shown, i, hi > lo ? (mv_image_get(image, i) - lo) / (hi - lo) * 255 : 0);
    }
    mv_image_clear(image);
    *image = shown;
done:
    return st;
}

static mv_status take_image(demo *d, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image all = {0};
    const bool given = d->args->operand_count != 0;
    const char *path = given ? d->args->operand[0] : brain_scan;

    if (!given && access(brain_scan, R_OK) != 0) {
        (void)mv_fail(err, MV_E_NOT_FOUND, "the brain scan %s is not installed", brain_scan);
        mv_hint(err, "install the package mricron-data, or name an image: medveil demo IMAGE");
        return MV_E_NOT_FOUND;
    }
    MV_TRY(mv_image_load(&all, path, err));
    MV_TRY(mv_image_slice(&d->original, &all, all.depth / 2, 1));
    if (strncasecmp(path_extension(path), ".nii", 4) == 0) {
        mv_image_flip_rows(&d->original); /* NIfTI starts with the bottom row */
    }
    if (d->original.type != MV_SAMPLE_U8 && d->original.type != MV_SAMPLE_U16) {
        MV_TRY(to_eight_bits(&d->original, err));
    }
    if (!cli_flag(d->args, "json")) {
        ui_say("image: %s, slice %u of %u, %u x %u", path, all.depth / 2, all.depth,
               d->original.width, d->original.height);
    }
done:
    mv_image_clear(&all);
    return st;
}

static mv_status enter_folder(demo *d, mv_error *err)
{
    const char *base = getenv("TMPDIR");
    (void)snprintf(d->folder, sizeof d->folder, "%s/medveil-demo.XXXXXX",
                   base != NULL && base[0] != '\0' ? base : "/tmp");
    if (getcwd(d->start_folder, sizeof d->start_folder) == NULL || mkdtemp(d->folder) == NULL ||
        chdir(d->folder) != 0) {
        return mv_fail(err, MV_E_IO, "cannot make a temporary folder %s: %s", d->folder,
                       strerror(errno));
    }
    return MV_OK;
}

static mv_status wait_for_address(demo *d, mv_error *err)
{
    for (int i = 0; i < 1000 && !ui_interrupted(); i++) {
        FILE *file = fopen("relay.address", "r");
        const bool got = file != NULL && fgets(d->address, sizeof d->address, file) != NULL;
        if (file != NULL) {
            (void)fclose(file);
        }
        if (got) {
            d->address[strcspn(d->address, "\n")] = '\0';
            return MV_OK;
        }
        (void)usleep(10000);
    }
    char line[400];
    first_line_of_talk(line, sizeof line);
    return ui_interrupted() ? MV_E_INTERRUPTED
                            : mv_fail(err, MV_E_NETWORK, "the relay did not start: %s", line);
}

static mv_status start_relay(demo *d, mv_error *err)
{
    static const char config[] = "[relay]\nlisten = 127.0.0.1:0\nstate = relay-state\n";
    mv_status st = MV_OK;
    int fd = -1;

    MV_TRY(mv_file_write("relay.ini", (const uint8_t *)config, sizeof config - 1, 0, err));
    d->relay = spawn(d,
                     (const char *const[]){"relay", "--config", "relay.ini", "--address-file",
                                           "relay.address", NULL},
                     &fd);
    MV_REQUIRE(d->relay > 0, err, MV_E_IO, "cannot start the relay: %s", strerror(errno));
    (void)close(fd);
    MV_TRY(wait_for_address(d, err));
done:
    return st;
}

static mv_status find_received(demo *d, mv_error *err)
{
    const char *name = json_string_value(json_object_get(d->receive, "file"));
    return name != NULL ? path_copy(d->received, sizeof d->received, name, err)
                        : mv_fail(err, MV_E_INTERNAL, "receive named no file");
}

static mv_status travel(demo *d, mv_error *err)
{
    mv_status st = MV_OK;

    MV_TRY(mv_image_save(&d->original, "scan.png", true, err));
    MV_TRY(RUN(NULL, "keygen", "-o", "sender.id"));
    MV_TRY(RUN(NULL, "keygen", "-o", "receiver.id"));
    MV_TRY(start_relay(d, err));
    MV_TRY(RUN(&d->encrypt, "encrypt", "--json", "-s", "sender.id", "-r", "receiver.id.card",
               "--features", "scan.png", "-o", "scan.mv"));
    MV_TRY(RUN(&d->send, "send", "--json", "scan.mv", "--to", d->address, "-r", "receiver.id.card",
               "-s", "sender.id"));
    MV_TRY(RUN(&d->receive, "receive", "--json", "--from", d->address, "-i", "receiver.id", "-o",
               "inbox"));
    MV_TRY(find_received(d, err));
    MV_TRY(RUN(&d->decrypt, "decrypt", "--json", "-i", "receiver.id", "--from", "sender.id.card",
               "--reconstruct", d->received, "-o", "network.png"));
    MV_TRY(RUN(NULL, "decrypt", "-i", "receiver.id", "--from", "sender.id.card", d->received, "-o",
               "exact.png"));
    MV_TRY(RUN(&d->quality, "compare", "--json", "scan.png", "network.png"));
    MV_TRY(RUN(&d->exact, "compare", "--json", "scan.png", "exact.png"));
    MV_REQUIRE(json_is_true(json_object_get(d->exact, "identical")), err, MV_E_INTERNAL,
               "the exact image did not come back identical");
done:
    return st;
}

/* ---- what the user sees ---- */

static double psnr(const demo *d)
{
    return number(d->quality, "psnr_db"); /* 0 when identical: null */
}

static void print_table(const demo *d)
{
    const size_t raw = mv_image_sample_count(&d->original) * mv_sample_size(d->original.type);

    printf("\n  stage                        ms       what                    bytes\n");
    printf("  network encoder        %8.1f       raw image           %9zu\n",
           number(d->encrypt, "encode_ms"), raw);
    printf("  encrypt and seal       %8.1f       features            %9.0f\n",
           number(d->encrypt, "encrypt_ms"), number(d->encrypt, "bytes_features"));
    printf("    of it homomorphic    %8.1f       their ciphertext    %9.0f\n",
           number(d->encrypt, "he_ms"), number(d->encrypt, "bytes_ciphertext"));
    printf("  send                   %8.1f       whole .mv file      %9.0f\n",
           number(d->send, "ms"), number(d->encrypt, "bytes_total"));
    printf("  receive and verify     %8.1f\n", number(d->receive, "ms"));
    printf("  open and decrypt       %8.1f       network's image\n",
           number(d->decrypt, "decrypt_ms"));
    printf("    of it homomorphic    %8.1f       PSNR %.2f dB  RMSE %.5f  SSIM %.4f\n",
           number(d->decrypt, "he_ms"), psnr(d), number(d->quality, "rmse"),
           number(d->quality, "ssim"));
    printf("  network decoder        %8.1f       exact image: bit-identical\n\n",
           number(d->decrypt, "decode_ms"));
    printf("  picture: %s\n", d->picture);
}

static void print_json(const demo *d)
{
    ui_json(json_pack("{s:O, s:O, s:O, s:O, s:O, s:O, s:s}", "encrypt", d->encrypt, "send", d->send,
                      "receive", d->receive, "decrypt", d->decrypt, "quality", d->quality, "exact",
                      d->exact, "picture", d->picture));
}

static mv_status draw(demo *d, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image network = {0};
    mv_buffer sealed = mv_buffer_make((size_t)1 << 30);
    char caption[3][80], path[2 * PATH_SIZE];
    const char *captions[3] = {caption[0], caption[1], caption[2]};

    MV_TRY(mv_image_load(&network, "network.png", err));
    MV_TRY(mv_file_read(&sealed, d->received, err));
    (void)snprintf(caption[0], sizeof caption[0], "original: %u x %u, %u bits", d->original.width,
                   d->original.height, d->original.bits);
    (void)snprintf(caption[1], sizeof caption[1], "what the relay sees: %zu bytes", sealed.len);
    (void)snprintf(caption[2], sizeof caption[2], "decrypted: %.2f dB, SSIM %.4f", psnr(d),
                   number(d->quality, "ssim"));
    (void)snprintf(path, sizeof path, "%s%s%s", d->picture[0] == '/' ? "" : d->start_folder,
                   d->picture[0] == '/' ? "" : "/", d->picture);
    MV_TRY(picture_demo(path, &d->original, sealed.bytes, sealed.len, &network, captions, err));
done:
    mv_buffer_clear(&sealed);
    mv_image_clear(&network);
    return st;
}

/* ---- tidying ---- */

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

static void tidy(demo *d)
{
    json_t *const objects[] = {d->encrypt, d->send, d->receive, d->decrypt, d->quality, d->exact};
    if (d->relay > 0) {
        (void)kill(d->relay, SIGTERM);
        (void)waitpid(d->relay, NULL, 0);
    }
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
        json_decref(objects[i]);
    }
    mv_image_clear(&d->original);
    if (d->start_folder[0] == '\0' || chdir(d->start_folder) != 0) {
        return;
    }
    if (cli_flag(d->args, "keep")) {
        ui_say("kept %s", d->folder);
    } else {
        (void)nftw(d->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
}

static int run(const cli_args *args)
{
    static demo d; /* large; one per process */
    mv_status st = MV_OK;
    mv_error err = {0};

    d.args = args;
    d.picture = cli_value(args, "output") != NULL ? cli_value(args, "output") : "medveil-demo.png";
    MV_TRY(take_image(&d, &err));
    MV_TRY(enter_folder(&d, &err));
    MV_TRY(travel(&d, &err));
    MV_TRY(draw(&d, &err));
    if (cli_flag(args, "json")) {
        print_json(&d);
    } else {
        print_table(&d);
    }
done:
    tidy(&d);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

const cli_command cmd_demo = {
    .name = "demo",
    .operands = "[IMAGE]",
    .summary = "send one image the whole way, here, and show what happens",
    .options = options,
    .run = run,
    .operands_max = 1,
    .description =
        "Makes two identities and a relay in a temporary folder, then encrypts, sends, receives "
        "and\n"
        "decrypts one image through real sockets on this machine, printing each command as a user\n"
        "would type it. Without IMAGE it takes a slice of the brain scan of Debian's "
        "mricron-data.\n",
};
