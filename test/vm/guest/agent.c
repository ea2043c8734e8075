// SPDX-License-Identifier: MIT
// First process of a hosted guest: runs shell commands for the lab, any number at a time, over one virtio-serial port.
// Does what else a first process must: takes in orphans, switches off, restarts. It can give that up to the init of
// another root, and goes on there as an ordinary process.
//   agent PORT
// A frame, both ways, little-endian: u32 payload length, u32 kind, u32 job, payload.
// The other end is lab/hosted/agent.ts. The lab compiles this with the machine's cc, statically.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUN = 1, INPUT = 2, KILL = 3, HAND_OVER = 4, READY = 0x81, OUTPUT = 0x82, ERRORS = 0x83, ENDED = 0x84 };
enum { CHUNK = 16384, JOBS = 64, COMMAND_MAX = 1 << 20, LEFTOVER_CHUNKS = 64 };

struct frame {
  uint32_t length, kind, job;
};

// Input that the command has not read yet; `ends` after it.
struct input {
  int fd;
  uint8_t* bytes;
  size_t length;
  int ends;
};

struct job {
  uint32_t id;
  pid_t pid;  // 0: a free place
  int out, err;
  struct input in;
  int has_ended, status;
};

static struct job jobs[JOBS];
static int port;
static int is_first = 1;

