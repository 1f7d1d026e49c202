// Linux calls and constants that the Glibc module does not offer to Swift.
#pragma once
#if defined(__linux__)
#include <malloc.h> // mallopt is not in Glibc's module map
#include <stddef.h>
#include <sys/types.h>

// setns(2), unshare(2): declared only under _GNU_SOURCE.
int ck_setns(int descriptor, int kind);
int ck_unshare(int flags);

// pidfd_open(2): glibc before 2.36 has no wrapper, and syscall(2) is variadic.
int ck_pidfd_open(int pid);

// CMSG_* are macros. Up to 64 descriptors travel with one message.
ssize_t ck_send_descriptors(int socket, const void *bytes, size_t length, const int *descriptors, size_t count);
// What does not fit into `capacity` is closed. Descriptors arrive with close-on-exec set.
ssize_t ck_receive_descriptors(int socket, void *bytes, size_t length, int *descriptors, size_t capacity, size_t *count);

// struct ucred is declared only under _GNU_SOURCE.
int ck_peer_credentials(int socket, int *pid, unsigned int *uid, unsigned int *gid);

// accept4(2), execvpe(3), pipe2(2): declared only under _GNU_SOURCE.
int ck_accept(int listener);
int ck_pipe(int ends[2]);
int ck_execvpe(const char *file, char *const *arguments, char *const *environment);

// Swift forbids fork(2); it is right only before the process has a second thread.
int ck_fork(void);

// prctl(2) and ioctl(2) are variadic.
int ck_parent_death_signal(int signal);
int ck_ioctl_value(int descriptor, unsigned long request, unsigned long value);
int ck_ioctl_pointer(int descriptor, unsigned long request, void *pointer);

// dl_iterate_phdr(3) is declared only under _GNU_SOURCE. Unmaps what the program itself has of code and constants until it is used
// again, and returns how many bytes that is.
size_t ck_release_program(void);

int ck_no_new_privileges(void);

// landlock_*(2): glibc has no wrappers, and headers of older kernels lack the later fields.
int ck_landlock_version(void);
int ck_landlock_create(unsigned long long files, unsigned long long network, unsigned long long scopes, size_t size);
int ck_landlock_add_path(int ruleset, int path, unsigned long long access);
int ck_landlock_restrict(int ruleset);

// memfd_create(2), close_range(2): declared only under _GNU_SOURCE.
int ck_memory_file(const char *name);
int ck_close_from(unsigned int first);

// posix_spawn_file_actions_addclosefrom_np(3): declared only under _DEFAULT_SOURCE.
// `actions` is a posix_spawn_file_actions_t *, which is Glibc's in Swift.
int ck_spawn_close_from(void *actions, int first);
#endif
