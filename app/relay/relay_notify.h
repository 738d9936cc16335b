/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_notify.h: telling a service manager how the relay is (the protocol of Type=notify units).
 */
#ifndef MV_RELAY_NOTIFY_H
#define MV_RELAY_NOTIFY_H

/* relay_notify: sends text ("READY=1", "STOPPING=1", "WATCHDOG=1") to $NOTIFY_SOCKET; nothing
 * without one. A manager that does not listen is no reason to stop. */
void relay_notify(const char *text);

#endif
