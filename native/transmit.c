/*
 * Moves bytes between a file and a connected TCP socket inside the kernel, without copying them into the process:
 * what Node has no call for (docs/decisions/0022). Both calls return at once when the socket is not ready; the
 * caller finds out by Node's own means when it is. Descriptors must be open: the caller looks them up in the same
 * turn of the event loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

enum { ARGUMENTS = 4, PIPE_BYTES = 1024 * 1024, RESCUE_BYTES = 64 * 1024 };

typedef struct {
  int from;
  int to;
  int64_t position;
  size_t length;
} Move;

/* Throws and is false when an argument is no descriptor, position or length. */
static bool read_move(napi_env env, napi_callback_info info, Move *move) {
  napi_value given[ARGUMENTS];
  size_t count = ARGUMENTS;
  int64_t numbers[ARGUMENTS];
  napi_get_cb_info(env, info, &count, given, NULL, NULL);
  for (size_t i = 0; i < ARGUMENTS; i++) {
    int64_t limit = i < 2 ? INT_MAX : INT64_MAX;
    if (i < count && napi_get_value_int64(env, given[i], &numbers[i]) == napi_ok && numbers[i] >= 0 &&
        numbers[i] <= limit)
      continue;
    napi_throw_type_error(env, NULL, "four numbers of at least 0 are expected");
    return false;
  }
  *move = (Move){(int)numbers[0], (int)numbers[1], numbers[2], (size_t)numbers[3]};
  return true;
}

static napi_value number(napi_env env, int64_t value) {
  napi_value result;
  napi_create_int64(env, value, &result);
  return result;
}

/*
 * sendFile(file, socket, position, length): the bytes that the socket took; 0 when it is full, the file ended, or
 * either failed, which the next ordinary call then tells.
 */
static napi_value send_file(napi_env env, napi_callback_info info) {
  Move move;
  if (!read_move(env, info, &move)) return NULL;
  int64_t sent = 0;
  off_t position = (off_t)move.position;
  while ((size_t)sent < move.length) {
    ssize_t took = sendfile(move.to, move.from, &position, move.length - (size_t)sent);
    if (took < 0 && errno == EINTR) continue;
    if (took <= 0) break;
    sent += took;
  }
  return number(env, sent);
}

static napi_value fail(napi_env env, int error) {
  char code[16];
  const char *name = strerrorname_np(error);
  snprintf(code, sizeof code, "%s", name == NULL ? "EIO" : name);
  napi_throw_error(env, code, strerror(error));
  return NULL;
}

/* What is between socket and file, empty between calls; all of a process's calls are on one thread. */
typedef struct {
  int out;
  int in;
} Pipe;

static Pipe channel = {-1, -1};

static bool open_channel(void) {
  int ends[2];
  if (channel.out >= 0) return true;
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
  /* A smaller one works too: users have a limit for all their pipes. */
  (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
  channel = (Pipe){ends[0], ends[1]};
  return true;
}

static void drop_channel(void) {
  close(channel.out);
  close(channel.in);
  channel = (Pipe){-1, -1};
}

/* For file systems that take nothing from a pipe. */
static ssize_t copy_out(int file, off_t position, size_t length) {
  static char rescue[RESCUE_BYTES];
  ssize_t got = read(channel.out, rescue, length < sizeof rescue ? length : sizeof rescue);
  if (got <= 0) return -1;
  for (ssize_t put = 0; put < got;) {
    ssize_t wrote = pwrite(file, rescue + put, (size_t)(got - put), position + put);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return -1;
    put += wrote;
  }
  return got;
}

/* 0, or the error that the file gave. */
static int empty_channel(int file, off_t position, size_t length) {
  while (length > 0) {
    off_t at = position;
    ssize_t wrote = splice(channel.out, NULL, file, &at, length, 0);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno == EINVAL) wrote = copy_out(file, position, length);
    if (wrote < 0) return errno;
    if (wrote == 0) return EIO;
    position += wrote;
    length -= (size_t)wrote;
  }
  return 0;
}

/*
 * receiveFile(socket, file, position, length): the bytes that came and are written; 0 when none are there, also
 * at their end. -1 when the connection failed: the kernel tells that once only, so the caller has to heed it.
 * Throws when the file cannot be written; what came is lost then.
 */
static napi_value receive_file(napi_env env, napi_callback_info info) {
  Move move;
  if (!read_move(env, info, &move)) return NULL;
  int64_t received = 0;
  if (!open_channel()) return number(env, 0);
  while ((size_t)received < move.length) {
    ssize_t came = splice(move.from, NULL, channel.in, NULL, move.length - (size_t)received, SPLICE_F_NONBLOCK);
    if (came < 0 && errno == EINTR) continue;
    if (came < 0 && errno != EAGAIN && errno != EINVAL) return number(env, -1);
    if (came <= 0) break;
    int error = empty_channel(move.to, (off_t)(move.position + received), (size_t)came);
    if (error != 0) {
      drop_channel();
      return fail(env, error);
    }
    received += came;
  }
  return number(env, received);
}

static bool export(napi_env env, napi_value exports, const char *name, napi_callback call) {
  napi_value function;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, call, NULL, &function) == napi_ok &&
         napi_set_named_property(env, exports, name, function) == napi_ok;
}

NAPI_MODULE_INIT() {
  if (!export(env, exports, "sendFile", send_file) || !export(env, exports, "receiveFile", receive_file))
    napi_throw_error(env, NULL, "transmit could not be set up");
  return exports;
}
