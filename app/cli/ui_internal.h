/* SPDX-License-Identifier: Apache-2.0
 *
 * ui_internal.h: the stop flag that main's signal handler sets and ui.c reads.
 */
#ifndef MV_CLI_UI_INTERNAL_H
#define MV_CLI_UI_INTERNAL_H

#include <signal.h>

extern volatile sig_atomic_t ui_stop_requested;

#endif
