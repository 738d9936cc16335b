/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c: signals, then cli_run. Only this file ends the process.
 */
#include "cli.h"

#include "base/file.h"
#include "ui_internal.h"

#include <signal.h>
#include <string.h>

/* The first signal asks the work to stop; a second one ends the program at once, leaving no partial
 * file behind. */
static void on_stop(int number)
{
    if (ui_stop_requested) {
        mv_output_discard_all();
        (void)signal(number, SIG_DFL);
        (void)raise(number);
    }
    ui_stop_requested = 1;
}

int main(int argc, char **argv)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_stop;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    return cli_run(argc, argv);
}
