// SPDX-License-Identifier: GPL-2.0-or-later
// The connection to the process. All of it runs in QEMU's main loop, driven by readiness of the
// stream, by a "kick" from other threads, and by a ticker that runs only while something is awaited
// that announces itself to nobody.
//
// A guest cannot live without its host: when the process is lost, the machine is reset, and only
// then the next process is looked for. It begins with HELLO and a machine that has just started.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "qemu.h"
#include "shim.h"

enum { TICK_MS = 20, READ_AT_ONCE = 256 << 10 };
// A reset while a message is in the SynIC's hands ends QEMU with a failed assertion; a dead guest
// never takes it.
enum { TICKS_FOR_POSTING = 100 };

static const char* path;
static int fd = -1;
static bool is_open;
static bool told_waiting;
static int kick_fd;
static int ticker_fd;

static enum { NO_RESET, RESET_WANTED, RESET_REQUESTED } reset;
static int reset_ticks;

static uint8_t* inbox;
static size_t inbox_size;
static size_t inbox_used;

static void tick_every(int milliseconds) {
  struct timespec interval = {0, milliseconds * 1000000L};
  struct itimerspec setting = {interval, interval};
  timerfd_settime(ticker_fd, 0, &setting, NULL);
}

// May be called on any thread.
void stream_kick(void) {
  uint64_t one = 1;
  ssize_t written = write(kick_fd, &one, sizeof(one));
  (void)written;  // fails only if the counter is full, and then the main loop is awake anyway
}

// ---- open and lost

// A unix socket is connected to; a device counts as open when somebody holds its other end.
static bool try_socket(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return fd >= 0 && connect(fd, (struct sockaddr*)&address, sizeof(address)) == 0;
}

static bool try_device(void) {
  if (fd < 0) fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  struct pollfd state = {fd, POLLOUT, 0};
  return fd >= 0 && poll(&state, 1, 0) == 1 && !(state.revents & (POLLHUP | POLLERR));
}

static void forget_fd(void) {
  if (fd >= 0) close(fd);
  fd = -1;
}

static void try_open(void) {
  struct stat about;
  bool is_device = stat(path, &about) == 0 && S_ISCHR(about.st_mode);
  if (is_device ? !try_device() : !try_socket()) {
    if (!is_device) forget_fd();
    return;
  }
  uint32_t hello[2] = {PROTOCOL_VERSION, count_processors()};
  outbox_add_first(HELLO, (struct piece){hello, sizeof(hello)});
  is_open = true;
  told_waiting = false;
  inbox_used = 0;
  say("the host is there");
  stream_turn();
}

static void lose(const char* why) {
  say("lost the host: %s; resetting the machine", why);
  qemu_set_fd_handler(fd, NULL, NULL, NULL);
  forget_fd();  // a device too, so that the other side sees that its end was noticed
  is_open = false;
  outbox_clear();
  stream_reset_machine();
}

// ---- the machine's reset

void stream_reset_machine(void) {
  if (reset == NO_RESET) reset = RESET_WANTED;
  reset_ticks = 0;
  tick_every(TICK_MS);
}

// All guest state is gone, and with it what of it is still on its way to the process.
void stream_machine_was_reset(void) {
  outbox_forget_guest();
  reset = NO_RESET;
  if (!is_open) return;
  outbox_add(RESET, 0, (struct piece){0}, (struct piece){0}, SIZE_MAX);
  stream_kick();
}

static void on_tick(void* unused) {
  (void)unused;
  uint64_t count;
  if (read(ticker_fd, &count, sizeof(count)) != sizeof(count)) return;
  if (reset == RESET_WANTED && (!synic_is_posting() || ++reset_ticks > TICKS_FOR_POSTING)) {
    reset = RESET_REQUESTED;
    qemu_system_reset_request(QEMU_CAUSE_SYSTEM_RESET);
  }
  if (reset == NO_RESET && !is_open) try_open();
  tick_every(reset == NO_RESET && is_open ? 0 : TICK_MS);
}

// ---- frames in and out

void stream_answer_error(uint64_t tag, int error) {
  int32_t value = error;
  outbox_add(FAILED, tag, (struct piece){&value, sizeof(value)}, (struct piece){0}, SIZE_MAX);
}

static bool has_room_for_answers(void) {
  return reset == NO_RESET && outbox_bytes() <= OUTBOX_HIGH;
}

// The next whole frame in the inbox; NULL if it has not arrived.
static const uint8_t* whole_frame(size_t at, struct frame* frame) {
  if (inbox_used - at < sizeof(*frame)) return NULL;
  memcpy(frame, inbox + at, sizeof(*frame));
  return inbox_used - at - sizeof(*frame) >= frame->length ? inbox + at + sizeof(*frame) : NULL;
}

// Executes what has arrived. @returns false if the process sends nonsense
static bool execute_inbox(void) {
  struct frame frame = {0};
  size_t done = 0;
  const uint8_t* payload;
  while (has_room_for_answers() && (payload = whole_frame(done, &frame))) {
    execute(&frame, payload);
    done += sizeof(frame) + frame.length;
  }
  inbox_used -= done;
  if (done) memmove(inbox, inbox + done, inbox_used);
  return inbox_used < sizeof(frame) ||
         (memcpy(&frame, inbox, sizeof(frame)), frame.length <= PAYLOAD_MAX + 8);
}

static void on_readable(void* unused) {
  (void)unused;
  if (inbox_size - inbox_used < READ_AT_ONCE) {
    size_t wanted = 2 * inbox_size + READ_AT_ONCE;
    uint8_t* larger = realloc(inbox, wanted);
    if (!larger) return lose("no memory");
    inbox = larger;
    inbox_size = wanted;
  }
  ssize_t count = read(fd, inbox + inbox_used, READ_AT_ONCE);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return lose(count == 0 ? "end of the stream" : strerror(errno));
  inbox_used += (size_t)count;
  stream_turn();
}

static void on_writable(void* unused) {
  (void)unused;
  stream_turn();
}

// Does what can be done now and says what to wait for.
void stream_turn(void) {
  if (!is_open) return;
  if (!execute_inbox()) return lose("it sent a frame that is too long");
  int error = outbox_send(fd);
  if (error) return lose(strerror(-error));
  struct frame next;
  if (has_room_for_answers() && whole_frame(0, &next)) stream_kick();
  qemu_set_fd_handler(fd, has_room_for_answers() ? on_readable : NULL,
                      outbox_bytes() ? on_writable : NULL, NULL);
}

static void on_kick(void* unused) {
  (void)unused;
  uint64_t count;
  if (read(kick_fd, &count, sizeof(count)) != sizeof(count)) return;
  synic_pump();
  stream_turn();
  if (!is_open && reset == NO_RESET && !told_waiting && outbox_bytes()) {
    told_waiting = true;
    say("the guest waits for its host");
  }
}

void stream_start(const char* stream_path) {
  path = stream_path;
  kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  ticker_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  qemu_set_fd_handler(kick_fd, on_kick, NULL, NULL);
  qemu_set_fd_handler(ticker_fd, on_tick, NULL, NULL);
  tick_every(1);
}
