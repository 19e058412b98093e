/* proc - child processes by posix_spawn, descriptors, files, sockets. */
#ifndef OFFHOOK_PROC_H
#define OFFHOOK_PROC_H

#include <sys/socket.h>
#include <sys/types.h>

#include "buf.h"

struct proc_fd {
	int from, to;                       /* our descriptor `from` is the child's `to` */
};

/* 0, 1 and 2 stay what they are unless mapped; all other descriptors are closed in the child. argv and env end with NULL; env NULL = ours. Signals are back at their defaults, none blocked. */
enum err proc_spawn(pid_t *pid, const char *path, char *const argv[], char *const env[], const struct proc_fd *fds, size_t nfds);
enum err proc_self_dir(struct buf *out);               /* directory of our own executable */
enum err fd_nonblock(int fd, bool on);
enum err fd_write_all(int fd, struct span s);          /* blocking descriptors; EINTR handled */
enum err file_read(struct buf *out, const char *path); /* bounded by out->max */
enum err file_replace(const char *path, struct span s, unsigned mode);   /* temporary file, fsync, rename */
enum err dir_make(const char *path, unsigned mode);    /* with its parents; existing is fine */
enum err unix_listen(int *fd, const char *path, unsigned mode);          /* binds beside and renames: never a moment without a socket */
enum err unix_connect(int *fd, const char *path, int timeout_ms);
bool addr_parse(struct span address_port, struct sockaddr_storage *sa, socklen_t *len);      /* numeric, or localhost */
enum err tcp_listen(int *fd, struct span address_port, int backlog);     /* "127.0.0.1:8081", "[::]:443"; SO_REUSEADDR, not SO_REUSEPORT */

#endif
