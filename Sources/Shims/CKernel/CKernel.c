#if defined(__linux__)
#define _GNU_SOURCE
#include "CKernel.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { maximum = 64 };

int ck_setns(int descriptor, int kind) { return setns(descriptor, kind); }

int ck_unshare(int flags) { return unshare(flags); }

int ck_pidfd_open(int pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

ssize_t ck_send_descriptors(int socket, const void *bytes, size_t length, const int *descriptors, size_t count) {
    if (count > maximum) {
        errno = EINVAL;
        return -1;
    }
    union {
        char bytes[CMSG_SPACE(maximum * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec vector = {.iov_base = (void *)bytes, .iov_len = length};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}

ssize_t ck_receive_descriptors(int socket, void *bytes, size_t length, int *descriptors, size_t capacity, size_t *count) {
    union {
        char bytes[CMSG_SPACE(maximum * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec vector = {.iov_base = bytes, .iov_len = length};
    struct msghdr message = {
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    *count = 0;
    ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (received < 0) {
        return received;
    }
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t available = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t index = 0; index < available; index++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(header) + index * sizeof(int), sizeof(int));
            if (*count < capacity) {
                descriptors[(*count)++] = descriptor;
            } else {
                close(descriptor);
            }
        }
    }
    return received;
}

int ck_peer_credentials(int socket, int *pid, unsigned int *uid, unsigned int *gid) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
        return -1;
    }
    *pid = credentials.pid;
    *uid = credentials.uid;
    *gid = credentials.gid;
    return 0;
}

int ck_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_CLOEXEC); }

int ck_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int ck_execvpe(const char *file, char *const *arguments, char *const *environment) {
    return execvpe(file, arguments, environment);
}

int ck_fork(void) { return fork(); }

int ck_parent_death_signal(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }

int ck_ioctl_value(int descriptor, unsigned long request, unsigned long value) {
    return ioctl(descriptor, request, value);
}

int ck_ioctl_pointer(int descriptor, unsigned long request, void *pointer) {
    return ioctl(descriptor, request, pointer);
}

static int release_segments(struct dl_phdr_info *program, size_t size, void *total) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (int index = 0; index < program->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &program->dlpi_phdr[index];
        // What may be written to is not in the file any more.
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W)) continue;
        size_t start = (program->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        size_t end = (program->dlpi_addr + segment->p_vaddr + segment->p_memsz) & ~(page - 1);
        if (end > start && madvise((void *)start, end - start, MADV_DONTNEED) == 0) *(size_t *)total += end - start;
    }
    // The first is the program; the libraries are others' too.
    return 1;
}

size_t ck_release_program(void) {
    size_t total = 0;
    dl_iterate_phdr(release_segments, &total);
    return total;
}

int ck_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

// The numbers are the same on all architectures.
enum { landlock_create_ruleset = 444, landlock_add_rule = 445, landlock_restrict_self = 446, close_range_number = 436 };

int ck_landlock_version(void) { return (int)syscall(landlock_create_ruleset, NULL, 0, 1); }

int ck_landlock_create(unsigned long long files, unsigned long long network, unsigned long long scopes, size_t size) {
    unsigned long long attributes[3] = {files, network, scopes};
    return (int)syscall(landlock_create_ruleset, attributes, size, 0);
}

int ck_landlock_add_path(int ruleset, int path, unsigned long long access) {
    struct {
        unsigned long long access;
        int path;
    } __attribute__((packed)) rule = {access, path};
    return (int)syscall(landlock_add_rule, ruleset, 1, &rule, 0);
}

int ck_landlock_restrict(int ruleset) { return (int)syscall(landlock_restrict_self, ruleset, 0); }

int ck_memory_file(const char *name) { return memfd_create(name, 0); }

int ck_spawn_close_from(void *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

int ck_close_from(unsigned int first) { return (int)syscall(close_range_number, first, ~0U, 0); }
#endif
