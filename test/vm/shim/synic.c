// SPDX-License-Identifier: GPL-2.0-or-later
// Hyper-V's synthetic interrupt controller as QEMU has it: what the guest posts and signals, and
// what is posted and flagged to it.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qemu.h"
#include "shim.h"

// Without a SynIC, thus without KVM, only guest memory and resets work; QEMU must not even be asked
// for the rest.
enum { PAYLOAD = 240, SINT_COUNT = 16, VP_COUNT = 4096, POSTS_MAX = 4096, NO_BUFFERS = 19 };
enum { NO_CHANNEL = 0 };

// ---- from the guest

// Runs on a virtual processor's thread. "No buffers" makes the guest try again a little later.
static uint16_t on_message(const struct hv_post* post, void* connection) {
  struct piece type = {&post->type, sizeof(post->type)};
  struct piece payload = {post->payload, post->size < PAYLOAD ? post->size : PAYLOAD};
  if (!outbox_add(MSG, (uintptr_t)connection, type, payload, OUTBOX_MESSAGES)) return NO_BUFFERS;
  stream_kick();
  return 0;
}

struct listener {
  struct listener* next;
  uint32_t connection;
  int fd;
  struct qemu_event event;
};
static struct listener* listeners;

// A signal means "look at the ring": one on its way says all that later ones would.
static void on_event(void* opaque) {
  struct listener* listener = opaque;
  uint64_t count;
  if (read(listener->fd, &count, sizeof(count)) != sizeof(count)) return;
  if (outbox_has(EVENT, listener->connection)) return;
  outbox_add(EVENT, listener->connection, (struct piece){0}, (struct piece){0}, SIZE_MAX);
  stream_turn();
}

static struct listener** find_listener(uint32_t connection) {
  struct listener** link = &listeners;
  while (*link && (*link)->connection != connection) link = &(*link)->next;
  return link;
}

int synic_unlisten(uint32_t connection) {
  struct listener** link = find_listener(connection);
  struct listener* listener = *link;
  if (!listener) return -ENOENT;
  *link = listener->next;
  hyperv_set_event_flag_handler(connection, NULL);
  qemu_set_fd_handler(listener->fd, NULL, NULL, NULL);
  event_notifier_cleanup(&listener->event);
  free(listener);
  return 0;
}

int synic_listen(uint32_t connection) {
  if (*find_listener(connection)) return -EEXIST;
  if (!hyperv_is_synic_enabled()) return -ENODEV;
  struct listener* listener = calloc(1, sizeof(*listener));
  if (!listener) return -ENOMEM;
  int result = event_notifier_init(&listener->event, 0);
  if (result) {
    free(listener);
    return result;
  }
  listener->connection = connection;
  listener->fd = event_notifier_get_fd(&listener->event);
  listener->next = listeners;
  listeners = listener;
  qemu_set_fd_handler(listener->fd, on_event, NULL, listener);
  result = hyperv_set_event_flag_handler(connection, &listener->event);
  if (result) synic_unlisten(connection);
  return result;
}

// ---- to the guest

// The way to one interrupt source of one virtual processor. QEMU's part of it must be gone before a
// reset is over.
struct route {
  struct route* next;
  uint32_t vp;
  uint32_t sint;
  void* qemu;
  bool is_forgotten;
};
static struct route* routes;

struct post {
  struct post* next;
  struct route* route;
  uint64_t tag;
  struct hv_message message;
};
static struct post* oldest;
static struct post** newest = &oldest;
static int post_count;
static struct route* posting;

static void drop_oldest(void) {
  struct post* post = oldest;
  oldest = post->next;
  if (!oldest) newest = &oldest;
  post_count--;
  free(post);
}

// QEMU's answer to a message, in the main loop: the guest took it, or its slot was full and is free
// now (-EAGAIN).
static void on_posted(void* opaque, int status) {
  struct route* route = opaque;
  if (posting == route) posting = NULL;
  if (route->is_forgotten) {
    free(route);
    return;
  }
  if (status != -EAGAIN) {
    if (status) stream_answer_error(oldest->tag, status);
    drop_oldest();
  }
  stream_kick();  // QEMU takes the next one only after this function
}

