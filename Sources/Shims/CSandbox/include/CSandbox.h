// Linux calls that the sandbox's pod runtime needs and that the Glibc module does not offer to Swift: variadic ones
// (prctl, syscall), ones that Swift hides (fork), ones behind _GNU_SOURCE (unshare, setns), and control messages, which
// are macros. Each wraps one call; no logic. Every function returns what the call returns, with errno set.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CSB_NEWNS 0x00020000
#define CSB_NEWUTS 0x04000000
#define CSB_NEWIPC 0x08000000
#define CSB_NEWPID 0x20000000
#define CSB_NEWNET 0x40000000

/// fork(2). Only for a process with one thread.
pid_t csb_fork(void);
int csb_unshare(int flags);
int csb_setns(int descriptor, int flags);
/// prctl(PR_SET_PDEATHSIG).
int csb_set_parent_death_signal(int signal);
/// prctl(PR_CAPBSET_DROP).
int csb_drop_bounding(int capability);
int csb_set_no_new_privileges(void);
/// prctl(PR_SET_KEEPCAPS).
int csb_keep_capabilities(int keep);
/// prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE).
int csb_raise_ambient(int capability);
/// capset(2), version 3, on the caller.
int csb_set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable);
/// prctl(PR_SET_NAME).
int csb_set_name(const char *name);
int csb_pivot_root(const char *new_root, const char *put_old);
int csb_pidfd_open(pid_t pid);
/// A signalfd for the one signal, which is blocked as well; close-on-exec.
int csb_signal_descriptor(int signal);
/// Unblocks every signal and gives each its default action.
void csb_reset_signals(void);
/// mkdev and mknod of a character device.
int csb_make_device(const char *path, unsigned int mode, unsigned int major, unsigned int minor);
/// WIFEXITED and friends: exit status, or -1 when a signal ended the process.
int csb_exit_status(int status);
/// The signal that ended the process, or 0.
int csb_term_signal(int status);
/// sendmsg(2) with up to 16 descriptors attached (MSG_NOSIGNAL).
ssize_t csb_send(int socket, const void *bytes, size_t count, const int *descriptors, int descriptor_count);
/// recvmsg(2); stores up to 16 descriptors (close-on-exec) and their number.
ssize_t csb_receive(int socket, void *bytes, size_t count, int *descriptors, int *descriptor_count);
/// ioctl(TIOCSCTTY).
int csb_set_controlling_terminal(int descriptor);
int csb_set_window_size(int descriptor, unsigned short rows, unsigned short columns);
int csb_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data);
/// umount2(MNT_DETACH).
int csb_unmount_lazily(const char *target);
/// close_range(2) from the descriptor on.
int csb_close_from(unsigned int first);