static void fail(const char* what) {
  fprintf(stderr, "agent: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void send_bytes(const void* bytes, size_t length) {
  for (const uint8_t* at = bytes; length > 0;) {
    ssize_t written = write(port, at, length);
    if (written < 0 && errno != EINTR && errno != EAGAIN) fail("write");
    if (written < 0) continue;
    at += written;
    length -= (size_t)written;
  }
}

// One write a frame, because the port takes each as a whole.
static void send_frame(uint32_t kind, uint32_t job, const void* payload, uint32_t length) {
  static uint8_t buffer[sizeof(struct frame) + CHUNK];
  struct frame frame = {length, kind, job};
  memcpy(buffer, &frame, sizeof(frame));
  memcpy(buffer + sizeof(frame), payload, length);
  send_bytes(buffer, sizeof(frame) + length);
}

// False at the end of the stream, which is how a port without its lab reads.
static int receive(void* to, size_t length) {
  for (uint8_t* at = to; length > 0;) {
    ssize_t count = read(port, at, length);
    if (count < 0 && errno != EINTR && errno != EAGAIN) fail("read");
    if (count == 0) return 0;
    if (count < 0) continue;
    at += count;
    length -= (size_t)count;
  }
  return 1;
}

static void close_fd(int* fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

static struct job* find_job(uint32_t id) {
  for (int i = 0; i < JOBS; i++) {
    if (jobs[i].pid && jobs[i].id == id) return &jobs[i];
  }
  return NULL;
}

static void tell_end(uint32_t id, int32_t status) { send_frame(ENDED, id, &status, sizeof(status)); }

static void run(uint32_t id, const char* command) {
  struct job* job = NULL;
  for (int i = 0; i < JOBS && !job; i++) {
    if (!jobs[i].pid) job = &jobs[i];
  }
  int in[2], out[2], err[2];
  if (!job || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) {
    tell_end(id, 126);
    return;
  }
  pid_t pid = fork();
  if (pid == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setsid();
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    execl("/bin/sh", "sh", "-c", command, (char*)NULL);
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  close(err[1]);
  if (pid < 0) {
    close(in[1]);
    close(out[0]);
    close(err[0]);
    tell_end(id, 126);
    return;
  }
  fcntl(in[1], F_SETFL, O_NONBLOCK);
  *job = (struct job){.id = id, .pid = pid, .out = out[0], .err = err[0], .in = {.fd = in[1]}};
}

// Gives the command what it takes now.
static void feed(struct input* in) {
  while (in->fd >= 0 && in->length > 0) {
    ssize_t written = write(in->fd, in->bytes, in->length);
    if (written < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (written < 0) in->length = 0, in->ends = 1;  // it does not want to read any more
    if (written > 0) memmove(in->bytes, in->bytes + written, in->length -= (size_t)written);
  }
  if (!in->ends) return;
  close_fd(&in->fd);
  free(in->bytes);
  in->bytes = NULL;
}

static void add_input(struct input* in, const void* bytes, size_t length) {
  if (in->fd < 0 || in->ends) return;
  if (length == 0) {
    in->ends = 1;
  } else {
    in->bytes = realloc(in->bytes, in->length + length);
    if (!in->bytes) fail("realloc");
    memcpy(in->bytes + in->length, bytes, length);
    in->length += length;
  }
  feed(in);
}

// Makes `root`, a mount with /proc, /sys and /dev in it, the root of everything, kernel threads included: they share the
// first process's. Its /sbin/init becomes the first process, and a child of it carries on here.
static void hand_over(uint32_t id, const char* root) {
  if (chdir(root) || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/")) {
    tell_end(id, errno);
    return;
  }
  pid_t child = fork();
  if (child > 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    execl("/sbin/init", "init", (char*)NULL);
    fail("/sbin/init");
  }
  if (child < 0) fail("fork");
  is_first = 0;
  setsid();
  tell_end(id, 0);
}

static int take_frame(void) {
  static uint8_t payload[COMMAND_MAX + 1];
  struct frame frame;
  if (!receive(&frame, sizeof(frame))) return 0;
  if (frame.length > COMMAND_MAX) {
    errno = EMSGSIZE;
    fail("frame");
  }
  if (!receive(payload, frame.length)) return 0;
  payload[frame.length] = 0;
  struct job* job = find_job(frame.job);
  uint32_t number = 0;
  switch (frame.kind) {
    case RUN:
      if (!job) run(frame.job, (const char*)payload);
      break;
    case INPUT:
      if (job) add_input(&job->in, payload, frame.length);
      break;
    case KILL:
      memcpy(&number, payload, sizeof(number));
      if (job) kill(-job->pid, (int)number);
      break;
    case HAND_OVER:
      if (!job && is_first) hand_over(frame.job, (const char*)payload);
      break;
    default:
      break;
  }
  return 1;
}

static void pass_on(uint32_t id, uint32_t kind, int* fd) {
  static uint8_t bytes[CHUNK];
  ssize_t count = read(*fd, bytes, sizeof(bytes));
  if (count > 0) {
    send_frame(kind, id, bytes, (uint32_t)count);
  } else if (count == 0 || errno != EINTR) {
    close_fd(fd);
  }
}

static void reap(void) {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    for (int i = 0; i < JOBS; i++) {
      if (jobs[i].pid != pid) continue;
      jobs[i].has_ended = 1;
      jobs[i].status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
  }
}

// The signals with which busybox's halt, poweroff and reboot ask the first process.
static void take_signal(int fd) {
  struct signalfd_siginfo info;
  if (read(fd, &info, sizeof(info)) != sizeof(info)) return;
  if (info.ssi_signo == SIGCHLD) {
    reap();
    return;
  }
  if (!is_first) exit(0);
  sync();
  reboot(info.ssi_signo == SIGTERM ? RB_AUTOBOOT : RB_POWER_OFF);
}

// A job is over when its process is. Of what it printed, what is there by then still goes out; a daemon that it left
// behind may hold the other end for ever.
static void finish_jobs(void) {
  for (int i = 0; i < JOBS; i++) {
    struct job* job = &jobs[i];
    if (!job->pid || !job->has_ended) continue;
    struct pollfd rest[] = {{job->out, POLLIN, 0}, {job->err, POLLIN, 0}};
    for (int left = LEFTOVER_CHUNKS; left > 0 && poll(rest, 2, 0) > 0; left--) {
      if (rest[0].revents) pass_on(job->id, OUTPUT, &job->out);
      if (rest[1].revents) pass_on(job->id, ERRORS, &job->err);
      rest[0].fd = job->out;
      rest[1].fd = job->err;
    }
    close_fd(&job->out);
    close_fd(&job->err);
    job->in.ends = 1;
    job->in.length = 0;
    feed(&job->in);
    tell_end(job->id, job->status);
    job->pid = 0;
  }
}

static void loop(int signals) {
  struct pollfd wait[2 + 3 * JOBS];
  for (;;) {
    int count = 0;
    wait[count++] = (struct pollfd){port, POLLIN, 0};
    wait[count++] = (struct pollfd){signals, POLLIN, 0};
    for (int i = 0; i < JOBS; i++) {
      struct job* job = &jobs[i];
      int is_used = job->pid != 0;
      wait[count++] = (struct pollfd){is_used ? job->out : -1, POLLIN, 0};
      wait[count++] = (struct pollfd){is_used ? job->err : -1, POLLIN, 0};
      wait[count++] = (struct pollfd){is_used && job->in.length ? job->in.fd : -1, POLLOUT, 0};
    }
    if (poll(wait, (nfds_t)count, -1) < 0) continue;
    for (int i = 0; i < JOBS; i++) {
      struct pollfd* events = &wait[2 + 3 * i];
      if (events[0].revents) pass_on(jobs[i].id, OUTPUT, &jobs[i].out);
      if (events[1].revents) pass_on(jobs[i].id, ERRORS, &jobs[i].err);
      if (events[2].revents) feed(&jobs[i].in);
    }
    if (wait[1].revents) take_signal(signals);
    finish_jobs();
    if (wait[0].revents && !take_frame()) usleep(20000);
  }
}

int main(int count, char** arguments) {
  if (count != 2) return 2;
  sigset_t mine;
  sigemptyset(&mine);
  sigaddset(&mine, SIGCHLD);
  sigaddset(&mine, SIGUSR1);
  sigaddset(&mine, SIGUSR2);
  sigaddset(&mine, SIGTERM);
  sigprocmask(SIG_BLOCK, &mine, NULL);
  signal(SIGPIPE, SIG_IGN);
  int signals = signalfd(-1, &mine, SFD_CLOEXEC);
  port = open(arguments[1], O_RDWR | O_CLOEXEC);
  if (port < 0 || signals < 0) fail(arguments[1]);
  send_frame(READY, 0, "", 0);
  loop(signals);
}