// A route that QEMU makes while the guest has its SynIC switched off never interrupts, not even
// when that is on again: the message lies in its slot, and the guest waits for ever. So there is
// none before. Only the attempt to set a flag tells; 0 stands for no channel, guests skip it.
static int open_route(struct route* route) {
  route->qemu = hyperv_sint_route_new(route->vp, route->sint, on_posted, route);
  if (!route->qemu) return -ENODEV;
  int result = hyperv_set_event_flag(route->qemu, NO_CHANNEL);
  if (result) hyperv_sint_route_unref(route->qemu);
  return result;
}

// @returns 0, or -errno: -ENXIO while the SynIC is off, as in a machine that was just reset
static int route_to(uint32_t vp, uint32_t sint, struct route** found) {
  for (struct route* route = routes; route; route = route->next) {
    if (route->vp == vp && route->sint == sint) {
      *found = route;
      return 0;
    }
  }
  if (sint >= SINT_COUNT || vp >= VP_COUNT || !qemu_get_cpu((int)vp)) return -ENODEV;
  if (!hyperv_is_synic_enabled()) return -ENODEV;
  struct route* route = calloc(1, sizeof(*route));
  if (!route) return -ENOMEM;
  *route = (struct route){.next = routes, .vp = vp, .sint = sint};
  int result = open_route(route);
  if (result) {
    free(route);
    return result;
  }
  routes = route;
  *found = route;
  return 0;
}

// The slot of the SynIC holds one message, so one is on its way at a time.
void synic_pump(void) {
  if (!oldest || posting) return;
  int result = hyperv_post_msg(oldest->route->qemu, &oldest->message);
  if (result == 0) {
    posting = oldest->route;
    return;
  }
  if (result != -EAGAIN) {
    stream_answer_error(oldest->tag, result);
    drop_oldest();
  }
  stream_kick();
}

int synic_post(uint64_t tag, uint32_t vp, uint32_t sint, uint32_t type, const uint8_t* payload,
               uint32_t length) {
  if (length > PAYLOAD) return -EINVAL;
  if (post_count >= POSTS_MAX) return -ENOBUFS;
  struct route* route;
  int result = route_to(vp, sint, &route);
  if (result) return result;
  struct post* post = calloc(1, sizeof(*post));
  if (!post) return -ENOMEM;
  post->route = route;
  post->tag = tag;
  post->message.type = type;
  post->message.size = (uint8_t)((length + 7) & ~7u);
  memcpy(post->message.payload, payload, length);
  *newest = post;
  newest = &post->next;
  post_count++;
  synic_pump();
  return 0;
}

int synic_flag(uint32_t vp, uint32_t sint, uint32_t flag) {
  struct route* route;
  int result = route_to(vp, sint, &route);
  return result ? result : hyperv_set_event_flag(route->qemu, flag);
}

bool synic_is_posting(void) { return posting != NULL; }

// ---- the machine

uint32_t count_processors(void) {
  uint32_t count = 0;
  while (qemu_get_cpu((int)count)) count++;
  return count;
}

static void on_reset(void* unused) {
  (void)unused;
  while (oldest) drop_oldest();
  while (routes) {
    struct route* route = routes;
    routes = route->next;
    hyperv_sint_route_unref(route->qemu);
    route->is_forgotten = true;
    if (route != posting) free(route);  // else on_posted comes and frees it
  }
  posting = NULL;
  while (listeners) synic_unlisten(listeners->connection);
  stream_machine_was_reset();
}

// Messages for protocol versions before 5.0 come on connection 1, newer ones on 4.
void synic_start(void) {
  static const uint32_t connections[] = {1, 4};
  for (size_t i = 0; i < sizeof(connections) / sizeof(*connections); i++) {
    hyperv_set_msg_handler(connections[i], NULL, NULL);  // QEMU's own VMBus had it
    int result =
        hyperv_set_msg_handler(connections[i], on_message, (void*)(uintptr_t)connections[i]);
    if (result) say("cannot have message connection %u: %s", connections[i], strerror(-result));
  }
  qemu_register_reset(on_reset, NULL);
}
